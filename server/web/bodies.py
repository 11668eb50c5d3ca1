"""Request bodies are what their types say: "5" is no 5. Litestar itself would read a body as leniently as a query."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request

from server.kit.problems import Invalid

_PATH = re.compile(r" - at `\$\.?(.*)`$")


class StrictRequest(Request[Any, Any, Any]):
    """Its JSON is decoded straight into the type of the handler's `data`, which Litestar then takes as it is."""

    async def json(self) -> Any:
        """Raises `Invalid` (422)."""
        field = self.route_handler.parsed_data_field
        if field is None:
            return await super().json()
        try:
            return _decoder(field.annotation).decode(await self.body())
        except msgspec.ValidationError as error:
            message = str(error)
            path = _PATH.search(message)
            where = path[1] if path else "data"
            raise Invalid(errors=[{"field": where, "message": _PATH.sub("", message)}]) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Invalid(errors=[{"field": "", "message": f"no JSON: {error}"}]) from error


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)
