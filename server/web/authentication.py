"""Who is calling, for HTTP and WebSocket alike: `scope["user"]` becomes a `Principal` or `None`.

Members send `Authorization: Bearer` (a signed token); staff a Bearer or the HttpOnly cookie. Other sites can cause any
request but one with a Bearer: with the visitor's cookie, or to sign them in as somebody else. So what changes something
without a Bearer must come from this origin (as Go's CrossOriginProtection does it: `Sec-Fetch-Site`, else `Origin`),
and so must a WebSocket handshake. Only a public room's picture may be asked for from anywhere, by nobody.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from server.accounts import service as accounts
from server.kit.clock import Clock
from server.kit.database import Database, is_away
from server.kit.principal import Principal
from server.kit.problems import CrossOrigin
from server.kit.settings import Settings
from server.members import service as members

COOKIE = "showfloor_staff"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC_FILES = ("/assets/", "/images/", "/health/")
PICTURES = "/whep/"


class Authentication(ASGIMiddleware):
    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._secret = settings.secret
        self._clock = clock
        self._host = urlsplit(settings.base_url).netloc

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["user"], scope["auth"] = None, None
        if not scope["path"].startswith(PUBLIC_FILES):
            headers = Headers.from_scope(scope)
            token, by_cookie = _token(scope, headers)
            if _needs_our_origin(scope, headers, token, by_cookie) and not self._same_origin(headers):
                raise CrossOrigin
            if token:
                try:
                    scope["user"], scope["auth"] = await self._principal(token), token
                except Exception as error:
                    if scope["type"] == ScopeType.WEBSOCKET and is_away(error):
                        await _ask_to_come_again(send)
                        return
                    raise
        await next_app(scope, receive, send)

    async def _principal(self, token: str) -> Principal | None:
        if token.count(".") == 2:
            return await members.authenticate(self._database, self._secret, token, self._clock())
        async with self._database.transaction() as session:
            return await accounts.authenticate(session, token, self._clock())

    def _same_origin(self, headers: Headers) -> bool:
        """Not a browser (no such header), or this site itself."""
        if (site := headers.get("sec-fetch-site")) is not None and site in {"same-origin", "none"}:
            return True
        origin = headers.get("origin")
        if origin is None:
            return site is None
        try:
            return urlsplit(origin).netloc in {headers.get("host"), self._host}
        except ValueError:  # a bracket that isn't closed
            return False


async def _ask_to_come_again(send: Send) -> None:
    """A handshake that is merely closed reads as 403: never."""
    start: Any = {"type": "websocket.http.response.start", "status": 503, "headers": [(b"retry-after", b"1")]}
    body: Any = {"type": "websocket.http.response.body", "body": b""}
    await send(start)
    await send(body)


def _needs_our_origin(scope: Scope, headers: Headers, token: str, by_cookie: bool) -> bool:
    if scope["type"] == ScopeType.WEBSOCKET:
        return bool(headers.get("origin"))
    if scope["method"] in SAFE or (token and not by_cookie):
        return False
    return by_cookie or not scope["path"].startswith(PICTURES)


def _token(scope: Scope, headers: Headers) -> tuple[str, bool]:
    """(token, whether a cookie brought it)."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip(), False
    if scope["type"] == ScopeType.WEBSOCKET:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if query.get("token"):
            return query["token"][0], False
    cookie = ASGIConnection[Any, Any, Any, Any](scope).cookies.get(COOKIE, "")
    return cookie, bool(cookie)
