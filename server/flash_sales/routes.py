"""Flash sales over HTTP: the host's desk and the buyer's tap."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

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
from server.kit.money import PriceMinor
from server.kit.principal import RUNS_ROOMS, Principal, Role, allow
from server.kit.problems import Invalid, NotFound
from server.kit.redis import GateDown, Redis
from server.orders.service import Placed

Units = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class OpenSale(msgspec.Struct, forbid_unknown_fields=True):
    """`open` starts it at once; otherwise it waits for `POST …/open`. It ends `duration_seconds` after it opened."""

    sku_id: UUID
    price_minor: PriceMinor
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
    """The room must be the staff's to run (a store's own room: its own staff too). Raises `NotFound`."""
    row = (
        await session.execute(text("SELECT brand_id, store_id FROM room WHERE id = :id"), {"id": room_id})
    ).first()
    if row is None or row[0] != staff.brand_id:
        raise NotFound
    if staff.role not in RUNS_ROOMS and (row[1] is None or row[1] != staff.store_id):
        raise NotFound


_runs_sales = allow(*RUNS_ROOMS, Role.MANAGER, Role.GUIDE)


@post(
    "/api/rooms/{room_id:uuid}/flash-sales",
    status_code=HTTP_201_CREATED,
    guards=[_runs_sales],
    tags=["flash sales"],
)
async def create(
    room_id: UUID, data: OpenSale, staff: Principal, database: Database, redis: Redis, clock: Clock
) -> SaleCard:
    """Make a sale from headquarters' stock and open it, by default, at once."""
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
        sale = await service.create(session, staff, room_id, new)
        if data.open:
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
    async with _changing(database, redis, staff, room_id, sale_id) as (session, sale):
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
    room_id: UUID, sale_id: UUID, data: MoreStock, staff: Principal, database: Database, redis: Redis
) -> SaleCard:
    async with _changing(database, redis, staff, room_id, sale_id) as (session, sale):
        await service.add_stock(session, sale, data.add)
        return await service.card(session, sale)


@contextlib.asynccontextmanager
async def _changing(
    database: Database, redis: Redis, staff: Principal, room_id: UUID, sale_id: UUID
) -> AsyncIterator[tuple[AsyncSession, FlashSale]]:
    """The sale, locked; committed and laid at the gate when the block ends. Raises `NotFound`, `Forbidden`."""
    async with database.transaction() as session:
        await _room_of_mine(session, staff, room_id)
        yield session, await service.get(session, staff.brand_id, room_id, sale_id)
    await _lay_gate(database, redis, sale_id)


async def _lay_gate(database: Database, redis: Redis, sale_id: UUID) -> None:
    with contextlib.suppress(GateDown):  # claims go by PostgreSQL alone until the worker lays it
        await service.lay_gate(database, redis, sale_id)


class SaleBook:
    """Which sale belongs to which room and brand, and its only SKU: fixed facts, remembered for the hot path."""

    REMEMBERED = 10_000

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[UUID, UUID, list[UUID]]] = {}

    async def look_up(self, database: Database, sale_id: UUID) -> tuple[UUID, UUID, list[UUID]]:
        """(room, brand, SKUs). Raises `NotFound`."""
        known = self._known.get(sale_id)
        if known is None:
            async with database.transaction() as session:
                rows = (
                    await session.execute(
                        text(
                            "SELECT s.room_id, s.brand_id, l.sku_id FROM flash_sale s "
                            "JOIN flash_sale_line l ON l.sale_id = s.id WHERE s.id = :id ORDER BY l.position"
                        ),
                        {"id": sale_id},
                    )
                ).all()
            if not rows:
                raise NotFound
            if len(self._known) >= self.REMEMBERED:
                self._known.clear()
            known = self._known[sale_id] = (rows[0][0], rows[0][1], [row[2] for row in rows])
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
    """Claim units. 201 with `pay_by`; 409 `out-of-stock` or `limit-reached`; 425 `not-open`; 410 `ended`. The same
    Idempotency-Key again gives the same answer; with another body it is refused (422)."""
    key = require_key(idempotency_key)
    sale_room, brand_id, skus = await sale_book.look_up(database, sale_id)
    if sale_room != room_id or brand_id != member.brand_id:
        raise NotFound
    lines = _lines(data, skus)
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
