"""What orders do about others' facts, and what the topics hear of orders."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, control_topic, member_topic, room_topic, store_topic
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged
from server.orders import paying, rules
from server.orders.facts import (
    HoldExtended,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrdersHeld,
    OrdersReleased,
)
from server.payments import service as payments
from server.payments.facts import PaymentSucceeded


@in_transaction(PaymentSucceeded)
async def book_payment(session: AsyncSession, fact: PaymentSucceeded) -> None:
    if fact.payable == "order":
        await paying.book_payment(session, fact.payable_id, fact.amount_minor, fact.at)


@in_transaction(OrdersReleased)
async def withdraw_payments(session: AsyncSession, fact: OrdersReleased) -> None:
    """Nobody shall pay for what is called off, where the provider can prevent it."""
    await payments.withdraw(session, "order", [order.order_id for order in fact.orders])


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


@announces(OrdersHeld)
def tell_of_holds(fact: OrdersHeld) -> Iterator[RoomEvent]:
    for order in fact.orders:
        hold = {
            "hold_id": order.hold_id,
            "order_id": order.order_id,
            "sale_id": fact.sale_id,
            "quantity": order.quantity,
            "amount_minor": order.amount_minor,
            "pay_by": order.pay_by,
        }
        yield fact.event(member_topic(order.member_id), "hold.created", of=order.order_id, hold=hold)
        if fact.room_id:
            yield fact.event(
                control_topic(fact.room_id),
                "order.held",
                of=order.order_id,
                order_id=order.order_id,
                number=order.number,
                name=order.name,
                title=order.title,
                quantity=order.quantity,
                amount_minor=order.amount_minor,
            )


@announces(OrderPaid)
def tell_of_payment(fact: OrderPaid) -> Iterator[RoomEvent]:
    title = fact.lines[0].title if fact.lines else ""
    quantity = sum(line.quantity for line in fact.lines)
    yield fact.event(member_topic(fact.member_id), "order.paid", order_id=fact.order_id)
    if fact.room_id:
        yield fact.event(
            room_topic(fact.room_id),
            "order.ticker",
            name=rules.shown_name(fact.name),
            title=title,
            quantity=quantity,
            at=fact.at,
        )
    for topic in _desks(fact):
        yield fact.event(
            topic,
            "order.paid",
            order_id=fact.order_id,
            number=fact.number,
            name=fact.name,
            amount_minor=fact.amount_minor,
            title=title,
            quantity=quantity,
            store_id=fact.store_id,
            guide_id=fact.guide_id,
            at=fact.at,
        )


@announces(OrdersReleased)
def tell_of_release(fact: OrdersReleased) -> Iterator[RoomEvent]:
    for order in fact.orders:
        yield fact.event(
            member_topic(order.member_id), f"order.{fact.reason}", of=order.order_id, order_id=order.order_id
        )


@announces(HoldExtended)
def tell_of_extension(fact: HoldExtended) -> Iterator[RoomEvent]:
    until = {"order_id": fact.order_id, "hold_id": fact.hold_id, "pay_by": fact.pay_by}
    yield fact.event(member_topic(fact.member_id), "hold.extended", **until)
    if fact.room_id:
        yield fact.event(
            control_topic(fact.room_id),
            "hold.extended",
            **until,
            sale_id=fact.sale_id,
            number=fact.number,
            name=fact.name,
            seconds=fact.seconds,
        )


@announces(OrderRefunded)
def tell_of_refund(fact: OrderRefunded) -> Iterator[RoomEvent]:
    mine = {"order_id": fact.order_id, "amount_minor": fact.amount_minor}
    yield fact.event(member_topic(fact.member_id), "order.refunded", **mine)
    for topic in _desks(fact):
        yield fact.event(topic, "order.refunded", number=fact.number, name=fact.name, **mine)


@announces(OrderFulfilled)
def tell_of_fulfilment(fact: OrderFulfilled) -> Iterator[RoomEvent]:
    yield fact.event(
        member_topic(fact.member_id),
        "order.fulfilled",
        order_id=fact.order_id,
        fulfilment=fact.step,
        carrier=fact.carrier,
        tracking_number=fact.tracking_number,
    )


def _desks(fact: OrderPaid | OrderRefunded) -> Iterator[str]:
    """The staff who follow an order: at the room's control and in the carrying store."""
    if fact.room_id:
        yield control_topic(fact.room_id)
    if fact.store_id:
        yield store_topic(fact.store_id)
