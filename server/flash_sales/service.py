"""Flash sales: made, opened, closed, shown. Claims have a module of their own (`claims.py`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import service as catalog
from server.flash_sales.facts import SaleClosed, SaleOpened
from server.flash_sales.gate import Gate, GateClaim, GateState
from server.flash_sales.models import FlashSale, FlashSaleLine
from server.kit.checks import Broken, broken_rows
from server.kit.database import Database
from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.problems import Conflict, Invalid, NotFound
from server.kit.redis import Redis
from server.stock import service as stock
from server.stock.rules import Pool

MAX_SALES_SHOWN = 20


class LineCard(msgspec.Struct):
    sku_id: UUID
    product_id: UUID
    title: str
    image: str | None
    price_minor: int
    was_minor: int | None
    total: int
    free: int
    held: int
    sold: int


class SaleCard(msgspec.Struct):
    """The protocol's `Sale`."""

    sale_id: UUID
    title: str
    state: str
    opens_at: datetime | None
    ends_at: datetime | None
    limit_per_buyer: int
    hold_seconds: int
    lines: list[LineCard]


class SaleState(Conflict):
    """`state` is the one that the sale is in."""

    slug, title = "sale-state", "The sale's state does not allow this"


class RoomEnded(Conflict):
    """As rooms refuse it: `state` is what the room is in, `reason` why."""

    slug, title = "wrong-state", "The room's state does not allow this"


class NewSale(msgspec.Struct, frozen=True):
    sku_id: UUID
    price_minor: int
    stock: int
    title: str
    limit_per_buyer: int
    hold_seconds: int
    duration_seconds: int


async def must_be_on(session: AsyncSession, room_id: UUID) -> None:
    """The room has not ended, and does not end before this transaction. To be asked before a sale that others see is
    locked, since the end of a room locks the room and then its sales. Raises `RoomEnded` (409), `NotFound`."""
    row = await session.execute(text("SELECT state FROM room WHERE id = :id FOR SHARE"), {"id": room_id})
    if (state := row.scalar_one_or_none()) is None:
        raise NotFound
    if state == "ended":
        raise RoomEnded(state=state, reason="room-ended")


async def create(
    session: AsyncSession,
    staff: Principal,
    room_id: UUID,
    new: NewSale,
    *,
    key: str | None = None,
    asked: bytes | None = None,
) -> FlashSale:
    """A scheduled sale with its own pool, allotted from headquarters'. The same key gives the same sale, as it is by
    then; `asked` is the hash of what came with it.

    Raises `OutOfStock`, `RoomEnded` (409), `KeyReused`, `Invalid` (422).
    """
    line = (await catalog.lines(session, staff.brand_id, [new.sku_id])).get(new.sku_id)
    if line is None:
        raise Invalid(errors=[{"field": "sku_id", "message": "no such product"}])
    wanted = FlashSale(
        id=uuid5(staff.id, key) if key else uuid7(),
        brand_id=staff.brand_id,
        room_id=room_id,
        title=new.title or line.title,
        duration_seconds=new.duration_seconds,
        limit_per_buyer=new.limit_per_buyer,
        hold_seconds=new.hold_seconds,
        request_hash=asked,
    )
    made = await session.execute(insert(FlashSale).values(**wanted.model_dump()).on_conflict_do_nothing())
    sale = (await session.exec(select(FlashSale).where(FlashSale.id == wanted.id))).one()
    if made.rowcount:  # type: ignore[attr-defined]
        await must_be_on(session, room_id)
        await _fill(session, sale, line, new)
    elif sale.request_hash != asked:
        raise KeyReused
    return sale


async def _fill(session: AsyncSession, sale: FlashSale, line: catalog.SkuLine, new: NewSale) -> None:
    balance_id = await stock.balance_of(session, sale.brand_id, line.sku_id, Pool.SALE, sale.id)
    session.add(
        FlashSaleLine(
            sale_id=sale.id,
            sku_id=line.sku_id,
            balance_id=balance_id,
            product_id=line.product_id,
            title=line.title,
            image=line.image,
            price_minor=new.price_minor,
            was_minor=line.price_minor if line.price_minor > new.price_minor else None,
        )
    )
    await _allot(session, sale, line.sku_id, new.stock, sale.id)
    await session.flush()


async def _allot(session: AsyncSession, sale: FlashSale, sku_id: UUID, quantity: int, key: UUID) -> None:
    source, target = (Pool.HEADQUARTERS, sale.brand_id), (Pool.SALE, sale.id)
    await stock.move(session, sale.brand_id, sku_id, source, target, quantity, key)


async def get(session: AsyncSession, brand_id: UUID, room_id: UUID, sale_id: UUID) -> FlashSale:
    """The sale, locked: whoever changes it waits for claims under way. Raises `NotFound`."""
    sale = (
        await session.exec(
            select(FlashSale)
            .where(FlashSale.id == sale_id, FlashSale.room_id == room_id, FlashSale.brand_id == brand_id)
            .with_for_update()
        )
    ).first()
    if sale is None:
        raise NotFound
    return sale


async def open_sale(session: AsyncSession, sale: FlashSale, now: datetime) -> None:
    """Raises `SaleState` (409) unless it is scheduled."""
    if sale.state != "scheduled":
        raise SaleState(state=sale.state)
    sale.state, sale.opens_at = "open", now
    sale.ends_at = now + timedelta(seconds=sale.duration_seconds)
    await session.flush()
    await record(
        session,
        SaleOpened(
            brand_id=sale.brand_id,
            sale_id=sale.id,
            room_id=sale.room_id,
            title=sale.title,
            sale=msgspec.to_builtins(await card(session, sale)),
        ),
    )


async def close(session: AsyncSession, sale: FlashSale, reason: str, now: datetime) -> None:
    """Ends it; what is free goes back to headquarters, what is held may still be paid. Raises `SaleState` (409)."""
    if sale.state == "closed":
        raise SaleState(state=sale.state)
    sale.state, sale.ends_at = "closed", min(now, sale.ends_at or now)
    await session.flush()
    await _empty(session, sale)
    fact = SaleClosed(
        brand_id=sale.brand_id, sale_id=sale.id, room_id=sale.room_id, title=sale.title, reason=reason
    )
    await record(session, fact)


async def _empty(session: AsyncSession, sale: FlashSale) -> None:
    await stock.empty_out(session, sale.brand_id, (Pool.SALE, sale.id), (Pool.HEADQUARTERS, sale.brand_id))


async def add_stock(session: AsyncSession, sale: FlashSale, quantity: int, key: UUID) -> None:
    """More units for a running sale; the same key adds once. Raises `OutOfStock` (409) when headquarters has not that
    many, `SaleState` (409), `KeyReused` (422)."""
    if sale.state == "closed":
        raise SaleState(state=sale.state)
    lines = (await session.exec(select(FlashSaleLine).where(FlashSaleLine.sale_id == sale.id))).all()
    for line in lines:
        await _allot(session, sale, line.sku_id, quantity, key)


async def close_due(session: AsyncSession, now: datetime) -> list[UUID]:
    """Sales whose time is over; called by the sweeper."""
    due = (
        await session.exec(
            select(FlashSale)
            .where(FlashSale.state == "open", col(FlashSale.ends_at) <= now)
            .with_for_update(skip_locked=True)
        )
    ).all()
    for sale in due:
        await close(session, sale, "ended", now)
    return [sale.id for sale in due]


async def take_rests(session: AsyncSession, sale_ids: Iterable[UUID]) -> None:
    """Units that came back to sales which are closed go on to headquarters. The locks wait for a sale that is being
    closed just now; one that closes later takes what is free itself."""
    sales = await session.exec(
        select(FlashSale)
        .where(col(FlashSale.id).in_(set(sale_ids)))
        .order_by(col(FlashSale.id))
        .with_for_update()
    )
    for sale in sales.all():
        if sale.state == "closed":
            await _empty(session, sale)


async def running(session: AsyncSession, now: datetime) -> dict[UUID, UUID]:
    """Sale → room, of sales that are open or ended within the hour: holds of those may still come back."""
    rows = await session.execute(
        text(
            "SELECT id, room_id FROM flash_sale WHERE state = 'open' OR (state = 'closed' AND ends_at > :since)"
        ),
        {"since": now - timedelta(hours=1)},
    )
    return {row[0]: row[1] for row in rows}


async def close_all(session: AsyncSession, room_id: UUID, now: datetime) -> None:
    """The room ends, and its sales with it."""
    open_sales = await session.exec(
        select(FlashSale)
        .where(FlashSale.room_id == room_id, col(FlashSale.state) != "closed")
        .with_for_update()
    )
    for sale in open_sales.all():
        await close(session, sale, "room_ended", now)


# Showing


_CARDS = text(
    """
    SELECT s.id AS sale_id, s.title, s.state, s.opens_at, s.ends_at, s.limit_per_buyer, s.hold_seconds, l.lines
    FROM flash_sale s
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'sku_id', l.sku_id, 'product_id', l.product_id, 'title', l.title,
            'image', CASE WHEN l.image IS NOT NULL THEN '/images/' || l.image || '.webp' END,
            'price_minor', l.price_minor, 'was_minor', l.was_minor,
            'total', b.total, 'free', b.free, 'held', b.held, 'sold', b.sold)
            ORDER BY l.position), '[]') AS lines
        FROM flash_sale_line l JOIN stock_balance b ON b.id = l.balance_id WHERE l.sale_id = s.id) l
    WHERE s.room_id = :room_id AND (CAST(:sale_id AS uuid) IS NULL OR s.id = :sale_id)
    ORDER BY s.state = 'closed', s.id DESC LIMIT :most
    """
)


async def cards(session: AsyncSession, room_id: UUID, sale_id: UUID | None = None) -> list[SaleCard]:
    """The room's sales, those that closed last, newest first; or one of them. Units are as the ledger has them."""
    values = {"room_id": room_id, "sale_id": sale_id, "most": MAX_SALES_SHOWN}
    rows = (await session.execute(_CARDS, values)).mappings()
    return [msgspec.convert(dict(row), SaleCard, strict=False) for row in rows]


async def card(session: AsyncSession, sale: FlashSale) -> SaleCard:
    return (await cards(session, sale.room_id, sale.id))[0]


# The gate's truth


async def gate_state(session: AsyncSession, sale_id: UUID) -> GateState | None:
    """Count anew under a higher epoch. The update waits for claims under way and holds new ones off until the end of
    the transaction."""
    sale = (
        await session.execute(
            text(
                "UPDATE flash_sale SET epoch = epoch + 1 WHERE id = :id "
                "RETURNING epoch, state, limit_per_buyer, ends_at"
            ),
            {"id": sale_id},
        )
    ).first()
    if sale is None:
        return None
    free = await session.execute(
        text(
            "SELECT l.sku_id, b.free FROM flash_sale_line l JOIN stock_balance b ON b.id = l.balance_id "
            "WHERE l.sale_id = :id"
        ),
        {"id": sale_id},
    )
    buyers = await session.execute(
        text("SELECT member_id, quantity FROM flash_sale_buyer WHERE sale_id = :id AND quantity > 0"),
        {"id": sale_id},
    )
    lines: dict[tuple[UUID, str], list[tuple[UUID, int]]] = defaultdict(list)
    taken = await session.execute(
        text(
            "SELECT o.member_id, o.key, l.sku_id, l.quantity FROM orders o "
            "JOIN order_line l ON l.order_id = o.id "
            "WHERE o.sale_id = :id AND o.status IN ('awaiting_payment', 'paid')"
        ),
        {"id": sale_id},
    )
    for member_id, key, sku_id, quantity in taken:
        lines[member_id, key].append((sku_id, quantity))
    return GateState(
        epoch=sale.epoch,
        open=sale.state == "open",
        limit=sale.limit_per_buyer,
        ends_ms=int(sale.ends_at.timestamp() * 1000) if sale.ends_at else 0,
        free={row[0]: row[1] for row in free},
        buyers={row[0]: row[1] for row in buyers},
        taken=[GateClaim(member_id, key, skus) for (member_id, key), skus in lines.items()],
    )


async def lay_gate(database: Database, redis: Redis, sale_id: UUID) -> None:
    """Build a sale's gate from the ledger. Raises `GateDown`."""
    async with database.transaction() as session:
        state = await gate_state(session, sale_id)
    if state is not None:
        await Gate(redis, sale_id).rebuild(state)


async def moved_units(session: AsyncSession, sale_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Units of each sale, as the protocol's `sale.stock` has them."""
    return {
        sale_id: [
            {"sku_id": str(unit.sku_id), "free": unit.free, "held": unit.held, "sold": unit.sold}
            for unit in units
        ]
        for sale_id, units in (await stock.units(session, Pool.SALE, sale_ids)).items()
    }


VERIFY = {
    "buyers_within_limit": """
        SELECT b.sale_id::text, b.member_id::text, b.quantity, s.limit_per_buyer
        FROM flash_sale_buyer b JOIN flash_sale s ON s.id = b.sale_id
        WHERE b.quantity < 0 OR (b.quantity > s.limit_per_buyer AND NOT EXISTS (
            SELECT 1 FROM member g WHERE g.merged_into = b.member_id))""",  # two who were one bought up to a limit each
    "buyers_equal_orders": """
        SELECT coalesce(b.sale_id, o.sale_id)::text AS sale_id, coalesce(b.member_id, o.member_id)::text AS member_id,
               coalesce(b.quantity, 0) AS quantity, coalesce(o.quantity, 0) AS orders_quantity
        FROM flash_sale_buyer b FULL JOIN (
            SELECT o.sale_id, o.member_id, sum(l.quantity) AS quantity
            FROM orders o JOIN order_line l ON l.order_id = o.id
            WHERE o.sale_id IS NOT NULL AND o.status IN ('awaiting_payment', 'paid')
            GROUP BY o.sale_id, o.member_id) o ON o.sale_id = b.sale_id AND o.member_id = b.member_id
        WHERE coalesce(b.quantity, 0) <> coalesce(o.quantity, 0)""",
}
"""Queries that list broken rows."""


async def verify(session: AsyncSession) -> Broken:
    return await broken_rows(session, VERIFY)
