"""The stock proof of a sale, for everybody: what the ledger says of its units, and that it adds up.

Recomputed from the ledger's entries, not from the balances that sales go by; nobody is named.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.problems import NotFound

MOST_ORDERS = 500
POINTS = 60


class LineProof(msgspec.Struct):
    """`offered` = `sold` + `held` + `free` + `taken_back`, all summed up from the entries. `claimed` counts every unit
    that was ever held, `lapsed` those that were not paid for in time or called off, `returned` those that came back
    after a refund."""

    sku_id: UUID
    title: str
    image: str | None
    gift: bool
    offered: int
    taken_back: int
    free: int
    held: int
    sold: int
    claimed: int
    lapsed: int
    returned: int
    adds_up: bool


class Point(msgspec.Struct):
    """Units held or sold at that moment."""

    at: datetime
    taken: int


class OrderProof(msgspec.Struct):
    """`code` is the end of the order's number, by which its buyer finds it. `state`: held, sold, released, returned."""

    code: str
    at: datetime
    units: int
    state: str


class Proof(msgspec.Struct):
    """`oversold` counts units beyond what was offered. `sha256` is over the sale's ledger entries in order."""

    sale_id: UUID
    title: str
    state: str
    opens_at: datetime | None
    ends_at: datetime | None
    lines: list[LineProof]
    oversold: int
    entries: int
    sha256: str
    orders_count: int
    orders: list[OrderProof]
    curve: list[Point]
    checked_at: datetime


_SALE = text("SELECT id AS sale_id, title, state, opens_at, ends_at FROM flash_sale WHERE id = :id")
_LINES = text(
    """
    SELECT l.sku_id, l.title, CASE WHEN l.image IS NOT NULL THEN '/images/' || l.image || '.webp' END AS image, l.gift,
           e.*, e.offered = e.sold + e.held + e.free + e.taken_back
                AND (e.free, e.held, e.sold) = (b.free, b.held, b.sold) AS adds_up
    FROM flash_sale_line l
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.total) FILTER (WHERE e.total > 0), 0)::int AS offered,
               coalesce(-sum(e.total) FILTER (WHERE e.total < 0), 0)::int AS taken_back,
               coalesce(sum(e.free), 0)::int AS free, coalesce(sum(e.held), 0)::int AS held,
               coalesce(sum(e.sold), 0)::int AS sold,
               coalesce(sum(e.held) FILTER (WHERE e.act = 'hold'), 0)::int AS claimed,
               coalesce(sum(e.free) FILTER (WHERE e.act = 'release'), 0)::int AS lapsed,
               coalesce(sum(e.free) FILTER (WHERE e.act = 'return'), 0)::int AS returned
        FROM stock_entry e JOIN flash_sale_pool p ON p.balance_id = e.balance_id
        WHERE p.sale_id = l.sale_id AND p.sku_id = l.sku_id) e
    CROSS JOIN LATERAL (
        SELECT sum(b.free)::int AS free, sum(b.held)::int AS held, sum(b.sold)::int AS sold
        FROM stock_balance b JOIN flash_sale_pool p ON p.balance_id = b.id
        WHERE p.sale_id = l.sale_id AND p.sku_id = l.sku_id) b
    WHERE l.sale_id = :id ORDER BY l.position
    """
)
_LEDGER = text(
    """
    SELECT count(*) AS entries, encode(sha256(coalesce(string_agg(
        concat_ws(' ', e.seq, e.balance_id, e.act, e.key, e.total, e.free, e.held, e.sold), E'\\n' ORDER BY e.seq
        ), '')::bytea), 'hex') AS sha256
    FROM stock_entry e WHERE e.balance_id IN (SELECT balance_id FROM flash_sale_pool WHERE sale_id = :id)
    """
)
_ORDERS = text(
    """
    SELECT right(o.number, 6) AS code, o.created_at AS at, l.units,
           CASE WHEN h.returned > 0 THEN 'returned' ELSE h.state END AS state
    FROM orders o
    CROSS JOIN LATERAL (SELECT sum(quantity)::int AS units FROM order_line WHERE order_id = o.id AND NOT gift) l
    CROSS JOIN LATERAL (SELECT min(state) AS state, max(returned) AS returned
                        FROM stock_hold WHERE hold_id = o.hold_id) h
    WHERE o.sale_id = :id ORDER BY o.id DESC LIMIT :most
    """
)
_CURVE = text(
    """
    WITH moved AS (
        SELECT e.at, e.seq, sum(-e.free) OVER (ORDER BY e.seq) AS taken
        FROM stock_entry e WHERE e.act <> 'allot' AND e.balance_id IN (
            SELECT p.balance_id FROM flash_sale_pool p
            JOIN flash_sale_line l ON l.sale_id = p.sale_id AND l.sku_id = p.sku_id AND NOT l.gift
            WHERE p.sale_id = :id)),
    part AS (SELECT *, ntile(:points) OVER (ORDER BY seq) AS nth FROM moved)
    SELECT DISTINCT ON (nth) at, taken::int FROM part ORDER BY nth, seq DESC
    """
)


async def of_sale(session: AsyncSession, sale_id: UUID, now: datetime) -> Proof:
    """Raises `NotFound`."""
    asked = {"id": sale_id}
    sale = (await session.execute(_SALE, asked)).mappings().first()
    if sale is None:
        raise NotFound
    lines = [LineProof(**row) for row in (await session.execute(_LINES, asked)).mappings()]
    ledger = (await session.execute(_LEDGER, asked)).mappings().one()
    count = await session.execute(text("SELECT count(*) FROM orders WHERE sale_id = :id"), asked)
    orders = await session.execute(_ORDERS, {**asked, "most": MOST_ORDERS})
    curve = await session.execute(_CURVE, {**asked, "points": POINTS})
    return Proof(
        **sale,
        lines=lines,
        oversold=sum(max(line.sold + line.held - line.offered, 0) for line in lines),
        **ledger,
        orders_count=count.scalar_one(),
        orders=[OrderProof(**row) for row in orders.mappings()],
        curve=[Point(**row) for row in curve.mappings()],
        checked_at=now,
    )
