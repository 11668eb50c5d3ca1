"""Orders paid: the payment begins, and its money is booked when it came."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.facts import record
from server.kit.principal import Principal
from server.kit.problems import Problem
from server.kit.settings import Settings
from server.orders import reading
from server.orders.facts import OrderPaid, SoldLine
from server.orders.models import Order, OrderEvent, OrderLine
from server.orders.rules import WrongStatus
from server.payments import service as payments
from server.payments.models import Payment
from server.stock import service as stock


class PaymentTooLate(Problem):
    status, slug, title = 410, "payment-too-late", "The time to pay is over; the units went back"


async def start_payment(
    session: AsyncSession,
    settings: Settings,
    member: Principal,
    order_id: UUID,
    provider: str,
    return_url: str,
    now: datetime,
    scene: payments.Scene = "desktop",
    payer: dict[str, Any] | None = None,
) -> Payment:
    """The payment's row; the order's is locked, so that none begins for an order that is paid at this moment.

    Raises `NotFound`, `PaymentTooLate` (410), `WrongStatus` (409), and what `payments.create` raises.
    """
    order = await reading.own(session, member, order_id, lock=True)
    if order.status == "expired" or (order.status == "awaiting_payment" and order.pay_by <= now):
        raise PaymentTooLate
    if order.status != "awaiting_payment":
        raise WrongStatus(order_status=order.status)
    title = (await session.exec(select(OrderLine.title).where(OrderLine.order_id == order.id).limit(1))).one()
    return await payments.create(
        session,
        settings,
        brand_id=order.brand_id,
        member_id=member.id,
        payable="order",
        payable_id=order.id,
        provider=provider,
        amount_minor=order.amount_minor,
        title=title,
        return_url=return_url,
        expires_at=order.pay_by,
        scene=scene,
        payer=payer,
    )


async def book_payment(session: AsyncSession, order_id: UUID, amount_minor: int, now: datetime) -> None:
    """Money for an order came in: it is paid if it still waited, else the money is due back. Either way nobody waits
    for another payment of it."""
    await payments.withdraw(session, "order", [order_id])
    order = (
        await session.exec(
            update(Order)
            .where(col(Order.id) == order_id, col(Order.status) == "awaiting_payment")
            .values(
                status="paid",
                paid_at=now,
                paid_minor=Order.paid_minor + amount_minor,
                fulfilment=text(
                    "CASE delivery->>'method' WHEN 'delivery' THEN 'to_ship' WHEN 'pick_up' THEN 'to_pick_up' "
                    "ELSE 'none' END"
                ),
            )
            .returning(Order)
        )
    ).scalar_one_or_none()
    if order is None:
        await _book_too_late(session, order_id, amount_minor, now)
        return
    await stock.sell(session, [order.hold_id])
    session.add(OrderEvent(order_id=order.id, kind="paid", at=now))
    lines = (await session.exec(select(OrderLine).where(OrderLine.order_id == order.id))).all()
    await session.flush()
    await record(
        session,
        OrderPaid(
            brand_id=order.brand_id,
            order_id=order.id,
            number=order.number,
            member_id=order.member_id,
            name=await reading.buyer_name(session, order.member_id),
            room_id=order.room_id,
            sale_id=order.sale_id,
            store_id=order.store_id,
            guide_id=order.guide_id,
            link_id=order.link_id,
            amount_minor=order.amount_minor,
            lines=[SoldLine(sku_id=x.sku_id, title=x.title, quantity=x.quantity) for x in lines],
        ),
    )


async def _book_too_late(session: AsyncSession, order_id: UUID, amount_minor: int, now: datetime) -> None:
    await session.execute(
        update(Order)
        .where(col(Order.id) == order_id)
        .values(
            paid_minor=Order.paid_minor + amount_minor,
            refund_due_minor=Order.refund_due_minor + amount_minor,
        )
    )
    session.add(OrderEvent(order_id=order_id, kind="paid_too_late", at=now))
