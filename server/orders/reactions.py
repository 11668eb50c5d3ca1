"""What orders do about others' facts, and what the topics hear of orders."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, control_topic, member_topic, room_topic, store_topic
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged
from server.orders import rules, service
from server.orders.facts import OrderFulfilled, OrderPaid, OrderRefunded, OrdersHeld, OrdersReleased
from server.payments.facts import PaymentSucceeded


@in_transaction(PaymentSucceeded)
async def book_payment(session: AsyncSession, fact: PaymentSucceeded) -> None:
    if fact.payable == "order":
        await service.book_payment(session, fact.payable_id, fact.amount_minor, fact.at)


@in_transaction(MembersMerged)
async def follow_the_member(session: AsyncSession, fact: MembersMerged) -> None:
    """A guest's orders become the member's; a key both had used is kept apart."""
    await session.execute(
        text(
            """
            UPDATE orders o SET member_id = :member_id, key = CASE WHEN EXISTS (
                SELECT 1 FROM orders m WHERE m.member_id = :member_id AND m.key = o.key)
                THEN o.key || ':' || o.member_id ELSE o.key END
            WHERE o.member_id = :guest_id
            """
        ),
        {"member_id": fact.member_id, "guest_id": fact.guest_id},
    )


def _data(**fields: object) -> dict[str, object]:
    return msgspec.to_builtins(fields)  # type: ignore[no-any-return]


@announces(OrdersHeld)
def tell_of_holds(fact: OrdersHeld) -> Sequence[RoomEvent]:
    events = []
    for order in fact.orders:
        hold = _data(
            hold_id=order.hold_id,
            order_id=order.order_id,
            sale_id=fact.sale_id,
            quantity=order.quantity,
            amount_minor=order.amount_minor,
            pay_by=order.pay_by,
        )
        key = f"held:{order.order_id}"
        events.append(RoomEvent(member_topic(order.member_id), "hold.created", {"hold": hold}, key))
        if fact.room_id:
            desk = _data(
                order_id=order.order_id,
                number=order.number,
                name=order.name,
                title=order.title,
                quantity=order.quantity,
                amount_minor=order.amount_minor,
            )
            events.append(RoomEvent(control_topic(fact.room_id), "order.held", desk, key))
    return events


@announces(OrderPaid)
def tell_of_payment(fact: OrderPaid) -> Sequence[RoomEvent]:
    key = str(fact.fact_id)
    desk = _data(
        order_id=fact.order_id,
        number=fact.number,
        name=fact.name,
        amount_minor=fact.amount_minor,
        title=fact.lines[0].title if fact.lines else "",
        quantity=sum(line.quantity for line in fact.lines),
        store_id=fact.store_id,
        guide_id=fact.guide_id,
        at=fact.at,
    )
    events = [RoomEvent(member_topic(fact.member_id), "order.paid", _data(order_id=fact.order_id), key)]
    if fact.room_id:
        public = {
            "name": rules.shown_name(fact.name),
            "title": desk["title"],
            "quantity": desk["quantity"],
            "at": desk["at"],
        }
        events.append(RoomEvent(room_topic(fact.room_id), "order.ticker", public, key))
        events.append(RoomEvent(control_topic(fact.room_id), "order.paid", desk, key))
    if fact.store_id:
        events.append(RoomEvent(store_topic(fact.store_id), "order.paid", desk, key))
    return events


@announces(OrdersReleased)
def tell_of_release(fact: OrdersReleased) -> Sequence[RoomEvent]:
    return [
        RoomEvent(
            member_topic(order.member_id),
            f"order.{fact.reason}",
            _data(order_id=order.order_id),
            f"{fact.reason}:{order.order_id}",
        )
        for order in fact.orders
    ]


@announces(OrderRefunded)
def tell_of_refund(fact: OrderRefunded) -> Sequence[RoomEvent]:
    key = str(fact.fact_id)
    body = _data(order_id=fact.order_id, number=fact.number, amount_minor=fact.amount_minor, name=fact.name)
    mine = _data(order_id=fact.order_id, amount_minor=fact.amount_minor)
    events = [RoomEvent(member_topic(fact.member_id), "order.refunded", mine, key)]
    if fact.room_id:
        events.append(RoomEvent(control_topic(fact.room_id), "order.refunded", body, key))
    if fact.store_id:
        events.append(RoomEvent(store_topic(fact.store_id), "order.refunded", body, key))
    return events


@announces(OrderFulfilled)
def tell_of_fulfilment(fact: OrderFulfilled) -> Sequence[RoomEvent]:
    body = _data(
        order_id=fact.order_id,
        fulfilment=fact.step,
        carrier=fact.carrier,
        tracking_number=fact.tracking_number,
    )
    return [RoomEvent(member_topic(fact.member_id), "order.fulfilled", body, str(fact.fact_id))]
