"""The web role: the only place where everything is wired together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController
from litestar.response import Response
from sqlmodel.ext.asyncio.session import AsyncSession

import server.reactions  # noqa: F401  a fact recorded here finds its in-transaction reactions
from live.broker.redis import RedisBroker
from live.hub import Hub
from live.presence import Presence
from server.accounts.routes import ROUTES as ACCOUNTS
from server.attribution.routes import ROUTES as ATTRIBUTION
from server.brands.routes import ROUTES as BRANDS
from server.catalog.routes import ROUTES as CATALOG
from server.chat.routes import ROUTES as CHAT
from server.chat.service import Chat
from server.dashboards.routes import ROUTES as DASHBOARDS
from server.dashboards.service import LatestFigures
from server.flash_sales import service as flash_sales
from server.flash_sales.claims import ClaimDesk
from server.flash_sales.routes import ROUTES as FLASH_SALES
from server.flash_sales.routes import SaleBook
from server.kit import problems
from server.kit.background import Background
from server.kit.clock import Clock, utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import provide_member, provide_principal, provide_staff
from server.kit.redis import GateDown, connect
from server.kit.settings import Settings
from server.members.routes import ROUTES as MEMBERS
from server.orders.routes import ROUTES as ORDERS
from server.payments.routes import ROUTES as PAYMENTS
from server.rooms.media import MediaDoor
from server.rooms.media_proxy import MediaGateway, media_routes
from server.rooms.routes import ROUTES as ROOMS
from server.rooms.snapshot import RoomViews
from server.rooms.socket import ROUTES as SOCKETS
from server.rooms.socket import House
from server.stock.routes import ROUTES as STOCK
from server.stores.routes import ROUTES as STORES
from server.tipping.routes import ROUTES as TIPPING
from server.wallets.routes import ROUTES as WALLETS
from server.web import pages
from server.web.authentication import Authentication
from server.web.health import ROUTES as HEALTH
from server.web.security import SecurityHeaders
from server.web.unit_of_work import UnitOfWork, provide_session

MAX_BODY = 1 << 20
"""Bytes of a request body; picture and CSV uploads set their own."""

FEATURES: Sequence[Any] = (
    *ACCOUNTS,
    *BRANDS,
    *STORES,
    *CATALOG,
    *MEMBERS,
    *STOCK,
    *WALLETS,
    *PAYMENTS,
    *ORDERS,
    *TIPPING,
    *ATTRIBUTION,
    *ROOMS,
    *SOCKETS,
    *CHAT,
    *FLASH_SALES,
    *DASHBOARDS,
    *HEALTH,
)


class Metrics(PrometheusController):
    path = "/metrics"
    include_in_schema = False


def create_app(settings: Settings, clock: Clock = utc_now) -> Litestar:
    """The web role's application. It opens its connections when it starts and closes them when it stops."""
    database = Database(settings.database_url)
    redis = connect(settings.redis_url)
    broker = RedisBroker(settings.redis_url)
    presence = Presence(settings.redis_url, str(uuid7()))
    hub = Hub(broker, presence)
    chat = Chat(database, broker, redis, clock)
    media_gateway = MediaGateway(settings)
    room_views = RoomViews(database, presence, broker)
    background = Background()

    async def lay_gate(sale_id: Any) -> None:
        try:
            await flash_sales.lay_gate(database, redis, sale_id)
        except GateDown:
            return  # the worker lays it when Redis is back

    claim_desk = ClaimDesk(
        settings.database_url,
        redis,
        clock,
        lost_gate=lambda sale_id: background.once(f"gate:{sale_id}", lay_gate(sale_id)),
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await claim_desk.start()
        try:
            yield
        finally:
            await hub.stop()
            await chat.stop()
            await presence.aclose()
            await media_gateway.aclose()
            await claim_desk.stop()
            await background.stop()
            await broker.aclose()
            await redis.aclose()
            await database.close()

    def given(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False, use_cache=True)

    def page_or_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """A person gets a page that says what to do, a program gets problem+json."""
        answer = problems.answer(request, error)
        if pages.wants_page(request):
            return pages.page(request, "problem", answer.status_code or 500)
        return answer

    metrics = PrometheusConfig(app_name="showfloor", prefix="showfloor", group_path=True, exclude=["/assets"])
    return Litestar(
        route_handlers=[
            *FEATURES,
            *media_routes(MediaDoor(database, settings, clock), media_gateway),
            *pages.routes(),
            Metrics,
        ],
        lifespan=[lifespan],
        middleware=[
            SecurityHeaders(settings),
            metrics.middleware,
            Authentication(database, settings, clock),
            UnitOfWork(database),
        ],
        exception_handlers={Exception: page_or_problem},
        dependencies={
            "session": Provide(provide_session),
            "staff": Provide(provide_staff),
            "member": Provide(provide_member),
            "principal": Provide(provide_principal),
            "settings": given(settings),
            "clock": given(clock),
            "database": given(database),
            "redis": given(redis),
            "broker": given(broker),
            "hub": given(hub),
            "presence": given(presence),
            "chat": given(chat),
            "media_gateway": given(media_gateway),
            "room_views": given(room_views),
            "house": given(House(database, settings, clock, hub, broker, chat, room_views)),
            "latest_figures": given(LatestFigures(database)),
            "claim_desk": given(claim_desk),
            "sale_book": given(SaleBook()),
        },
        openapi_config=OpenAPIConfig(
            title="Showfloor",
            version="1",
            path="/schema",
            render_plugins=[JsonRenderPlugin()],
            security=[{"BearerToken": []}],
            components=Components(
                security_schemes={"BearerToken": SecurityScheme(type="http", scheme="bearer")}
            ),
        ),
        request_max_body_size=MAX_BODY,
        logging_config=None,
        signature_types=[AsyncSession],
    )
