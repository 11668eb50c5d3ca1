"""A small web app of these features alone, and a desk to ask it from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlmodel.ext.asyncio.session import AsyncSession

import server.stock.reactions
import server.wallets.reactions  # noqa: F401  moves a merged guest's money
from server.accounts import service as accounts
from server.accounts.models import Account
from server.accounts.routes import ROUTES as ACCOUNTS
from server.accounts.service import NewAccount
from server.brands import service as brands
from server.brands.routes import ROUTES as BRANDS
from server.catalog.routes import ROUTES as CATALOG
from server.kit import problems
from server.kit.database import Database
from server.kit.jobs.routes import ROUTES as JOBS
from server.kit.principal import Principal, Role, provide_member, provide_principal, provide_staff
from server.kit.redis import Redis
from server.kit.settings import Settings
from server.members import reactions as members_reactions
from server.members import service as members
from server.members.routes import ROUTES as MEMBERS
from server.stores import service as stores
from server.stores.models import Store
from server.stores.routes import ROUTES as STORES

__all__ = ["Desk", "Watch", "members_reactions"]

PASSWORD = "right horse battery"
_numbers = count(1)


@dataclass
class Watch:
    """The test's own time."""

    at: datetime = datetime(2025, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **duration: float) -> None:
        self.at += timedelta(**duration)


class WhoCalls(ASGIMiddleware):
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        headers = httpx.Headers(list(scope["headers"]))
        cookies = dict(
            part.strip().split("=", 1) for part in headers.get("cookie", "").split(";") if "=" in part
        )
        token = headers.get("authorization", "").removeprefix("Bearer ") or cookies.get(accounts.COOKIE, "")
        scope["user"] = await self._principal(scope["litestar_app"].state.desk, token) if token else None
        await next_app(scope, receive, send)

    async def _principal(self, desk: Desk, token: str) -> Principal | None:
        async with desk.database.transaction() as session:
            staff = await accounts.authenticate(session, token, desk.watch())
        return staff or await members.authenticate(desk.database, desk.settings.secret, token, desk.watch())


class Desk:
    """Asks over HTTP and seeds by the services."""

    def __init__(self, database: Database, redis: Redis, settings: Settings) -> None:
        self.database, self.redis, self.settings, self.watch = database, redis, settings, Watch()
        self.app = _app()
        self.app.state.desk, self.app.state.limiter, self.app.state.sms = self, None, None

    @asynccontextmanager
    async def browser(self, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
        """With cookies of its own."""
        app: Any = self.app
        transport = httpx.ASGITransport(app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url=self.settings.base_url) as client:
            yield client

    async def ask(
        self, method: str, path: str, *, by: str | None = None, address: str = "192.0.2.1", **request: Any
    ) -> httpx.Response:
        """One request; `by` is a bearer token."""
        headers = {"authorization": f"Bearer {by}"} if by else {}
        async with self.browser(address) as client:
            return await client.request(method, path, headers=headers | request.pop("headers", {}), **request)

    async def brand(self, name: str = "Tea House") -> UUID:
        async with self.database.transaction() as session:
            return (await brands.create(session, name)).id

    async def store(self, brand_id: UUID, name: str = "Hangzhou") -> Store:
        async with self.database.transaction() as session:
            return await stores.create(session, brand_id, name)

    async def account(
        self, brand_id: UUID, role: Role = Role.OWNER, *, store_id: UUID | None = None, login: str = ""
    ) -> tuple[Account, str]:
        """The account and a token of it."""
        new = NewAccount(
            login=login or f"{role}{next(_numbers)}",
            name="Li",
            password=PASSWORD,
            role=role,
            store_id=store_id,
        )
        async with self.database.transaction() as session:
            account = await accounts.create_account(session, brand_id, new)
            token = await accounts.issue_session(session, account, self.watch(), timedelta(days=1))
        return account, token

    async def staff(self, brand_id: UUID, role: Role = Role.OWNER, *, store_id: UUID | None = None) -> str:
        """A token."""
        return (await self.account(brand_id, role, store_id=store_id))[1]

    async def guest(self, name: str = "Wang", **body: Any) -> tuple[UUID, str]:
        """(member id, token)."""
        made = await self.ask("POST", "/api/guests", json={"name": name, **body})
        assert made.status_code == 201, made.text
        return UUID(made.json()["member_id"]), made.json()["token"]


def settings_for(database_url: str, redis_url: str, *, demo: bool = True) -> Settings:
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        data=Path("/nowhere"),
        secret="ab" * 32,
        base_url="https://shop.example",
        demo=demo,
    )


@cache
def _app() -> Litestar:
    """Made once, for it takes a while; the desk in its state is the test's."""

    async def session(state: State) -> AsyncGenerator[AsyncSession, None]:
        async with state.desk.database.transaction() as session:
            yield session

    def of_desk(part: str) -> Provide:
        def provide(state: State) -> Any:
            return getattr(state.desk, part)

        return Provide(provide, sync_to_thread=False)

    return Litestar(
        [*ACCOUNTS, *BRANDS, *STORES, *CATALOG, *MEMBERS, *JOBS],
        middleware=[WhoCalls()],
        exception_handlers=problems.EXCEPTION_HANDLERS,
        dependencies={
            "session": Provide(session),
            "staff": Provide(provide_staff),
            "member": Provide(provide_member),
            "principal": Provide(provide_principal),
            "settings": of_desk("settings"),
            "clock": of_desk("watch"),
            "database": of_desk("database"),
            "redis": of_desk("redis"),
        },
        request_max_body_size=1 << 20,
        openapi_config=None,
    )
