"""What a buyer hears of their own payments, and what follows a guest who is known."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, member_topic
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged
from server.payments import openids
from server.payments.facts import PaymentFailed


@announces(PaymentFailed)
def tell_of_failure(fact: PaymentFailed) -> Iterator[RoomEvent]:
    order_id = fact.payable_id if fact.payable == "order" else None
    yield fact.event(
        member_topic(fact.member_id), "payment.failed", payment_id=fact.payment_id, order_id=order_id
    )


@in_transaction(MembersMerged)
async def take_over_openids(session: AsyncSession, fact: MembersMerged) -> None:
    await openids.move(session, fact.guest_id, fact.member_id)
