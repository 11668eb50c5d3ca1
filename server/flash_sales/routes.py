"""Flash sales over HTTP: the host's desk."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID, uuid5

import msgspec
from litestar import get, post
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales import cards, laying, making, selling, waiting
from server.flash_sales.cards import SaleCard
from server.flash_sales.kinds import offers
from server.flash_sales.kinds.terms import First, Gift, Terms, Wanted
from server.flash_sales.making import NewSale, Quota
from server.flash_sales.models import FlashSale
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.ids import uuid7
from server.kit.money import PositiveMinor
from server.kit.principal import RUNS_ROOMS, Principal, Role, allow
from server.kit.problems import Forbidden, Invalid, NotFound
from server.kit.redis import GateDown, Redis
from server.orders import service as orders
from server.orders.service import WaitingHold

Units = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class SaleLine(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: UUID
    price_minor: PositiveMinor
    stock: Units


class FirstUnits(msgspec.Struct, forbid_unknown_fields=True):
    units: Units
    price_minor: PositiveMinor


class SaleGift(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: UUID
    per_unit: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1


class StoreQuota(msgspec.Struct, forbid_unknown_fields=True):
    """Units on top of the sale's own for the viewers that the store brought; `sku_id` where the sale has several."""

    store_id: UUID
    units: Units
    sku_id: UUID | None = None


class OpenSale(msgspec.Struct, forbid_unknown_fields=True):
    """Either one product (`sku_id`, `price_minor`, `stock`) or `lines`. `kind` says what else is needed: `first_n`
    takes `first` (the price of the line follows after it), `bundle` takes `gifts`. With `own_quota_only` whoever came
    by a store with a quota buys from that alone; otherwise from the quota first and then from what is there for all.
    `open` starts it at once; otherwise it waits for `POST …/open`. It ends `duration_seconds` after it opened."""

    sku_id: UUID | None = None
    price_minor: PositiveMinor | None = None
    stock: Units | None = None
    lines: Annotated[list[SaleLine], msgspec.Meta(min_length=1, max_length=20)] | None = None
    kind: Literal["flash_price", "first_n", "price_drop", "bundle"] = "flash_price"
    first: FirstUnits | None = None
    gifts: Annotated[list[SaleGift], msgspec.Meta(max_length=5)] = []
    quotas: Annotated[list[StoreQuota], msgspec.Meta(max_length=2000)] = []
    own_quota_only: bool = False
    title: Annotated[str, msgspec.Meta(max_length=80)] = ""
    limit_per_buyer: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    hold_seconds: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 300
    duration_seconds: Annotated[int, msgspec.Meta(ge=5, le=7 * 86400)] = 300
    open: bool = True

    def terms(self) -> Terms:
        """Raises `Invalid` (422)."""
        one = (self.sku_id, self.price_minor, self.stock)
        lines = self.lines
        if lines is None and self.sku_id and self.price_minor and self.stock:
            lines = [SaleLine(self.sku_id, self.price_minor, self.stock)]
        elif lines is None or any(part is not None for part in one):
            raise Invalid(
                errors=[{"field": "lines", "message": "give either sku_id, price_minor and stock, or lines"}]
            )
        return Terms(
            [Wanted(line.sku_id, line.price_minor, line.stock) for line in lines],
            First(self.first.units, self.first.price_minor) if self.first else None,
            [Gift(gift.sku_id, gift.per_unit) for gift in self.gifts],
        )


class MoreStock(msgspec.Struct, forbid_unknown_fields=True):
    add: Units


class LowerPrice(msgspec.Struct, forbid_unknown_fields=True):
    """`sku_id` where the sale has several products."""

    price_minor: PositiveMinor
    sku_id: UUID | None = None


async def room_of_mine(session: AsyncSession, staff: Principal, room_id: UUID) -> None:
    """The room must be the staff's to run. Raises `NotFound`, and `Forbidden` for a host in a store's own room."""
    row = (
        await session.execute(text("SELECT brand_id, store_id FROM room WHERE id = :id"), {"id": room_id})
    ).first()
    if row is None or row[0] != staff.brand_id:
        raise NotFound
    if not staff.may_run_room(row[0], row[1]):
        raise Forbidden if staff.role is Role.HOST else NotFound


_runs_sales = allow(*RUNS_ROOMS, Role.MANAGER, Role.GUIDE)


@post(
    "/api/rooms/{room_id:uuid}/flash-sales",
    status_code=HTTP_201_CREATED,
    guards=[_runs_sales],
    tags=["flash sales"],
)
async def create(
    room_id: UUID,
    data: OpenSale,
    staff: Principal,
    database: Database,
    redis: Redis,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> SaleCard:
    """Make a sale from headquarters' stock and open it, by default, at once. With an Idempotency-Key a second tap gives
    the same sale."""
    new = NewSale(
        offers=offers(data.kind, data.terms()),
        kind=data.kind,
        title=data.title.strip(),
        limit_per_buyer=data.limit_per_buyer,
        hold_seconds=data.hold_seconds,
        duration_seconds=data.duration_seconds,
        quotas=[Quota(quota.store_id, quota.units, quota.sku_id) for quota in data.quotas],
        own_quota_only=data.own_quota_only,
    )
    key = require_key(idempotency_key) if idempotency_key else None
    async with database.transaction() as session:
        await room_of_mine(session, staff, room_id)
        asked = request_hash("sale", room_id, data)
        sale = await making.create(session, staff, room_id, new, key=key, asked=asked)
        if data.open and sale.state == "scheduled":
            await selling.open_sale(session, sale, clock())
        shown = await cards.card(session, sale)
    await _lay_gate(database, redis, sale.id)
    return shown


@get("/api/rooms/{room_id:uuid}/flash-sales", guards=[_runs_sales], tags=["flash sales"])
async def listing(room_id: UUID, staff: Principal, session: AsyncSession) -> list[SaleCard]:
    await room_of_mine(session, staff, room_id)
    return await cards.cards(session, room_id)


_SALE = "/api/rooms/{room_id:uuid}/flash-sales/{sale_id:uuid}"


@post(f"{_SALE}/open", status_code=HTTP_200_OK, guards=[_runs_sales], tags=["flash sales"])
async def open_sale(
    room_id: UUID, sale_id: UUID, staff: Principal, database: Database, redis: Redis, clock: Clock
) -> SaleCard:
    async with _changing(database, redis, staff, room_id, sale_id, opens=True) as (session, sale):
        await selling.open_sale(session, sale, clock())
        return await cards.card(session, sale)


@post(f"{_SALE}/close", status_code=HTTP_200_OK, guards=[_runs_sales], tags=["flash sales"])
async def close(
    room_id: UUID, sale_id: UUID, staff: Principal, database: Database, redis: Redis, clock: Clock
) -> SaleCard:
    """Call it: nobody can claim any more; who holds may still pay."""
    async with _changing(database, redis, staff, room_id, sale_id) as (session, sale):
        await selling.close(session, sale, "called", clock())
        return await cards.card(session, sale)


@post(f"{_SALE}/stock", status_code=HTTP_200_OK, guards=[_runs_sales], tags=["flash sales"])
async def add_stock(
    room_id: UUID,
    sale_id: UUID,
    data: MoreStock,
    staff: Principal,
    database: Database,
    redis: Redis,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> SaleCard:
    """With an Idempotency-Key a second tap adds nothing more. Whoever waits is served first."""
    key = uuid5(sale_id, f"{staff.id}:{require_key(idempotency_key)}") if idempotency_key else uuid7()
    async with _changing(database, redis, staff, room_id, sale_id) as (session, sale):
        await selling.add_stock(session, sale, data.add, key)
        await session.flush()
        await waiting.promote(session, sale.id, clock())
        return await cards.card(session, sale)


@get(f"{_SALE}/holds", guards=[_runs_sales], tags=["flash sales"])
async def list_holds(
    room_id: UUID, sale_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> list[WaitingHold]:
    """Buyers who hold units of the sale and have not paid yet, the first to lapse first: at most a hundred."""
    await room_of_mine(session, staff, room_id)
    if not await cards.cards(session, room_id, sale_id):
        raise NotFound
    return await orders.waiting(session, staff, sale_id, clock())


@post(f"{_SALE}/price", status_code=HTTP_200_OK, guards=[_runs_sales], tags=["flash sales"])
async def drop_price(
    room_id: UUID, sale_id: UUID, data: LowerPrice, staff: Principal, session: AsyncSession
) -> SaleCard:
    """Lower the price of a `price_drop` sale from now on; holds keep theirs."""
    await room_of_mine(session, staff, room_id)
    sale = await selling.get(session, staff.brand_id, room_id, sale_id)
    await selling.drop_price(session, sale, data.sku_id, data.price_minor)
    return await cards.card(session, sale)


@contextlib.asynccontextmanager
async def _changing(
    database: Database, redis: Redis, staff: Principal, room_id: UUID, sale_id: UUID, *, opens: bool = False
) -> AsyncIterator[tuple[AsyncSession, FlashSale]]:
    """The sale, locked; committed and laid at the gate when the block ends. Raises `NotFound`, `Forbidden`, and when it
    `opens` in a room that has ended `RoomEnded` (409)."""
    async with database.transaction() as session:
        await room_of_mine(session, staff, room_id)
        if opens:
            await making.must_be_on(session, room_id)
        yield session, await selling.get(session, staff.brand_id, room_id, sale_id)
    await _lay_gate(database, redis, sale_id)


async def _lay_gate(database: Database, redis: Redis, sale_id: UUID) -> None:
    with contextlib.suppress(GateDown):  # claims go by PostgreSQL alone until the worker lays it
        await laying.lay_gate(database, redis, sale_id)


ROUTES = [create, listing, open_sale, close, add_stock, list_holds, drop_price]
