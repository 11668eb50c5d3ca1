"""The web role: the only place where everything is wired together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from litestar import Litestar, Request
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins.prometheus import PrometheusConfig
from litestar.response import Response
from sqlmodel.ext.asyncio.session import AsyncSession

import server.reactions  # noqa: F401  a fact recorded here finds its in-transaction reactions
from live.broker.redis import RedisBroker
from live.hub import Hub
from live.presence import Presence
from server.accounts.routes import ROUTES as ACCOUNTS
from server.after_sale.routes import ROUTES as AFTER_SALE
from server.attribution.routes import ROUTES as ATTRIBUTION
from server.brands.routes import ROUTES as BRANDS
from server.carrying.carried import CarriedDesk
from server.carrying.routes import ROUTES as CARRYING
from server.catalog.routes import ROUTES as CATALOG
from server.chat.moderation_routes import ROUTES as MODERATION
from server.chat.routes import ROUTES as CHAT
from server.chat.service import Chat
from server.chat.word_routes import ROUTES as WORDS
from server.conversations.routes import ROUTES as CONVERSATIONS
from server.dashboards.board_routes import ROUTES as BOARDS
from server.dashboards.routes import ROUTES as DASHBOARDS
from server.dashboards.service import LatestFigures, RoomBoards
from server.feeds.routes import ROUTES as FEEDS
from server.flash_sales import service as flash_sales
from server.flash_sales.book import SaleBook
from server.flash_sales.claims import ClaimDesk
from server.flash_sales.counter import ROUTES as CLAIMS
from server.flash_sales.counter import ClaimDoor, Counter
from server.flash_sales.routes import ROUTES as FLASH_SALES
from server.kit import problems
from server.kit.background import Background
from server.kit.clock import Clock, utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.jobs.routes import ROUTES as JOBS
from server.kit.limits import Limiter
from server.kit.principal import provide_member, provide_principal, provide_staff
from server.kit.redis import connect
from server.kit.settings import Settings
from server.members.routes import ROUTES as MEMBERS
from server.orders.routes import ROUTES as ORDERS
from server.payments.providers import Providers
from server.payments.routes import ROUTES as PAYMENTS
from server.rooms.kinds.routes import ROUTES as SESSION_TEMPLATES
from server.rooms.media import MediaDoor
from server.rooms.media_gateway import MediaGateway
from server.rooms.media_proxy import ice_servers, media_routes
from server.rooms.present import HereNow
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
from server.web.bodies import StrictRequest
from server.web.heads import Heads
from server.web.health import ROUTES as HEALTH
from server.web.metrics import ROUTES as METRICS
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
    *AFTER_SALE,
    *TIPPING,
    *ATTRIBUTION,
    *ROOMS,
    *SESSION_TEMPLATES,
    *SOCKETS,
    *CARRYING,
    *CHAT,
    *MODERATION,
    *WORDS,
    *CONVERSATIONS,
    *FLASH_SALES,
    *CLAIMS,
    *BOARDS,
    *DASHBOARDS,
    *FEEDS,
    *JOBS,
    *HEALTH,
    *METRICS,
)

OPENAPI = OpenAPIConfig(
    title="Showfloor",
    version="1",
    path="/schema",
    render_plugins=[JsonRenderPlugin()],
    security=[{"BearerToken": []}],
    components=Components(security_schemes={"BearerToken": SecurityScheme(type="http", scheme="bearer")}),
)


class Wiring:
    """What the handlers share: made with the app, opened when it starts, closed when it stops."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.database = Database(settings.database_url)
        self.redis = connect(settings.redis_url)
        self.broker = RedisBroker(settings.redis_url)
        self.presence = Presence(settings.redis_url, str(uuid7()))
        self.hub = Hub(self.broker, self.presence)
        self.chat = Chat(self.database, self.broker, self.redis, clock)
        self.media_gateway = MediaGateway(settings)
        self.media_door = MediaDoor(self.database, settings, clock, Limiter(self.redis))
        self.room_views = RoomViews(self.database, self.presence, self.broker)
        self.carried_desk = CarriedDesk(self.database)
        self.providers = Providers(settings, self.database)
        self.heads = Heads(self.database, settings)
        self._background = Background()
        self._claim_desk = ClaimDesk(settings.database_url, self.redis, clock, self._lay_gate)
        book = SaleBook(self.database, self._background)
        self.counter = Counter(self.database, settings, book, self._claim_desk)

    async def _lay_gate(self, sale_id: UUID) -> None:
        await flash_sales.lay_gate(self.database, self.redis, sale_id)

    @asynccontextmanager
    async def lifespan(self, _: Litestar) -> AsyncIterator[None]:
        await self._claim_desk.start()
        try:
            yield
        finally:
            await self.hub.stop()
            await self.chat.stop()
            await self.presence.aclose()
            await self.media_gateway.aclose()
            await self.heads.stop()
            await self._claim_desk.stop()
            await self._background.stop()
            await self.providers.aclose()
            await self.broker.aclose()
            await self.redis.aclose()
            await self.database.close()

    def dependencies(self) -> dict[str, Provide]:
        """By the names of the handlers' parameters."""
        house = House(
            self.database, self.settings, self.clock, self.hub, self.broker, self.chat, self.room_views
        )
        shared = {
            "settings": self.settings,
            "clock": self.clock,
            "database": self.database,
            "redis": self.redis,
            "broker": self.broker,
            "hub": self.hub,
            "presence": self.presence,
            "chat": self.chat,
            "media_gateway": self.media_gateway,
            "room_views": self.room_views,
            "carried_desk": self.carried_desk,
            "house": house,
            "latest_figures": LatestFigures(self.database),
            "room_boards": RoomBoards(self.database, self.clock),
            "here_now": HereNow(self.presence),
            "counter": self.counter,
            "heads": self.heads,
            "providers": self.providers,
        }
        return {
            "session": Provide(provide_session),
            "staff": Provide(provide_staff),
            "member": Provide(provide_member),
            "principal": Provide(provide_principal),
            **{name: _given(value) for name, value in shared.items()},
        }


def _given(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False, use_cache=True)


def create_app(settings: Settings, clock: Clock = utc_now) -> Litestar:
    """The web role's application. It opens its connections when it starts and closes them when it stops."""
    wiring = Wiring(settings, clock)
    metrics = PrometheusConfig(app_name="showfloor", prefix="showfloor", group_path=True, exclude=["/assets"])
    app = Litestar(
        route_handlers=[
            *FEATURES,
            *media_routes(wiring.media_door, wiring.media_gateway, lambda: ice_servers(settings, clock())),
            *pages.routes(),
        ],
        lifespan=[wiring.lifespan],
        before_send=[SecurityHeaders(settings)],
        middleware=[
            metrics.middleware,
            Authentication(wiring.database, settings, clock),
            UnitOfWork(wiring.database),
        ],
        exception_handlers={Exception: page_or_problem},
        request_class=StrictRequest,
        dependencies=wiring.dependencies(),
        openapi_config=OPENAPI,
        request_max_body_size=MAX_BODY,
        logging_config=None,
        signature_types=[AsyncSession],
    )
    app.asgi_handler = ClaimDoor(app.asgi_handler, settings, wiring.counter, clock)
    return app


def page_or_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A person gets a page that says what to do, a program gets problem+json."""
    answer = problems.answer(request, error)
    if pages.wants_page(request):
        return pages.page(request, "problem", answer.status_code or 500)
    return answer
