"""What `showfloor verify` sees of payments: each test breaks a row by hand and finds it named."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from server.payments import checks


async def bought(till):
    _, order_id, started = await till.started("sandbox")
    await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve")
    await till.sandbox_notices()
    await till.refund(order_id)
    await till.later(seconds=1)
    return started["payment_id"]


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("DELETE FROM payment_event", "payments_succeeded_equal_events"),
        ("UPDATE payment SET status = 'failed'", "payments_succeeded_equal_events"),
        (
            "UPDATE payment_event SET body = jsonb_set(body, '{amount_minor}', '1')",
            "payments_amount_equals_events",
        ),
        ("UPDATE payment_event SET provider = 'stripe'", "payments_events_of_their_provider"),
        (
            "DROP INDEX uq_payment_trade; INSERT INTO payment SELECT (jsonb_populate_record(p, "
            "jsonb_build_object('id', uuidv7(), 'status', 'failed'))).* FROM payment p",
            "payments_one_for_each_trade",
        ),
        ("UPDATE payment SET check_at = now()", "payments_that_are_over_are_left_alone"),
        ("UPDATE payment SET refunded_minor = 0", "refunds_within_payments"),
        ("UPDATE payment SET status = 'closed'", "refunds_of_paid_payments"),
        ("UPDATE refund SET status = 'requested'", "refunds_status_equals_times"),
    ],
)
async def test_what_does_not_add_up_is_named(till, statement, check):
    payment_id = await bought(till)
    await till.books_are_right()
    async with till.database.session() as session:  # not committed
        for part in statement.split("; "):
            await session.execute(text(part))
        broken = await checks.verify(session)
    assert broken[check], (check, payment_id)
