"""What conversations do about others' facts, and what the two who talk hear."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, member_topic
from server.conversations import merging
from server.conversations.facts import (
    ConversationsMerged,
    LineRecalled,
    LinesRead,
    LineWritten,
    ReceivingChanged,
)
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged


@in_transaction(MembersMerged)
async def follow_the_member(session: AsyncSession, fact: MembersMerged) -> None:
    await merging.merge(session, fact)


Between = LineWritten | LineRecalled | LinesRead | ReceivingChanged | ConversationsMerged


def _both(fact: Between, kind: str, **data: object) -> Iterator[RoomEvent]:
    """The topic of one person: a guide has one as a member has."""
    for person_id in (fact.member_id, fact.guide_id):
        yield fact.event(member_topic(person_id), kind, conversation_id=fact.conversation_id, **data)


@announces(LineWritten)
def tell_line(fact: LineWritten) -> Iterator[RoomEvent]:
    yield from _both(
        fact, "conversation.line", member=fact.member_name, guide=fact.guide_name, line=fact.line
    )


@announces(LineRecalled)
def tell_recall(fact: LineRecalled) -> Iterator[RoomEvent]:
    return _both(fact, "conversation.recalled", number=fact.number)


@announces(LinesRead)
def tell_reading(fact: LinesRead) -> Iterator[RoomEvent]:
    return _both(fact, "conversation.read", by=fact.by, number=fact.number)


@announces(ReceivingChanged)
def tell_receiving(fact: ReceivingChanged) -> Iterator[RoomEvent]:
    return _both(fact, "conversation.receiving", receiving=fact.receiving)


@announces(ConversationsMerged)
def tell_merging(fact: ConversationsMerged) -> Iterator[RoomEvent]:
    return _both(fact, "conversation.merged", from_id=fact.from_id)
