"""Units that were sold and are free to be sold again: an order's whole hold, or some of each SKU of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.stock.service import Taking

# The entry first: under a key that was booked before nothing is moved.
_RETURN = text(
    """
    WITH asked AS (
        SELECT sku_id, sum(quantity)::int AS quantity
        FROM unnest(CAST(:skus AS uuid[]), CAST(:quantities AS int[])) AS a(sku_id, quantity) GROUP BY sku_id),
    out AS (
        SELECT h.balance_id, a.quantity, h.quantity - h.returned AS out, sum(h.quantity - h.returned)
                   OVER (PARTITION BY a.sku_id ORDER BY h.balance_id) - (h.quantity - h.returned) AS before
        FROM stock_hold h JOIN stock_balance b ON b.id = h.balance_id JOIN asked a ON a.sku_id = b.sku_id
        WHERE h.hold_id = :hold_id AND h.state = 'sold'),
    back AS (
        SELECT balance_id, least(out, quantity - before)::int AS quantity FROM out
        WHERE least(out, quantity - before) > 0),
    entries AS (
        INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
        SELECT balance_id, 'return', :key, 0, quantity, 0, -quantity FROM back
        ON CONFLICT (balance_id, act, key) DO NOTHING RETURNING balance_id, free AS quantity),
    marked AS (
        UPDATE stock_hold h SET returned = h.returned + e.quantity
        FROM entries e WHERE h.hold_id = :hold_id AND h.balance_id = e.balance_id),
    locked AS MATERIALIZED (
        SELECT id FROM stock_balance WHERE id IN (SELECT balance_id FROM entries) ORDER BY id FOR NO KEY UPDATE)
    UPDATE stock_balance b SET free = free + e.quantity, sold = sold - e.quantity
    FROM entries e JOIN locked l ON l.id = e.balance_id WHERE b.id = l.id
    """
)


async def take_back(session: AsyncSession, hold_id: UUID, units: Sequence[Taking], key: UUID) -> None:
    """These units of a sold hold are free again in the pool that they were sold from; once for each `key`. The caller
    has locked the order whose hold it is, and knows that so many are out."""
    await session.execute(
        _RETURN,
        {
            "hold_id": hold_id,
            "skus": [unit.sku_id for unit in units],
            "quantities": [unit.quantity for unit in units],
            "key": key,
        },
    )
