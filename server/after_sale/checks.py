"""What must hold between cases, their history and the orders' refunds."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "after_sale_refunded_by_a_refund": """
        SELECT a.id::text, a.order_id::text, a.state, a.amount_minor, sum(r.amount_minor)::bigint AS refunded_minor
        FROM after_sale a
        LEFT JOIN payment p ON p.payable = 'order' AND p.payable_id = a.order_id
        LEFT JOIN refund r ON r.payment_id = p.id AND r.key = 'after-sale:' || a.id
        GROUP BY a.id
        HAVING coalesce(sum(r.amount_minor), 0) <> CASE WHEN a.state = 'refunded' THEN a.amount_minor ELSE 0 END""",
    "after_sale_state_is_the_last_step": """
        SELECT a.id::text, a.state, e.kind FROM after_sale a
        LEFT JOIN LATERAL (SELECT kind FROM after_sale_event WHERE case_id = a.id ORDER BY id DESC LIMIT 1) e ON true
        WHERE a.state IS DISTINCT FROM e.kind""",
}
"""Queries that list broken rows."""


async def verify(session: AsyncSession) -> Broken:
    """Invariants of cases: check name → broken rows."""
    return await broken_rows(session, VERIFY)
