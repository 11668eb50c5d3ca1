"""What must hold within orders, and between them, payments and stock."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "orders_amount_equals_lines": """
        SELECT o.id::text, o.amount_minor, l.lines_minor
        FROM orders o LEFT JOIN (
            SELECT order_id, sum(quantity * price_minor)::bigint AS lines_minor FROM order_line
            GROUP BY order_id) l ON l.order_id = o.id
        WHERE o.amount_minor IS DISTINCT FROM l.lines_minor""",
    "orders_paid_equals_payments": """
        SELECT coalesce(o.id, p.id)::text AS id, o.paid_minor, p.payments_minor
        FROM (SELECT id, paid_minor FROM orders WHERE paid_minor <> 0) o FULL JOIN (
            SELECT payable_id AS id, sum(amount_minor)::bigint AS payments_minor FROM payment
            WHERE payable = 'order' AND status = 'succeeded' GROUP BY payable_id) p ON p.id = o.id
        WHERE coalesce(o.paid_minor, 0) <> coalesce(p.payments_minor, 0)""",
    "orders_refunded_equals_refunds": """
        SELECT coalesce(o.id, p.id)::text AS id, o.refunded_minor, p.refunds_minor
        FROM (SELECT id, refunded_minor FROM orders WHERE refunded_minor <> 0) o FULL JOIN (
            SELECT payable_id AS id, sum(refunded_minor)::bigint AS refunds_minor FROM payment
            WHERE payable = 'order' GROUP BY payable_id) p ON p.id = o.id
        WHERE coalesce(o.refunded_minor, 0) <> coalesce(p.refunds_minor, 0)""",
    "orders_lines_equal_holds": """
        SELECT o.id::text, h.hold_id::text, coalesce(l.sku_id, b.sku_id)::text AS sku_id,
               l.quantity AS line_quantity, h.quantity AS hold_quantity, o.status, h.state
        FROM (orders o JOIN order_line l ON l.order_id = o.id)
        FULL JOIN (stock_hold h JOIN stock_balance b ON b.id = h.balance_id)
            ON h.hold_id = o.hold_id AND b.sku_id = l.sku_id
        WHERE l.quantity IS DISTINCT FROM h.quantity
           OR h.state IS DISTINCT FROM CASE WHEN o.status = 'awaiting_payment' THEN 'held'
                                            WHEN o.status IN ('paid', 'closed') THEN 'sold' ELSE 'released' END""",
    "orders_lines_equal_returns": """
        SELECT o.id::text, l.sku_id::text, l.returned AS line_returned, h.returned AS hold_returned
        FROM (SELECT order_id, sku_id, sum(returned)::int AS returned FROM order_line
              WHERE returned <> 0 GROUP BY order_id, sku_id) l
        JOIN orders o ON o.id = l.order_id
        LEFT JOIN LATERAL (
            SELECT sum(h.returned)::int AS returned FROM stock_hold h JOIN stock_balance b ON b.id = h.balance_id
            WHERE h.hold_id = o.hold_id AND b.sku_id = l.sku_id) h ON true
        WHERE l.returned IS DISTINCT FROM h.returned""",
    "orders_lines_equal_refunds": """
        SELECT l.id::text, l.order_id::text, l.quantity, l.refunded, coalesce(r.units, 0) AS refund_units
        FROM order_line l
        FULL JOIN (SELECT line_id, sum(quantity) AS units FROM order_refund_line GROUP BY line_id) r
            ON r.line_id = l.id
        WHERE coalesce(r.units, 0) IS DISTINCT FROM l.refunded OR l.refunded > l.quantity""",
    "orders_refund_due_equals_overpaid": """
        SELECT id::text, status, amount_minor, paid_minor, refunded_minor, goods_refunded_minor, refund_due_minor
        FROM orders
        WHERE refund_due_minor <> paid_minor - CASE WHEN paid_at IS NULL THEN 0 ELSE amount_minor END
                                  - (refunded_minor - goods_refunded_minor)""",
}
"""Queries that list broken rows."""


async def verify(session: AsyncSession) -> Broken:
    """Order invariants: check name → broken rows."""
    return await broken_rows(session, VERIFY)
