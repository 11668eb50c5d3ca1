"""Errors carry their own HTTP status; one renderer turns them into RFC 9457 `application/problem+json`."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from server.kit.database import cause_of, is_away

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"


class Wired(msgspec.Struct, frozen=True):
    """An answer as ASGI sends it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Problem(Exception):
    """A refusal the caller can act on. `data` is merged into the problem body, so that a page can correct itself."""

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str = "", **data: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.data = data

    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:showfloor:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "slug": self.slug,
            **({"detail": self.detail} if self.detail else {}),
            **self.data,
        }

    @cached_property
    def wired(self) -> Wired:
        """The answer, for whoever sends it without the framework; made once, however many get it."""
        body = self.body()
        raw = msgspec.json.encode(body)
        headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", b"%d" % len(raw))]
        if (wait := body.get("retry_after_s")) is not None:
            headers.append((b"retry-after", str(wait).encode()))
        return Wired(self.status, headers, raw)


class NotSignedIn(Problem):
    status, slug, title = 401, "not-signed-in", "Sign in first"


class Forbidden(Problem):
    status, slug, title = 403, "forbidden", "Your role does not allow this"


class CrossOrigin(Problem):
    status, slug, title = 403, "cross-origin", "The request came from another site"


class NotFound(Problem):
    status, slug, title = 404, "not-found", "There is nothing here"


class Conflict(Problem):
    status, slug, title = 409, "conflict", "That is not possible in the present state"


class Gone(Problem):
    status, slug, title = 410, "gone", "That has ended"


class Invalid(Problem):
    """The body, a parameter or a header is wrong; `errors` lists `{field, message}`."""

    status, slug, title = 422, "invalid", "Something in the request is wrong"


class TooMany(Problem):
    status, slug, title = 429, "too-many-requests", "Too many requests; wait a moment"


class Unavailable(Problem):
    status, slug, title = 503, "unavailable", "Not available right now; try again"


def render(body: dict[str, Any]) -> Response[bytes]:
    headers = {}
    if (wait := body.get("retry_after_s")) is not None:
        headers["Retry-After"] = str(wait)
    return Response(
        msgspec.json.encode(body), status_code=body["status"], media_type=PROBLEM_JSON, headers=headers
    )


def _problem(_: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    return render(error.body())


def _validation(_: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [
        {"field": str(e.get("key", "")), "message": str(e.get("message", ""))}
        for e in extra
        if isinstance(e, dict)
    ]
    return render(Invalid(errors=errors or [{"field": "", "message": error.detail}]).body())


_TITLES = {401: NotSignedIn, 403: Forbidden, 404: NotFound, 429: TooMany}


def _http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    if status == 400:  # Litestar's own parsing failures: a body that is no JSON, a wrong parameter
        return render(Invalid(errors=[{"field": "", "message": error.detail}]).body())
    if kind := _TITLES.get(status):
        return render(kind().body())
    body = {
        "type": "about:blank",
        "title": error.detail,
        "status": status,
        "slug": f"http-{status}",
    }
    response = render(body)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _away(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.warning("the database is away", path=request.scope.get("path"), why=repr(error))
    return render(Unavailable(retry_after_s=1).body())


def _crowded(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Two transactions waited for each other and this one was undone whole: asking again is safe and right."""
    log.warning("a deadlock", path=request.scope.get("path"), why=repr(error))
    return render(Unavailable(retry_after_s=1).body())


def _unfit(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What no column can hold, such as a NUL in a text, was let through by the request's own types."""
    log.warning("data that no column holds", path=request.scope.get("path"), why=repr(error))
    return render(Invalid(errors=[{"field": "", "message": "a value that can't be kept"}]).body())


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.exception("unhandled", path=request.scope.get("path"), exc_info=error)
    return render(
        {
            "type": "about:blank",
            "title": "Something went wrong on our side",
            "status": 500,
            "slug": "internal",
        }
    )


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Any exception as problem+json."""
    match error:
        case Problem():
            return _problem(request, error)
        case ValidationException():
            return _validation(request, error)
        case HTTPException():
            return _http(request, error)
        case _ if is_away(error):
            return _away(request, error)
        case _ if cause_of(error, asyncpg.DeadlockDetectedError):
            return _crowded(request, error)
        case _ if cause_of(error, asyncpg.DataError):
            return _unfit(request, error)
        case _:
            return _unexpected(request, error)


EXCEPTION_HANDLERS: Any = {Exception: answer}
