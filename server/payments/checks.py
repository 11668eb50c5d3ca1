"""What must hold within payments: events against payments, refunds against payments, trades."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "payments_succeeded_equal_events": """
        SELECT p.id::text, p.status, count(e.id) AS success_events
        FROM payment p LEFT JOIN payment_event e ON e.payment_id = p.id AND e.kind = 'succeeded'
        GROUP BY p.id HAVING (p.status = 'succeeded') <> (count(e.id) > 0)""",
    "payments_amount_equals_events": """
        SELECT p.id::text, e.id::text AS event_id, p.amount_minor, e.body->>'amount_minor' AS event_minor
        FROM payment p JOIN payment_event e ON e.payment_id = p.id AND e.provider = p.provider
        WHERE e.kind IN ('succeeded', 'failed') AND (e.body->>'amount_minor')::bigint <> p.amount_minor""",
    "payments_events_of_their_provider": """
        SELECT e.id::text, e.provider, p.provider AS payment_provider
        FROM payment_event e JOIN payment p ON p.id = e.payment_id WHERE p.provider <> e.provider""",
    "payments_one_for_each_trade": """
        SELECT provider, trade_no, count(*) AS payments, array_agg(id::text) AS ids
        FROM payment WHERE trade_no IS NOT NULL GROUP BY provider, trade_no HAVING count(*) > 1""",
    "payments_that_are_over_are_left_alone": """
        SELECT id::text, status, check_at::text FROM payment
        WHERE status IN ('succeeded', 'failed', 'closed') AND check_at IS NOT NULL""",
    "refunds_within_payments": """
        SELECT p.id::text, p.amount_minor, p.refunded_minor, coalesce(sum(r.amount_minor), 0)::bigint AS refunds
        FROM payment p LEFT JOIN refund r ON r.payment_id = p.id GROUP BY p.id
        HAVING p.refunded_minor <> coalesce(sum(r.amount_minor), 0) OR p.refunded_minor > p.amount_minor""",
    "refunds_of_paid_payments": """
        SELECT r.id::text, r.amount_minor, p.id::text AS payment_id, p.status
        FROM refund r JOIN payment p ON p.id = r.payment_id
        WHERE p.status <> 'succeeded' OR r.brand_id <> p.brand_id""",
    "refunds_status_equals_times": """
        SELECT id::text, status, settled_at::text, check_at::text FROM refund
        WHERE (status = 'requested') <> (check_at IS NOT NULL) OR (status = 'requested') <> (settled_at IS NULL)""",
}
"""Queries that list broken rows."""


async def verify(session: AsyncSession) -> Broken:
    """Payment invariants: check name → broken rows."""
    return await broken_rows(session, VERIFY)
