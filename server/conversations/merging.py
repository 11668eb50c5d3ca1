"""When a guest turns out to be a member, what they said to a guide is the member's."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.conversations.facts import ConversationsMerged
from server.conversations.models import Conversation
from server.kit.facts import record
from server.members.facts import MembersMerged


async def merge(session: AsyncSession, fact: MembersMerged) -> None:
    """Where both talked with one guide, the guest's lines follow the member's, under new numbers."""
    found = await session.exec(
        select(Conversation)
        .where(col(Conversation.member_id).in_([fact.guest_id, fact.member_id]))
        .order_by(col(Conversation.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    both = found.all()
    kept = {(one.guide_id, one.store_id): one for one in both if one.member_id == fact.member_id}
    for guests in [one for one in both if one.member_id == fact.guest_id]:
        members = kept.get((guests.guide_id, guests.store_id))
        if members is None:
            guests.member_id = fact.member_id
        else:
            await _append(session, guests, members)
        await session.flush()
        await record(session, _told(fact, guests.id, members or guests))


def _told(fact: MembersMerged, from_id: UUID, into: Conversation) -> ConversationsMerged:
    return ConversationsMerged(
        brand_id=fact.brand_id,
        conversation_id=into.id,
        from_id=from_id,
        member_id=fact.member_id,
        guide_id=into.guide_id,
    )


# A key that both used, which two browsers hardly do, gives way to one that nobody sends.
_MOVE_LINES = text(
    """
    UPDATE conversation_line g SET conversation_id = :into_id, number = g.number + :after,
           key = CASE WHEN EXISTS (SELECT 1 FROM conversation_line m WHERE m.conversation_id = :into_id
                                   AND m.by = g.by AND m.key = g.key)
                      THEN 'merged:' || g.id ELSE g.key END
    WHERE g.conversation_id = :from_id
    """
)


async def _append(session: AsyncSession, guests: Conversation, members: Conversation) -> None:
    """What either has not read stays unread; who wanted no messages gets none."""
    after = members.last_number
    await session.execute(_MOVE_LINES, {"into_id": members.id, "from_id": guests.id, "after": after})
    members.member_read = _read(members.member_read, guests.member_read, after)
    members.guide_read = _read(members.guide_read, guests.guide_read, after)
    members.last_number = after + guests.last_number
    members.latest_id = max(members.latest_id, guests.latest_id)
    members.blocked_at = members.blocked_at or guests.blocked_at
    members.day, members.day_lines = _day(guests, members)
    await session.delete(guests)


def _read(of_members: int, of_guests: int, after: int) -> int:
    return after + of_guests if of_members == after else of_members


def _day(guests: Conversation, members: Conversation) -> tuple[date | None, int]:
    if guests.day == members.day:
        return members.day, members.day_lines + guests.day_lines
    newest = max((guests, members), key=lambda one: one.day or date.min)
    return newest.day, newest.day_lines
