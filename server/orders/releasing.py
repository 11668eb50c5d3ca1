"""Orders that end unpaid: the row first, then the units; the gate follows the fact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.facts import record
from server.kit.principal import Principal
from server.kit.problems import Forbidden
from server.orders import reading, rules
from server.orders.facts import OrdersReleased, ReleasedOrder
from server.orders.rules import WrongStatus
from server.stock import service as stock

_DUE = text(
    """
    SELECT id FROM orders WHERE status = 'awaiting_payment' AND pay_by < :now
    ORDER BY pay_by LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)

_END = text(
    """
    WITH ended AS (
        UPDATE orders SET status = :reason WHERE id = ANY(CAST(:ids AS uuid[])) RETURNING *),
    told AS (
        INSERT INTO order_event (id, order_id, kind, at, note, actor_id)
        SELECT uuidv7(), id, :reason, :now, '', CAST(:actor_id AS uuid) FROM ended)
    SELECT e.brand_id, e.id AS order_id, e.hold_id, e.member_id, e.key, e.room_id, e.sale_id,
           (SELECT sum(l.quantity)::int FROM order_line l WHERE l.order_id = e.id) AS quantity
    FROM ended e
    """
)


async def expire_due(session: AsyncSession, now: datetime, limit: int = 500) -> int:
    """Orders whose time to pay is over; how many. Two sweepers never take the same order."""
    due = (await session.execute(_DUE, {"now": now, "limit": limit})).scalars().all()
    if due:
        await _release(session, due, "expired", now)
    return len(due)


async def cancel(session: AsyncSession, viewer: Principal, order_id: UUID, now: datetime) -> None:
    """By its buyer, or staff in scope who may act, while it waits for payment. Raises `WrongStatus` (409),
    `Forbidden`, `NotFound`."""
    order = await reading.seen(session, viewer, order_id, lock=True)
    if viewer.kind == "staff" and viewer.role not in rules.CANCELS:
        raise Forbidden
    if order.status != "awaiting_payment":
        raise WrongStatus(order_status=order.status)
    await _release(session, [order.id], "cancelled", now, viewer.id if viewer.kind == "staff" else None)


async def _release(
    session: AsyncSession,
    order_ids: Sequence[UUID],
    reason: Literal["expired", "cancelled"],
    now: datetime,
    actor_id: UUID | None = None,
) -> None:
    """The orders' rows are locked, and they wait for payment."""
    values = {"ids": list(order_ids), "reason": reason, "now": now, "actor_id": actor_id}
    rows = (await session.execute(_END, values)).mappings()
    by_brand: dict[UUID, list[ReleasedOrder]] = defaultdict(list)
    for row in rows:
        fields = dict(row)
        by_brand[fields.pop("brand_id")].append(ReleasedOrder(**fields))
    await stock.release(session, [order.hold_id for orders in by_brand.values() for order in orders])
    await record(
        session,
        *(OrdersReleased(brand_id=brand, reason=reason, orders=orders) for brand, orders in by_brand.items()),
    )
