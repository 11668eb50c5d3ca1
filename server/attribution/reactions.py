"""What attribution does about others' facts, and who hears of its own."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, control_topic, store_topic
from server.attribution import bindings, credits, service
from server.attribution.facts import (
    Arrival,
    CreditDisputed,
    CreditEarned,
    CreditReversed,
    DisputeDecided,
    ViewerCarried,
    ViewerEntered,
)
from server.kit.facts import after_commit, announces, in_transaction
from server.members.facts import MembersMerged
from server.orders.facts import OrderPaid, OrderRefunded


@in_transaction(OrderPaid)
async def credit_order(session: AsyncSession, fact: OrderPaid) -> None:
    await credits.earn(session, fact)


@after_commit(OrderPaid)
async def bind_the_buyer(session: AsyncSession, fact: OrderPaid) -> None:
    """Apart from the payment: it locks the member's row, as a touch does."""
    await bindings.by_order(session, fact)


@in_transaction(OrderRefunded)
async def reverse_credit(session: AsyncSession, fact: OrderRefunded) -> None:
    await credits.reverse(session, fact)


@in_transaction(MembersMerged)
async def follow_the_member(session: AsyncSession, fact: MembersMerged) -> None:
    await service.merge(session, fact.guest_id, fact.member_id, fact.at)


def _arrival(viewer: Arrival, fact: ViewerEntered | ViewerCarried) -> Iterator[RoomEvent]:
    if viewer.store is not None:
        yield fact.event(
            store_topic(viewer.store.store_id),
            "arrival",
            member_id=viewer.member_id,
            name=viewer.name,
            guide_id=viewer.guide.account_id if viewer.guide else None,
            room_id=fact.room_id,
            orders=viewer.orders,
            amount_minor=viewer.amount_minor,
            tags=viewer.tags,
            at=fact.at,
        )


@announces(ViewerEntered, ViewerCarried, CreditEarned, CreditReversed)
def tell_board(fact: ViewerEntered | ViewerCarried | CreditEarned | CreditReversed) -> Iterator[RoomEvent]:
    """That there is something to read, once a second: those of one second are one event to the broker."""
    if fact.room_id is not None:
        yield fact.event(
            control_topic(fact.room_id), "board.changed", of=int(fact.at.timestamp()), at=fact.at
        )


@announces(ViewerEntered)
def tell_entry(fact: ViewerEntered) -> Iterator[RoomEvent]:
    viewer = fact.viewer
    yield from _arrival(viewer, fact)
    yield fact.event(
        control_topic(fact.room_id),
        "viewer.entered",
        member_id=viewer.member_id,
        name=viewer.name,
        store=viewer.store,
        guide=viewer.guide,
        tags=viewer.tags,
    )


@announces(ViewerCarried)
def tell_carried(fact: ViewerCarried) -> Iterator[RoomEvent]:
    return _arrival(fact.viewer, fact)


@announces(CreditEarned)
def tell_credit(fact: CreditEarned) -> Iterator[RoomEvent]:
    if fact.store is not None:
        yield fact.event(
            store_topic(fact.store.store_id),
            "credit.earned",
            credit_id=fact.credit_id,
            order_id=fact.order_id,
            amount_minor=fact.amount_minor,
            guide=fact.guide,
            rule=fact.rule,
            at=fact.at,
        )


@announces(CreditReversed)
def tell_reversal(fact: CreditReversed) -> Iterator[RoomEvent]:
    if fact.store is not None:
        yield fact.event(
            store_topic(fact.store.store_id),
            "credit.reversed",
            credit_id=fact.credit_id,
            order_id=fact.order_id,
            amount_minor=fact.amount_minor,
            reversed_minor=fact.reversed_minor,
            net_minor=fact.net_minor,
            guide=fact.guide,
            at=fact.at,
        )


@announces(CreditDisputed)
def tell_dispute(fact: CreditDisputed) -> Iterator[RoomEvent]:
    if fact.store is not None:
        yield fact.event(
            store_topic(fact.store.store_id),
            "credit.disputed",
            dispute_id=fact.dispute_id,
            number=fact.number,
            guide=fact.guide,
            at=fact.at,
        )


@announces(DisputeDecided)
def tell_decision(fact: DisputeDecided) -> Iterator[RoomEvent]:
    """To the store of who appealed, and to those that the credit left and came to."""
    for store_id in dict.fromkeys([fact.store_id, fact.from_store_id, fact.to_store_id]):
        if store_id is not None:
            yield fact.event(
                store_topic(store_id),
                "dispute.decided",
                dispute_id=fact.dispute_id,
                order_id=fact.order_id,
                number=fact.number,
                granted=fact.granted,
                at=fact.at,
            )
