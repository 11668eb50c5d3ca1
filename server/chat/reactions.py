"""What chat does about others' facts, and what the topics hear of moderation."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, member_topic, room_topic
from server.chat.facts import ChatDeleted, ChatRestored, MemberMuted, MemberUnmuted
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged


@in_transaction(MembersMerged)
async def follow_the_member(session: AsyncSession, fact: MembersMerged) -> None:
    """A guest's lines become the member's (a ref both had used is kept apart), and who was muted stays muted, the
    longer time of both. Lines keep the name under which they were said."""
    await session.execute(
        text(
            """
            UPDATE chat_message c SET writer_id = :member_id, ref = CASE WHEN EXISTS (
                SELECT 1 FROM chat_message m WHERE m.room_id = c.room_id AND m.writer_id = :member_id AND m.ref = c.ref)
                THEN c.ref || ':' || c.writer_id ELSE c.ref END
            WHERE c.writer_id = :guest_id
            """
        ),
        {"guest_id": fact.guest_id, "member_id": fact.member_id},
    )
    await session.execute(
        text(
            """
            WITH gone AS (DELETE FROM mute WHERE member_id = :guest_id RETURNING room_id, until, by)
            INSERT INTO mute (room_id, member_id, until, by) SELECT room_id, :member_id, until, by FROM gone
            ON CONFLICT (room_id, member_id) DO UPDATE SET until = greatest(mute.until, excluded.until)
            """
        ),
        {"guest_id": fact.guest_id, "member_id": fact.member_id},
    )


@announces(ChatDeleted)
def tell_of_deletion(fact: ChatDeleted) -> Sequence[RoomEvent]:
    data = {"message_id": str(fact.message_id)}
    return [RoomEvent(room_topic(fact.room_id), "chat.deleted", data, str(fact.fact_id))]


@announces(ChatRestored)
def tell_of_restoration(fact: ChatRestored) -> Sequence[RoomEvent]:
    data = {"message": msgspec.to_builtins(fact.message)}
    return [RoomEvent(room_topic(fact.room_id), "chat.restored", data, str(fact.fact_id))]


@announces(MemberMuted)
def tell_of_mute(fact: MemberMuted) -> Sequence[RoomEvent]:
    until = msgspec.to_builtins(fact.until)
    data = {"member_id": str(fact.member_id), "until": until}
    return [
        RoomEvent(room_topic(fact.room_id), "member.muted", data, str(fact.fact_id)),
        RoomEvent(member_topic(fact.member_id), "muted", {"until": until}, str(fact.fact_id)),
    ]


@announces(MemberUnmuted)
def tell_of_unmute(fact: MemberUnmuted) -> Sequence[RoomEvent]:
    data = {"member_id": str(fact.member_id)}
    return [
        RoomEvent(room_topic(fact.room_id), "member.unmuted", data, str(fact.fact_id)),
        RoomEvent(member_topic(fact.member_id), "muted", {"until": None}, str(fact.fact_id)),
    ]
