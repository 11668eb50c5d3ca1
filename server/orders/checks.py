"""What must hold within orders, and between them, payments and stock."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "orders_amount_equals_lines": """
        SELECT o.id::text, o.amount_minor, sum(l.quantity * l.price_minor)::bigint AS lines_minor
        FROM orders o LEFT JOIN order_line l ON l.order_id = o.id GROUP BY o.id
        HAVING o.amount_minor IS DISTINCT FROM sum(l.quantity * l.price_minor)""",
    "orders_paid_equals_payments": """
        SELECT o.id::text, o.paid_minor, coalesce(sum(p.amount_minor), 0)::bigint AS payments_minor
        FROM orders o LEFT JOIN payment p
            ON p.payable = 'order' AND p.payable_id = o.id AND p.status = 'succeeded'
        GROUP BY o.id HAVING o.paid_minor <> coalesce(sum(p.amount_minor), 0)""",
    "orders_refunded_equals_refunds": """
        SELECT o.id::text, o.refunded_minor, coalesce(sum(p.refunded_minor), 0)::bigint AS refunds_minor
        FROM orders o LEFT JOIN payment p ON p.payable = 'order' AND p.payable_id = o.id
        GROUP BY o.id HAVING o.refunded_minor <> coalesce(sum(p.refunded_minor), 0)""",
    "orders_status_equals_holds": """
        SELECT o.id::text, o.status, h.state FROM orders o LEFT JOIN stock_hold h ON h.hold_id = o.hold_id
        WHERE h.state IS DISTINCT FROM CASE WHEN o.status = 'awaiting_payment' THEN 'held'
                                            WHEN o.status IN ('paid', 'closed') THEN 'sold' ELSE 'released' END""",
    "orders_lines_equal_holds": """
        SELECT o.id::text, h.hold_id::text, coalesce(l.sku_id, b.sku_id)::text AS sku_id,
               l.quantity AS line_quantity, h.quantity AS hold_quantity
        FROM (orders o JOIN order_line l ON l.order_id = o.id)
        FULL JOIN (stock_hold h JOIN stock_balance b ON b.id = h.balance_id)
            ON h.hold_id = o.hold_id AND b.sku_id = l.sku_id
        WHERE l.quantity IS DISTINCT FROM h.quantity""",
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
