"""How sales are shown, their units as the ledger has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales.models import FlashSale

MAX_SALES_SHOWN = 20


class FirstCard(msgspec.Struct):
    """The first `units` go at `price_minor`, `left` of them are not taken yet; those after them at `then_minor`."""

    units: int
    price_minor: int
    then_minor: int
    left: int


class LineCard(msgspec.Struct):
    """`price_minor` is the price of now; a gift comes by `per_unit` with each unit that is bought."""

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
    gift: bool
    per_unit: int
    first: FirstCard | None


class SaleCard(msgspec.Struct):
    """The protocol's `Sale`."""

    sale_id: UUID
    title: str
    kind: str
    state: str
    opens_at: datetime | None
    ends_at: datetime | None
    limit_per_buyer: int
    hold_seconds: int
    waiting: int
    lines: list[LineCard]


_UNITS = """
    SELECT p.sale_id, p.sku_id, sum(b.total)::int AS total, sum(b.free)::int AS free, sum(b.held)::int AS held,
           sum(b.sold)::int AS sold
    FROM flash_sale_pool p JOIN stock_balance b ON b.id = p.balance_id
"""
_PRICE = "CASE WHEN b.held + b.sold >= l.first_units THEN l.then_minor ELSE l.price_minor END"

_CARDS = text(
    f"""
    SELECT s.id AS sale_id, s.title, s.kind, s.state, s.opens_at, s.ends_at, s.limit_per_buyer, s.hold_seconds, l.lines,
           (SELECT count(*) FROM waiting w WHERE w.sale_id = s.id AND w.state = 'waiting') AS waiting
    FROM flash_sale s
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'sku_id', l.sku_id, 'product_id', l.product_id, 'title', l.title,
            'image', CASE WHEN l.image IS NOT NULL THEN '/images/' || l.image || '.webp' END,
            'price_minor', {_PRICE}, 'was_minor', l.was_minor,
            'total', b.total, 'free', b.free, 'held', b.held, 'sold', b.sold, 'gift', l.gift, 'per_unit', l.per_unit,
            'first', CASE WHEN l.first_units IS NOT NULL THEN jsonb_build_object(
                'units', l.first_units, 'price_minor', l.price_minor, 'then_minor', l.then_minor,
                'left', greatest(l.first_units - b.held - b.sold, 0)) END)
            ORDER BY l.position), '[]') AS lines
        FROM flash_sale_line l
        JOIN ({_UNITS} WHERE p.sale_id = s.id GROUP BY p.sale_id, p.sku_id) b ON b.sku_id = l.sku_id
        WHERE l.sale_id = s.id) l
    WHERE s.room_id = :room_id AND (CAST(:sale_id AS uuid) IS NULL OR s.id = :sale_id)
    ORDER BY s.state = 'closed', s.id DESC LIMIT :most
    """  # noqa: S608  only the pieces above
)


async def cards(session: AsyncSession, room_id: UUID, sale_id: UUID | None = None) -> list[SaleCard]:
    """The room's sales, those that closed last, newest first; or one of them."""
    values = {"room_id": room_id, "sale_id": sale_id, "most": MAX_SALES_SHOWN}
    rows = (await session.execute(_CARDS, values)).mappings()
    return [msgspec.convert(dict(row), SaleCard, strict=False) for row in rows]


async def card(session: AsyncSession, sale: FlashSale) -> SaleCard:
    return (await cards(session, sale.room_id, sale.id))[0]


_MOVED = text(
    f"""
    SELECT b.sale_id, b.sku_id, b.free, b.held, b.sold, {_PRICE} AS price_minor
    FROM ({_UNITS} WHERE p.sale_id = ANY(CAST(:ids AS uuid[])) GROUP BY p.sale_id, p.sku_id) b
    JOIN flash_sale_line l ON l.sale_id = b.sale_id AND l.sku_id = b.sku_id ORDER BY b.sale_id, l.position
    """  # noqa: S608
)


async def moved_units(session: AsyncSession, sale_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Units and prices of each sale, as the protocol's `sale.stock` has them."""
    found: dict[UUID, list[dict[str, Any]]] = {sale_id: [] for sale_id in sale_ids}
    for row in (await session.execute(_MOVED, {"ids": list(sale_ids)})).mappings():
        line = dict(row)
        found[line.pop("sale_id")].append({**line, "sku_id": str(line["sku_id"])})
    return found
