"""Money that came too late or twice goes back by itself, without touching goods or credit."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.database import Database, log_failure
from server.orders import refunding
from server.orders.models import Order, OrderEvent
from server.payments import service as payments

log = structlog.get_logger()

GRACE = timedelta(minutes=1)
"""Staff who look at the order just now may still send it back themselves."""

_DUE = text(
    """
    SELECT o.id FROM orders o WHERE o.refund_due_minor > 0 AND NOT EXISTS (
        SELECT 1 FROM order_event e WHERE e.order_id = o.id AND e.kind = 'paid_too_late' AND e.at > :before)
    LIMIT 100
    """
)


async def return_due(database: Database, now: datetime) -> int:
    """All that has been due back for a minute, each order in its own transaction; how many were looked at."""
    async with database.transaction() as session:
        due = (await session.execute(_DUE, {"before": now - GRACE})).scalars().all()
    for order_id in due:
        try:
            async with database.transaction() as session:
                await return_late(session, order_id, now)
        except Exception as error:
            log_failure(log, "late money was not returned", error, order_id=str(order_id))
    return len(due)


async def return_late(session: AsyncSession, order_id: UUID, now: datetime) -> None:
    """Book what is due back of one order; asked again, or beside staff, there is nothing left to book."""
    order = (await session.exec(select(Order).where(Order.id == order_id).with_for_update())).one()
    amount_minor = order.refund_due_minor
    if not amount_minor:
        return
    key = (
        f"late:{order.paid_minor}"  # what was paid in all only grows, and each late payment makes it another
    )
    booked = (await payments.refund(session, "order", order.id, amount_minor, key, "late or double payment"))[
        0
    ]
    order.refund_due_minor -= amount_minor  # the row is locked
    order.refunded_minor += amount_minor
    session.add(OrderEvent(order_id=order.id, kind="late_money_returned", at=now, amount_minor=amount_minor))
    await refunding.tell(session, order, booked.id, amount_minor)
