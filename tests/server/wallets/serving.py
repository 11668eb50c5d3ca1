"""Some routes of the product behind real guards and a real database, without its other features."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock, utc_now
from server.kit.database import Database
from server.kit.principal import Principal, provide_member, provide_principal, provide_staff
from server.kit.problems import EXCEPTION_HANDLERS
from server.kit.redis import Redis
from server.kit.settings import Settings
from server.payments.providers import Providers
from server.web.bodies import StrictRequest


def settings_of(database: Database) -> Settings:
    return Settings(
        database_url=database.url,
        redis_url="redis://",
        data=Path("/nowhere"),
        secret="5a" * 32,
        base_url="https://shop.example",
        sandbox=True,
    )


async def waits_for_a_lock(database: Database) -> bool:
    """Whether any statement in this database is waiting for another transaction."""
    async with database.transaction() as session:
        row = await session.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
        )
        return bool(row.scalar_one())


class Served:
    """`as_(principal)` is a client signed in as that one; `as_(None)` as nobody."""

    def __init__(
        self,
        database: Database,
        routes: Sequence[Any],
        clock: Clock = utc_now,
        settings: Settings | None = None,
        redis: Redis | None = None,
    ) -> None:
        self.settings = settings or settings_of(database)
        self._known: dict[str, Principal] = {}

        async def provide_session() -> AsyncGenerator[AsyncSession, None]:
            async with database.transaction() as session:
                yield session

        def given(value: Any) -> Provide:
            return Provide(lambda: value, sync_to_thread=False)

        self._app = Litestar(
            route_handlers=list(routes),
            middleware=[self._sign_in],
            exception_handlers=EXCEPTION_HANDLERS,
            request_class=StrictRequest,
            dependencies={
                "session": Provide(provide_session),
                "staff": Provide(provide_staff),
                "member": Provide(provide_member),
                "principal": Provide(provide_principal),
                "settings": given(self.settings),
                "clock": given(clock),
                "database": given(database),
                "redis": given(redis),
                "providers": given(Providers(self.settings, database)),
            },
            signature_types=[AsyncSession],
            openapi_config=None,
            logging_config=None,
        )

    def _sign_in(self, app: ASGIApp) -> ASGIApp:
        async def signed_in(scope: Scope, receive: Receive, send: Send) -> None:
            name = dict(scope["headers"]).get(b"authorization", b"").decode()
            scope["user"] = self._known.get(name)
            await app(scope, receive, send)

        return signed_in

    def as_(self, who: Principal | None, **headers: str) -> httpx.AsyncClient:
        if who is not None:
            self._known[f"Bearer {who.id}"] = who
            headers["Authorization"] = f"Bearer {who.id}"
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._app), base_url="http://test", headers=headers
        )
