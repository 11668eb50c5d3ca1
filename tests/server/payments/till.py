"""What happens at a shop's till: orders, payments over HTTP, notices, the worker's rounds, its own time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role, provide_member, provide_principal, provide_staff
from server.kit.problems import EXCEPTION_HANDLERS
from server.kit.redis import Redis
from server.kit.settings import Settings
from server.orders import checks as order_checks
from server.orders import placing, refunding
from server.orders.models import Order
from server.orders.routes import ROUTES as ORDERS
from server.payments import service as payments
from server.payments.models import Payment, Refund
from server.payments.providers import Providers
from server.payments.providers.sandbox import Sandbox
from server.payments.rounds import Rounds
from server.payments.routes import ROUTES as PAYMENTS
from server.stock.service import Taking
from server.wallets.routes import ROUTES as WALLETS
from server.web.bodies import StrictRequest
from tests.server.shop import Shop

PRICE_MINOR = 9900


class Till:
    def __init__(self, shop: Shop, settings: Settings) -> None:
        self.shop, self.settings, self.database = shop, settings, shop.database
        self.providers = Providers(settings, self.database)
        app: Any = _app()
        app.state.till, app.state.limiter = self, None
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test", trust_env=False)
        self.known: dict[str, Principal] = {}
        self.rounds = Rounds(self.database, self.providers, self.now)
        self.ahead = timedelta()
        self.redis: Redis | None = None

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def staff(self, role: Role, brand_id: UUID | None = None) -> Principal:
        return Principal(
            kind="staff", id=uuid7(), brand_id=brand_id or self.shop.brand_id, role=role, name=role.value
        )

    async def ask(self, by: Principal | None, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {**request.pop("headers", {}), "X-Caller": str(by.id) if by else ""}
        if by is not None:
            self.known[str(by.id)] = by
        return await self.http.request(method, path, headers=headers, **request)

    async def order(self, member: Principal) -> UUID:
        async with self.database.transaction() as session:
            placed = await placing.place(
                session, member, self.shop.room_id, [Taking(self.shop.sku_id, 1)], uuid7().hex, b"", utc_now()
            )
        return placed.order_id

    async def start(self, member: Principal, order_id: UUID, provider: str, **body: Any) -> httpx.Response:
        path = f"/api/orders/{order_id}/payments"
        return await self.ask(member, "POST", path, json={"provider": provider, **body})

    async def started(self, provider: str, **body: Any) -> tuple[Principal, UUID, dict[str, Any]]:
        """(buyer, order, answer) of a payment that began."""
        member = await self.shop.member()
        order_id = await self.order(member)
        answer = await self.start(member, order_id, provider, **body)
        assert answer.status_code == 201, answer.text
        return member, order_id, answer.json()

    async def notify(self, provider: str, notice: tuple[bytes, dict[str, str]]) -> httpx.Response:
        raw, headers = notice
        path = f"/api/payments/webhooks/{provider}"
        return await self.ask(None, "POST", path, content=raw, headers=headers)

    async def sandbox_notices(self, *, lost: int = 0) -> list[httpx.Response]:
        """The sandbox sends what is due, and this is what it was answered."""
        answers: list[httpx.Response] = []

        async def pass_on(request: httpx.Request) -> httpx.Response:
            if len(answers) < lost:
                answers.append(httpx.Response(503))
                return answers[-1]
            answers.append(await self.notify("sandbox", (request.content, dict(request.headers))))
            return answers[-1]

        transport = httpx.MockTransport(pass_on)
        async with httpx.AsyncClient(transport=transport, base_url="http://own", trust_env=False) as web:
            await Sandbox(self.settings, self.database).send_due(web)
        return answers

    async def refund(self, order_id: UUID, amount_minor: int = 1000) -> UUID:
        async with self.database.transaction() as session:
            return await refunding.refund(
                session, self.shop.owner, order_id, amount_minor, uuid7().hex, "broken cup", utc_now()
            )

    async def later(self, **duration: float) -> None:
        """So much time passes, and the worker makes its rounds."""
        self.ahead += timedelta(**duration)
        await self.rounds.once()

    async def payment(self, payment_id: str | UUID) -> Payment:
        async with self.database.transaction() as session:
            return await session.get_one(Payment, UUID(str(payment_id)))

    async def refunded(self, refund_id: UUID) -> Refund:
        async with self.database.transaction() as session:
            return await session.get_one(Refund, refund_id)

    async def read(self, order_id: UUID) -> Order:
        async with self.database.transaction() as session:
            return (await session.exec(select(Order).where(Order.id == order_id))).one()

    async def books_are_right(self) -> None:
        async with self.database.transaction() as session:
            for verify in (payments.verify, order_checks.verify):
                assert {name: rows for name, rows in (await verify(session)).items() if rows} == {}


class WhoCalls(ASGIMiddleware):
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        caller = dict(scope["headers"]).get(b"x-caller", b"").decode()
        scope["user"] = scope["litestar_app"].state.till.known.get(caller)
        await next_app(scope, receive, send)


@cache
def _app() -> Litestar:
    """Made once, for it takes a while; the till in its state is the test's."""

    async def session(state: State) -> AsyncGenerator[AsyncSession, None]:
        async with state.till.database.transaction() as session:
            yield session

    def of_till(part: str) -> Provide:
        def provide(state: State) -> Any:
            return getattr(state.till, part)

        return Provide(provide, sync_to_thread=False)

    return Litestar(
        [*ORDERS, *PAYMENTS, *WALLETS],
        middleware=[WhoCalls()],
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=StrictRequest,
        dependencies={
            "session": Provide(session),
            "staff": Provide(provide_staff),
            "member": Provide(provide_member),
            "principal": Provide(provide_principal),
            "clock": of_till("now"),
            **{part: of_till(part) for part in ("settings", "database", "providers")},
            "redis": of_till("redis"),
        },
        signature_types=[AsyncSession],
        openapi_config=None,
        logging_config=None,
    )
