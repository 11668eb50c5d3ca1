"""What chat does about others' facts, and what the topics hear of talk and moderation."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import EXPELLED, RoomEvent, member_topic, moderation_topic, room_topic
from server.chat.facts import (
    ChatDeleted,
    ChatRestored,
    ChatSettingChanged,
    LinePinned,
    LineReviewed,
    LinesHeld,
    LinesSaid,
    MemberBanned,
    MemberMuted,
    MemberUnbanned,
    MemberUnmuted,
    ModeratorChanged,
    QuestionReopened,
    QuestionsAsked,
    QuestionSettled,
)
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged

_FOLLOW = (
    # A ref both had used is kept apart. Lines keep the name under which they were said.
    """
    UPDATE chat_message c SET writer_id = :member_id, ref = CASE WHEN EXISTS (
        SELECT 1 FROM chat_message m WHERE m.room_id = c.room_id AND m.writer_id = :member_id AND m.ref = c.ref)
        THEN c.ref || ':' || c.writer_id ELSE c.ref END
    WHERE c.writer_id = :guest_id
    """,
    # Who was muted stays muted, the longer time of both.
    """
    WITH gone AS (DELETE FROM mute WHERE member_id = :guest_id RETURNING room_id, until, by)
    INSERT INTO mute (room_id, member_id, until, by) SELECT room_id, :member_id, until, by FROM gone
    ON CONFLICT (room_id, member_id) DO UPDATE SET until = greatest(mute.until, excluded.until)
    """,
    "UPDATE ban SET member_id = :member_id WHERE member_id = :guest_id",
    """
    WITH gone AS (DELETE FROM member_device WHERE member_id = :guest_id RETURNING device, seen_at)
    INSERT INTO member_device (member_id, device, seen_at) SELECT :member_id, device, seen_at FROM gone
    ON CONFLICT (member_id, device) DO UPDATE SET seen_at = greatest(member_device.seen_at, excluded.seen_at)
    """,
    """
    WITH gone AS (DELETE FROM room_moderator WHERE member_id = :guest_id RETURNING room_id, by, at)
    INSERT INTO room_moderator (room_id, member_id, by, at) SELECT room_id, :member_id, by, at FROM gone
    ON CONFLICT DO NOTHING
    """,
)


@in_transaction(MembersMerged)
async def follow_the_member(session: AsyncSession, fact: MembersMerged) -> None:
    """A guest's lines, silence, bans, devices and office become the member's."""
    for statement in _FOLLOW:
        await session.execute(text(statement), {"guest_id": fact.guest_id, "member_id": fact.member_id})


@announces(LinesSaid)
def tell_who_was_answered(fact: LinesSaid) -> Iterator[RoomEvent]:
    """An answer must not be lost in a busy room to whom it is for."""
    for line in fact.lines:
        if line.reply_to is not None and line.reply_to.member_id != line.member_id:
            whom = member_topic(line.reply_to.member_id)
            yield fact.event(whom, "chat.mentioned", of=line.id, room_id=fact.room_id, message=line)


@announces(LinesHeld)
def tell_of_held_lines(fact: LinesHeld) -> Iterator[RoomEvent]:
    for held in fact.lines:
        yield fact.event(
            moderation_topic(fact.room_id),
            "chat.held",
            of=held.message.id,
            message=held.message,
            why=held.why,
            pattern=held.pattern,
        )


@announces(LineReviewed)
def tell_of_review(fact: LineReviewed) -> Iterator[RoomEvent]:
    message = fact.message
    yield fact.event(moderation_topic(fact.room_id), "chat.reviewed", message_id=message.id, shown=fact.shown)
    whom = member_topic(message.member_id)
    if fact.shown:
        yield fact.event(whom, "chat.shown", room_id=fact.room_id, message=message)
    else:
        yield fact.event(whom, "chat.refused", room_id=fact.room_id, message_id=message.id)


@announces(ChatDeleted)
def tell_of_deletion(fact: ChatDeleted) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "chat.deleted", message_id=fact.message_id)


@announces(ChatRestored)
def tell_of_restoration(fact: ChatRestored) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "chat.restored", message=fact.message)


@announces(LinePinned)
def tell_of_pinned_line(fact: LinePinned) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "chat.pinned", message=fact.message)


@announces(ChatSettingChanged)
def tell_of_setting(fact: ChatSettingChanged) -> Iterator[RoomEvent]:
    yield fact.event(
        room_topic(fact.room_id),
        "chat.setting",
        pre_review=fact.pre_review,
        links=fact.links,
        slow_s=fact.slow_s,
    )


@announces(MemberMuted)
def tell_of_mute(fact: MemberMuted) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "member.muted", member_id=fact.member_id, until=fact.until)
    yield fact.event(member_topic(fact.member_id), "muted", room_id=fact.room_id, until=fact.until)


@announces(MemberUnmuted)
def tell_of_unmute(fact: MemberUnmuted) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "member.unmuted", member_id=fact.member_id)
    yield fact.event(member_topic(fact.member_id), "muted", room_id=fact.room_id, until=None)


@announces(MemberBanned)
def tell_of_ban(fact: MemberBanned) -> Iterator[RoomEvent]:
    for room_id in fact.room_ids:
        yield fact.event(
            moderation_topic(room_id),
            "member.banned",
            member_id=fact.member_id,
            until=fact.until,
            reason=fact.reason,
        )
        yield fact.event(room_topic(room_id), EXPELLED, member_ids=fact.member_ids)


@announces(MemberUnbanned)
def tell_of_unban(fact: MemberUnbanned) -> Iterator[RoomEvent]:
    for room_id in fact.room_ids:
        yield fact.event(moderation_topic(room_id), "member.unbanned", member_id=fact.member_id)


@announces(ModeratorChanged)
def tell_of_moderator(fact: ModeratorChanged) -> Iterator[RoomEvent]:
    yield fact.event(
        member_topic(fact.member_id), "moderator", room_id=fact.room_id, moderates=fact.moderates
    )
    yield fact.event(
        moderation_topic(fact.room_id), "moderator", member_id=fact.member_id, moderates=fact.moderates
    )


@announces(QuestionsAsked)
def tell_of_questions(fact: QuestionsAsked) -> Iterator[RoomEvent]:
    for asked in fact.questions:
        yield fact.event(
            moderation_topic(fact.room_id),
            "question.asked",
            of=asked.message.id,
            message=asked.message,
            about=asked.about,
            group=asked.group,
        )


@announces(QuestionReopened)
def tell_of_reopening(fact: QuestionReopened) -> Iterator[RoomEvent]:
    for asked in (fact.question, *fact.others):
        yield fact.event(
            moderation_topic(fact.room_id),
            "question.asked",
            of=f"{asked.message.id}:{fact.fact_id}",
            message=asked.message,
            about=asked.about,
            group=asked.group,
        )


@announces(QuestionSettled)
def tell_of_answer(fact: QuestionSettled) -> Iterator[RoomEvent]:
    """An answer is for the whole room, and for whoever comes back to it."""
    settled = {"message_id": fact.message_id, "message_ids": fact.message_ids or [fact.message_id]}
    answer_id = fact.answer.id if fact.answer is not None else None
    yield fact.event(moderation_topic(fact.room_id), "question.settled", **settled, answer_id=answer_id)
    if fact.answer is not None:
        yield fact.event(room_topic(fact.room_id), "question.answered", **settled, answer=fact.answer)
