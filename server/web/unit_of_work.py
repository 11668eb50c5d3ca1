"""One request, one session, one commit at the edge: before the first byte of a good answer goes out.

A middleware and not a generator dependency: what a handler answers is known to be kept when it is sent, and an answer
that tells of a refusal (4xx, 5xx) keeps nothing.
"""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.database import Database

_KEY = "showfloor.unit_of_work"


class _Unit:
    """The request's session, made when it is first asked for; it takes a connection at its first statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.session: AsyncSession | None = None

    def open(self) -> AsyncSession:
        if self.session is None:
            self.session = self._database.session()
        return self.session

    async def settle(self, status: int) -> None:
        if self.session is not None:
            session, self.session = self.session, None
            try:
                await (session.commit() if status < 400 else session.rollback())
            finally:
                await session.close()


class UnitOfWork(ASGIMiddleware):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] != ScopeType.HTTP:
            await next_app(scope, receive, send)
            return
        unit = _Unit(self._database)
        scope["state"][_KEY] = unit

        async def send_when_settled(message: Message) -> None:
            if message["type"] == "http.response.start":
                await unit.settle(message["status"])
            await send(message)

        try:
            await next_app(scope, receive, send_when_settled)
        finally:
            await unit.settle(500)


async def provide_session(request: Request[Any, Any, Any]) -> AsyncSession:
    unit: _Unit = request.scope["state"][_KEY]
    return unit.open()
