"""What a room's feed hears. Facts, so that nothing is sampled and a tool that was away hears what it missed."""

from __future__ import annotations

from collections.abc import Iterator

from live.events import RoomEvent, feed_topic
from server.attribution.facts import ViewerEntered
from server.chat.facts import ChatDeleted, ChatRestored, LinesSaid
from server.kit.facts import announces
from server.orders.facts import OrderPaid, OrderRefunded
from server.rooms.facts import RoomStateChanged
from server.tipping.facts import TipGiven

LINES = 32
"""In one fact at most, so that the longest still goes into what may wait for one connection (`live.wire.BUFFER`)."""


@announces(LinesSaid)
def tell_of_lines(fact: LinesSaid) -> Iterator[RoomEvent]:
    for start in range(0, len(fact.lines), LINES):
        lines = fact.lines[start : start + LINES]
        yield fact.event(feed_topic(fact.room_id), "chat.said", of=lines[0].id, lines=lines)


@announces(ChatDeleted)
def tell_of_deletion(fact: ChatDeleted) -> Iterator[RoomEvent]:
    yield fact.event(feed_topic(fact.room_id), "chat.deleted", message_id=fact.message_id)


@announces(ChatRestored)
def tell_of_restoration(fact: ChatRestored) -> Iterator[RoomEvent]:
    yield fact.event(feed_topic(fact.room_id), "chat.restored", message=fact.message)


@announces(ViewerEntered)
def tell_of_entry(fact: ViewerEntered) -> Iterator[RoomEvent]:
    viewer = fact.viewer
    yield fact.event(
        feed_topic(fact.room_id),
        "viewer.entered",
        member_id=viewer.member_id,
        name=viewer.name,
        store=viewer.store,
        guide=viewer.guide,
        link_id=fact.link_id,
        at=fact.at,
    )


@announces(TipGiven)
def tell_of_tip(fact: TipGiven) -> Iterator[RoomEvent]:
    yield fact.event(
        feed_topic(fact.room_id),
        "tip.given",
        tip_id=fact.tip_id,
        member_id=fact.member_id,
        name=fact.name,
        gift_id=fact.gift_id,
        gift=fact.gift,
        quantity=fact.quantity,
        amount_minor=fact.amount_minor,
        at=fact.at,
    )


@announces(OrderPaid)
def tell_of_payment(fact: OrderPaid) -> Iterator[RoomEvent]:
    if fact.room_id is not None:
        yield fact.event(
            feed_topic(fact.room_id),
            "order.paid",
            order_id=fact.order_id,
            number=fact.number,
            member_id=fact.member_id,
            name=fact.name,
            sale_id=fact.sale_id,
            store_id=fact.store_id,
            guide_id=fact.guide_id,
            link_id=fact.link_id,
            amount_minor=fact.amount_minor,
            lines=fact.lines,
            at=fact.at,
        )


@announces(OrderRefunded)
def tell_of_refund(fact: OrderRefunded) -> Iterator[RoomEvent]:
    if fact.room_id is not None:
        yield fact.event(
            feed_topic(fact.room_id),
            "order.refunded",
            order_id=fact.order_id,
            number=fact.number,
            refund_id=fact.refund_id,
            member_id=fact.member_id,
            name=fact.name,
            store_id=fact.store_id,
            guide_id=fact.guide_id,
            amount_minor=fact.amount_minor,
            refunded_minor=fact.refunded_minor,
            closed=fact.closed,
            at=fact.at,
        )


@announces(RoomStateChanged)
def tell_of_state(fact: RoomStateChanged) -> Iterator[RoomEvent]:
    yield fact.event(feed_topic(fact.room_id), "room.state", state=fact.state, at=fact.changed_at)
