"""What must hold between what the dashboards show and the ledgers beneath, recomputed from the truth."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "room_figures_equal_order_history": """
        SELECT coalesce(f.room_id, h.room_id)::text AS room_id, f.orders, f.amount_minor,
               h.orders AS history_orders, h.amount_minor AS history_minor
        FROM (SELECT room_id, count(*) AS orders, sum(amount_minor) AS amount_minor FROM orders
              WHERE paid_at IS NOT NULL AND room_id IS NOT NULL GROUP BY room_id) f
        FULL JOIN (
            SELECT o.room_id, count(DISTINCT o.id) AS orders, sum(l.quantity * l.price_minor) AS amount_minor
            FROM orders o JOIN order_line l ON l.order_id = o.id
            WHERE o.room_id IS NOT NULL AND EXISTS (
                SELECT 1 FROM order_event e WHERE e.order_id = o.id AND e.kind = 'paid')
            GROUP BY o.room_id) h ON h.room_id = f.room_id
        WHERE (f.orders, f.amount_minor) IS DISTINCT FROM (h.orders, h.amount_minor)""",
    "room_reports_within_figures": """
        SELECT r.id::text AS room_id, r.report->'money' AS report, o.orders_paid, o.amount_minor, o.refunded_minor
        FROM room r CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE paid_at IS NOT NULL) AS orders_paid,
                   coalesce(sum(amount_minor) FILTER (WHERE paid_at IS NOT NULL), 0) AS amount_minor,
                   coalesce(sum(goods_refunded_minor), 0) AS refunded_minor
            FROM orders WHERE room_id = r.id) o
        WHERE jsonb_typeof(r.report) = 'object' AND (
            (r.report->'money'->>'orders_paid')::bigint > o.orders_paid
            OR (r.report->'money'->>'amount_minor')::bigint > o.amount_minor
            OR (r.report->'money'->>'refunded_minor')::bigint > o.refunded_minor)""",
}
"""Queries that list broken rows; an empty answer is the proof."""


async def verify(session: AsyncSession) -> Broken:
    """Every figure shown, against its ledger: check name → broken rows."""
    return await broken_rows(session, VERIFY)
