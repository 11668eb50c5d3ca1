"""One request, one session, one commit at the edge: before the first byte of a good answer goes out.

A middleware and not a generator dependency: what a handler answers is known to be kept when it is sent, and an answer
that tells of a refusal (4xx, 5xx) keeps nothing. Where the commit fails, the answer is that failure's problem instead.
"""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.database import Database

log = structlog.get_logger()

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
        """Raises when what a good answer tells of can't be kept."""
        if self.session is not None:
            session, self.session = self.session, None
            try:
                if status < 400:
                    await session.commit()
            finally:
                await _close(session)


async def _close(session: AsyncSession) -> None:
    """What is not committed is rolled back: by us, or by PostgreSQL when it is the connection that is gone."""
    try:
        await session.close()
    except Exception as error:
        log.warning("a connection was given up", why=repr(error))
        await session.invalidate()


class UnitOfWork(ASGIMiddleware):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] != ScopeType.HTTP:
            await next_app(scope, receive, send)
            return
        unit = _Unit(self._database)
        scope["state"][_KEY] = unit
        kept = True

        async def send_when_settled(message: Message) -> None:
            nonlocal kept
            if message["type"] == "http.response.start":
                try:
                    await unit.settle(message["status"])
                except Exception as error:
                    kept = False
                    await _explain(Request(scope, receive), error, send)
            if kept:
                await send(message)

        try:
            await next_app(scope, receive, send_when_settled)
        finally:
            await unit.settle(500)


async def _explain(request: Request[Any, Any, Any], error: Exception, send: Send) -> None:
    """In the place of an answer that was not sent. Litestar takes it for sent: raised, this would end in plain text."""
    render: Any = request.app.exception_handlers[Exception]
    answer = render(request, error).to_asgi_response(app=None, request=request)
    await answer(request.scope, request.receive, send)


async def provide_session(request: Request[Any, Any, Any]) -> AsyncSession:
    unit: _Unit = request.scope["state"][_KEY]
    return unit.open()
