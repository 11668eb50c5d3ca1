"""Bodies are read as their types say, all over the app; queries stay as lenient as addresses must be."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar, get, post

from server.app import create_app
from server.kit.ids import uuid7
from server.kit.problems import EXCEPTION_HANDLERS
from server.web.bodies import StrictRequest
from tests.server.wallets.serving import settings_of


class Line(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=9)]
    gift: bool = False


class Basket(msgspec.Struct, forbid_unknown_fields=True, tag_field="kind", tag="basket"):
    lines: list[Line]


class Nothing(msgspec.Struct, forbid_unknown_fields=True, tag_field="kind", tag="nothing"):
    pass


@post("/baskets", status_code=200)
async def take(data: Basket | Nothing) -> list[Any]:
    return [[type(line.sku_id).__name__, line.quantity] for line in getattr(data, "lines", [])]


@get("/pages")
async def page(number: int) -> int:
    return number


@pytest.fixture
def client() -> httpx.AsyncClient:
    app: Any = Litestar(
        [take, page], request_class=StrictRequest, exception_handlers=EXCEPTION_HANDLERS, openapi_config=None
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test")


def basket(**line: Any) -> dict[str, Any]:
    return {"kind": "basket", "lines": [{"sku_id": str(uuid7()), "quantity": 1} | line]}


async def test_a_body_of_the_right_types_is_taken(client):
    assert (await client.post("/baskets", json=basket(quantity=5))).json() == [["UUID", 5]]
    assert (await client.post("/baskets", json={"kind": "nothing"})).json() == []
    assert (await client.get("/pages", params={"number": "5"})).json() == 5


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"quantity": "5"}, "lines[0].quantity"),
        ({"quantity": 5.5}, "lines[0].quantity"),
        ({"quantity": True}, "lines[0].quantity"),
        ({"quantity": 0}, "lines[0].quantity"),
        ({"gift": "true"}, "lines[0].gift"),
        ({"gift": 1}, "lines[0].gift"),
        ({"sku_id": 7}, "lines[0].sku_id"),
    ],
)
async def test_a_value_of_another_type_is_refused_by_its_place(client, line, field):
    answer = await client.post("/baskets", json=basket(**line))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"kind":"other"}', b'{"a":' * 3000, b"[" * 9000]
)
async def test_what_is_no_such_body_is_a_problem_and_no_fault_of_ours(client, body):
    answer = await client.post("/baskets", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid")


async def test_every_route_of_the_app_reads_its_body_so(database):
    app = create_app(settings_of(database))
    handlers = {
        id(handler): handler for route in app.routes for handler in getattr(route, "route_handlers", [])
    }
    strict = [handler for handler in handlers.values() if getattr(handler, "parsed_data_field", None)]
    assert len(strict) > 50
    assert {handler.resolve_request_class() for handler in strict} == {StrictRequest}
