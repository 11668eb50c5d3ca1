"""What must hold between orders and credits, recomputed from the truth."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "credit_one_for_each_paid_order": """
        SELECT coalesce(o.id, c.order_id)::text AS order_id, o.status, o.amount_minor, c.id::text AS credit_id,
               c.amount_minor AS credit_minor
        FROM (SELECT * FROM orders WHERE paid_at IS NOT NULL) o
        FULL JOIN credit c ON c.order_id = o.id
        WHERE o.id IS NULL OR c.id IS NULL OR c.amount_minor <> o.amount_minor
           OR (c.store_id, c.guide_id, c.link_id) IS DISTINCT FROM (o.store_id, o.guide_id, o.link_id)""",
    "credit_reversals_equal_refunds": """
        SELECT c.id::text, c.order_id::text, c.reversed_minor, coalesce(sum(r.amount_minor), 0)::bigint AS booked_minor,
               CASE WHEN o.amount_minor > 0 THEN c.amount_minor * o.goods_refunded_minor / o.amount_minor ELSE 0 END
                   AS share_minor
        FROM credit c JOIN orders o ON o.id = c.order_id LEFT JOIN credit_reversal r ON r.credit_id = c.id
        GROUP BY c.id, o.id
        HAVING c.reversed_minor <> coalesce(sum(r.amount_minor), 0) OR c.reversed_minor <>
               CASE WHEN o.amount_minor > 0 THEN c.amount_minor * o.goods_refunded_minor / o.amount_minor ELSE 0 END""",
    "board_totals_equal_orders": """
        SELECT coalesce(b.brand_id, l.brand_id)::text AS brand_id, coalesce(b.store_id, l.store_id)::text AS store_id,
               coalesce(b.guide_id, l.guide_id)::text AS guide_id, b.orders, l.orders AS ledger_orders,
               b.amount_minor, l.amount_minor AS ledger_amount_minor, b.net_minor, l.net_minor AS ledger_net_minor
        FROM (SELECT brand_id, store_id, guide_id, count(*) AS orders, sum(amount_minor) AS amount_minor,
                     sum(amount_minor - reversed_minor) AS net_minor
              FROM credit GROUP BY brand_id, store_id, guide_id) b
        FULL JOIN (SELECT brand_id, store_id, guide_id, count(*) AS orders, sum(o.amount_minor) AS amount_minor,
                          sum(o.amount_minor - o.goods_refunded_minor) AS net_minor
                   FROM orders o WHERE o.paid_at IS NOT NULL GROUP BY brand_id, store_id, guide_id) l
        ON (coalesce(b.brand_id::text, ''), coalesce(b.store_id::text, ''), coalesce(b.guide_id::text, ''))
         = (coalesce(l.brand_id::text, ''), coalesce(l.store_id::text, ''), coalesce(l.guide_id::text, ''))
        WHERE (b.orders, b.amount_minor, b.net_minor) IS DISTINCT FROM (l.orders, l.amount_minor, l.net_minor)""",
}
"""Queries that list broken rows; an empty answer is the proof."""


async def verify(session: AsyncSession) -> Broken:
    """Every attribution invariant from the truth: check name → broken rows."""
    return await broken_rows(session, VERIFY)
