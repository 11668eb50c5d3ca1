"""What cases do about others' facts, and what the topics hear of them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, control_topic, member_topic, store_topic
from server.after_sale.facts import AfterSaleMoved
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged


@in_transaction(MembersMerged)
async def follow_the_member(session: AsyncSession, fact: MembersMerged) -> None:
    """The orders before their cases, as whoever takes a step locks them."""
    await session.execute(
        text(
            """
            WITH locked AS MATERIALIZED (
                SELECT id FROM orders WHERE id IN (SELECT order_id FROM after_sale WHERE member_id = :guest_id)
                ORDER BY id FOR UPDATE)
            UPDATE after_sale SET member_id = :member_id
            WHERE member_id = :guest_id AND (SELECT count(*) FROM locked) >= 0
            """
        ),
        {"member_id": fact.member_id, "guest_id": fact.guest_id},
    )


@announces(AfterSaleMoved)
def tell_of_step(fact: AfterSaleMoved) -> Iterator[RoomEvent]:
    case = {"case_id": fact.case_id, "order_id": fact.order_id, "state": fact.state}
    yield fact.event(member_topic(fact.member_id), "after_sale.moved", **case)
    desks = [control_topic(fact.room_id)] if fact.room_id else []
    desks += [store_topic(fact.store_id)] if fact.store_id else []
    for topic in desks:
        yield fact.event(
            topic,
            "after_sale.moved",
            **case,
            number=fact.number,
            name=fact.name,
            amount_minor=fact.amount_minor,
        )
