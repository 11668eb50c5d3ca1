"""Money going back: booked here, asked of the provider by the worker."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden
from server.orders import reading
from server.orders.facts import OrderRefunded
from server.orders.models import OrderEvent
from server.payments import service as payments
from server.payments.models import Payment, Refund
from server.stock import service as stock


async def refund(
    session: AsyncSession,
    staff: Principal,
    order_id: UUID,
    amount_minor: int,
    key: str,
    reason: str,
    now: datetime,
) -> UUID:
    """Book money going back; the worker asks the provider. What is due back anyway goes first. The same key books
    once. When all of it went back the order closes, and goods that never left are free again.

    Raises `RefundTooLarge` (409), `KeyReused` (422), `Forbidden`, `NotFound`.
    """
    if staff.role not in {Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.MANAGER}:
        raise Forbidden
    order = await reading.seen(session, staff, order_id, lock=True)
    if earlier := await _earlier(session, order_id, key, amount_minor):
        return earlier
    refundable = order.paid_minor - order.refunded_minor
    if amount_minor > refundable:
        raise payments.RefundTooLarge(refundable_minor=refundable)
    booked = await payments.refund(session, "order", order_id, amount_minor, key, reason)
    was_paid = order.status == "paid"
    due = min(order.refund_due_minor, amount_minor)
    order.refunded_minor += amount_minor  # the row is locked
    order.refund_due_minor -= due
    order.goods_refunded_minor += amount_minor - due
    closed = was_paid and order.goods_refunded_minor == order.amount_minor
    if closed:
        order.status = "closed"
        if order.fulfilment in {"none", "to_ship", "to_pick_up"}:
            order.fulfilment = "none"
            await stock.take_back(session, order.hold_id)
    session.add(OrderEvent(order_id=order.id, kind="refunded", at=now, note=reason, actor_id=staff.id))
    await session.flush()
    await record(
        session,
        OrderRefunded(
            brand_id=order.brand_id,
            order_id=order.id,
            number=order.number,
            refund_id=booked[0].id,
            member_id=order.member_id,
            name=await reading.buyer_name(session, order.member_id),
            key=order.key,
            room_id=order.room_id,
            sale_id=order.sale_id,
            store_id=order.store_id,
            guide_id=order.guide_id,
            amount_minor=amount_minor,
            refunded_minor=order.goods_refunded_minor,
            order_amount_minor=order.amount_minor,
            closed=closed,
        ),
    )
    return booked[0].id


async def _earlier(session: AsyncSession, order_id: UUID, key: str, amount_minor: int) -> UUID | None:
    """The first part of what was booked under this key, over however many payments. Raises `KeyReused` (422)."""
    asked = select(Refund).join(Payment).where(Payment.payable_id == order_id, Refund.key == key)
    booked = (await session.exec(asked.order_by(col(Refund.id)))).all()
    if booked and sum(part.amount_minor for part in booked) != amount_minor:
        raise KeyReused
    return booked[0].id if booked else None
