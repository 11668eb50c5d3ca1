"""Flash sales over HTTP: the host's desk and the buyer's tap."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Annotated
from uuid import UUID, uuid5

import msgspec
from litestar import get, post
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales import service
from server.flash_sales.claims import ClaimDesk
from server.flash_sales.models import FlashSale
from server.flash_sales.service import NewSale, SaleCard
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.ids import uuid7
from server.kit.money import PositiveMinor
from server.kit.principal import RUNS_ROOMS, Principal, Role, allow
from server.kit.problems import Forbidden, Invalid, NotFound
from server.kit.redis import GateDown, Redis
from server.members.audience import Audience, must_take
from server.orders.service import Placed

Units = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class OpenSale(msgspec.Struct, forbid_unknown_fields=True):
    """`open` starts it at once; otherwise it waits for `POST …/open`. It ends `duration_seconds` after it opened."""

    sku_id: UUID
    price_minor: PositiveMinor
    stock: Units
    title: Annotated[str, msgspec.Meta(max_length=80)] = ""
    limit_per_buyer: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    hold_seconds: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 300
    duration_seconds: Annotated[int, msgspec.Meta(ge=5, le=7 * 86400)] = 300
    open: bool = True


class MoreStock(msgspec.Struct, forbid_unknown_fields=True):
    add: Units


class HoldLine(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class AskHold(msgspec.Struct, forbid_unknown_fields=True):
    """Either `quantity` of the sale's one product, or `lines`."""

    quantity: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    lines: Annotated[list[HoldLine], msgspec.Meta(min_length=1, max_length=20)] | None = None


async def _room_of_mine(session: AsyncSession, staff: Principal, room_id: UUID) -> None:
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
    key = require_key(idempotency_key) if idempotency_key else None
    async with database.transaction() as session:
        await _room_of_mine(session, staff, room_id)
        new = NewSale(
            data.sku_id,
            data.price_minor,
            data.stock,
            data.title.strip(),
            data.limit_per_buyer,
            data.hold_seconds,
            data.duration_seconds,
        )
        asked = request_hash("sale", room_id, data)
        sale = await service.create(session, staff, room_id, new, key=key, asked=asked)
        if data.open and sale.state == "scheduled":
            await service.open_sale(session, sale, clock())
        shown = await service.card(session, sale)
    await _lay_gate(database, redis, sale.id)
    return shown


@get("/api/rooms/{room_id:uuid}/flash-sales", guards=[_runs_sales], tags=["flash sales"])
async def listing(room_id: UUID, staff: Principal, session: AsyncSession) -> list[SaleCard]:
    await _room_of_mine(session, staff, room_id)
    return await service.cards(session, room_id)


_SALE = "/api/rooms/{room_id:uuid}/flash-sales/{sale_id:uuid}"


@post(f"{_SALE}/open", status_code=HTTP_200_OK, guards=[_runs_sales], tags=["flash sales"])
async def open_sale(
    room_id: UUID, sale_id: UUID, staff: Principal, database: Database, redis: Redis, clock: Clock
) -> SaleCard:
    async with _changing(database, redis, staff, room_id, sale_id, opens=True) as (session, sale):
        await service.open_sale(session, sale, clock())
        return await service.card(session, sale)


@post(f"{_SALE}/close", status_code=HTTP_200_OK, guards=[_runs_sales], tags=["flash sales"])
async def close(
    room_id: UUID, sale_id: UUID, staff: Principal, database: Database, redis: Redis, clock: Clock
) -> SaleCard:
    """Call it: nobody can claim any more; who holds may still pay."""
    async with _changing(database, redis, staff, room_id, sale_id) as (session, sale):
        await service.close(session, sale, "called", clock())
        return await service.card(session, sale)


@post(f"{_SALE}/stock", status_code=HTTP_200_OK, guards=[_runs_sales], tags=["flash sales"])
async def add_stock(
    room_id: UUID,
    sale_id: UUID,
    data: MoreStock,
    staff: Principal,
    database: Database,
    redis: Redis,
    idempotency_key: KeyHeader = None,
) -> SaleCard:
    """With an Idempotency-Key a second tap adds nothing more."""
    key = uuid5(sale_id, f"{staff.id}:{require_key(idempotency_key)}") if idempotency_key else uuid7()
    async with _changing(database, redis, staff, room_id, sale_id) as (session, sale):
        await service.add_stock(session, sale, data.add, key)
        return await service.card(session, sale)


@contextlib.asynccontextmanager
async def _changing(
    database: Database, redis: Redis, staff: Principal, room_id: UUID, sale_id: UUID, *, opens: bool = False
) -> AsyncIterator[tuple[AsyncSession, FlashSale]]:
    """The sale, locked; committed and laid at the gate when the block ends. Raises `NotFound`, `Forbidden`, and when it
    `opens` in a room that has ended `RoomEnded` (409)."""
    async with database.transaction() as session:
        await _room_of_mine(session, staff, room_id)
        if opens:
            await service.must_be_on(session, room_id)
        yield session, await service.get(session, staff.brand_id, room_id, sale_id)
    await _lay_gate(database, redis, sale_id)


async def _lay_gate(database: Database, redis: Redis, sale_id: UUID) -> None:
    with contextlib.suppress(GateDown):  # claims go by PostgreSQL alone until the worker lays it
        await service.lay_gate(database, redis, sale_id)


class Known(msgspec.Struct, frozen=True):
    """What the hot path asks of a sale. Its room's audience may change; the rest is fixed."""

    room_id: UUID
    brand_id: UUID
    skus: list[UUID]
    audience: str
    fresh_until: float


_KNOWN = text(
    """
    SELECT s.room_id, s.brand_id, array_agg(l.sku_id ORDER BY l.position) AS skus, r.audience
    FROM flash_sale s JOIN room r ON r.id = s.room_id JOIN flash_sale_line l ON l.sale_id = s.id
    WHERE s.id = :id GROUP BY s.id, r.id
    """
)


class SaleBook:
    """Sales as this process knows them, remembered for the hot path."""

    REMEMBERED = 10_000
    FRESH_S = 2.0

    def __init__(self, time: Callable[[], float] = monotonic) -> None:
        self._known: dict[UUID, Known] = {}
        self._time = time

    async def look_up(self, database: Database, sale_id: UUID) -> Known:
        """Raises `NotFound`."""
        known, fresh_until = self._known.get(sale_id), self._time() + self.FRESH_S
        if known is not None and known.fresh_until > self._time():
            return known
        if known is not None:  # one asks again; a crowd goes on with what is known meanwhile
            self._known[sale_id] = msgspec.structs.replace(known, fresh_until=fresh_until)
        async with database.transaction() as session:
            row = (await session.execute(_KNOWN, {"id": sale_id})).mappings().first()
        if row is None:
            raise NotFound
        if len(self._known) >= self.REMEMBERED:
            self._known.clear()
        known = self._known[sale_id] = Known(**row, fresh_until=fresh_until)
        return known


@post(f"{_SALE}/holds", status_code=HTTP_201_CREATED, tags=["flash sales"])
async def hold(
    room_id: UUID,
    sale_id: UUID,
    data: AskHold,
    member: Principal,
    database: Database,
    claim_desk: ClaimDesk,
    sale_book: SaleBook,
    idempotency_key: KeyHeader = None,
) -> Placed:
    """Claim units. 201 with `pay_by`; 409 `out-of-stock` or `limit-reached`; 425 `not-open`; 410 `ended`; 403 for whom
    the room's audience doesn't take. The same Idempotency-Key again gives the same answer; with another body it is
    refused (422)."""
    key = require_key(idempotency_key)
    sale = await sale_book.look_up(database, sale_id)
    if sale.room_id != room_id or sale.brand_id != member.brand_id:
        raise NotFound
    if sale.audience != Audience.PUBLIC:
        async with database.transaction() as session:
            await must_take(session, room_id, member.id)
    lines = _lines(data, sale.skus)
    return await claim_desk.claim(sale_id, member.id, key, request_hash("hold", sale_id, lines), lines)


def _lines(data: AskHold, skus: list[UUID]) -> list[tuple[UUID, int]]:
    if (data.quantity is None) == (data.lines is None):
        raise Invalid(errors=[{"field": "quantity", "message": "give either quantity or lines"}])
    if data.quantity is not None:
        if len(skus) != 1:
            raise Invalid(errors=[{"field": "lines", "message": "this sale has several products: say which"}])
        return [(skus[0], data.quantity)]
    lines = [(line.sku_id, line.quantity) for line in data.lines or []]
    if len({sku for sku, _ in lines}) < len(lines):
        raise Invalid(errors=[{"field": "lines", "message": "each sku_id once"}])
    return lines


ROUTES = [create, listing, open_sale, close, add_stock, hold]
