"""Lines taken back and put back, pinned, held and let go; writers silenced. Doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.acts import Place, must_help, must_moderate, note
from server.chat.facts import (
    ChatDeleted,
    ChatRestored,
    LinePinned,
    LineReviewed,
    LinesSaid,
    MemberMuted,
    MemberUnmuted,
    SaidLine,
)
from server.chat.lines import ask
from server.chat.models import ChatMessage, ChatSetting, Mute
from server.kit.facts import record
from server.kit.paging import PAGE, before
from server.kit.principal import Principal
from server.kit.problems import Conflict, Forbidden, NotFound

LONGEST_HELPERS_MUTE_MINUTES = 24 * 60
"""A viewer who moderates mutes for no longer."""


class NotWaiting(Conflict):
    """`state` is what the line is in."""

    slug, title = "not-waiting", "Somebody has decided about this line already"


class NotShown(Conflict):
    slug, title = "not-shown", "Only a line that the room sees can be pinned"


def line_of(message: ChatMessage) -> SaidLine:
    return SaidLine(
        id=message.id,
        member_id=message.writer_id,
        name=message.name,
        role=message.role,
        text=message.text,
        at=message.at,
    )


async def messages(
    session: AsyncSession, room_id: UUID, state: str | None, cursor: str | None
) -> Sequence[ChatMessage]:
    """A page and one more, newest first, deleted ones among them."""
    query = select(ChatMessage).where(ChatMessage.room_id == room_id)
    if state is not None:
        query = query.where(ChatMessage.state == state)
    if last := before(cursor):
        query = query.where(col(ChatMessage.id) < last)
    return (await session.exec(query.order_by(col(ChatMessage.id).desc()).limit(PAGE + 1))).all()


# Taken back and put back


async def remove(
    session: AsyncSession, who: Principal, room_id: UUID, message_id: UUID, now: datetime
) -> ChatMessage:
    """What was pinned is unpinned with it. Raises `NotFound`, `Forbidden`."""
    room = await must_help(session, who, room_id)
    message = await _message(session, room_id, message_id)
    _mind_whose(who, message)
    if message.deleted_at is None:
        message.deleted_at, message.deleted_by = now, who.id
        await note(session, room, who, "delete", message_id, now, message.text)
        await record(session, ChatDeleted(brand_id=room.brand_id, room_id=room_id, message_id=message_id))
        await _take_off_pin(session, room, message_id)
    return message


async def restore(
    session: AsyncSession, who: Principal, room_id: UUID, message_id: UUID, now: datetime
) -> ChatMessage:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_help(session, who, room_id)
    message = await _message(session, room_id, message_id)
    _mind_whose(who, message)
    if message.deleted_at is not None:
        message.deleted_at, message.deleted_by = None, None
        await note(session, room, who, "restore", message_id, now, message.text)
        fact = ChatRestored(brand_id=room.brand_id, room_id=room_id, message=line_of(message))
        await record(session, fact)
    return message


def _mind_whose(who: Principal, message: ChatMessage) -> None:
    """A viewer who moderates has no say over what staff said."""
    if who.kind == "member" and message.role not in {"member", "moderator"}:
        raise Forbidden


async def _message(session: AsyncSession, room_id: UUID, message_id: UUID) -> ChatMessage:
    """Locked, so that of two moderators one decides."""
    found = await session.exec(
        select(ChatMessage)
        .where(ChatMessage.id == message_id, ChatMessage.room_id == room_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    message = found.first()
    if message is None:
        raise NotFound
    return message


# Held lines


async def review(
    session: AsyncSession, who: Principal, room_id: UUID, message_id: UUID, shown: bool, now: datetime
) -> ChatMessage:
    """Let a held line go to the room, or refuse it; what was refused can still be shown. The caller tells the room
    of a line that is shown. Raises `NotFound`, `Forbidden`, `NotWaiting` (409: shown lines are deleted, not refused).
    """
    room = await must_help(session, who, room_id)
    message = await _message(session, room_id, message_id)
    state = "shown" if shown else "refused"
    if message.state == state:
        return message
    if message.state == "shown":
        raise NotWaiting(state=message.state)
    message.state = state
    await note(session, room, who, "approve" if shown else "refuse", message_id, now, message.text)
    line = line_of(message)
    await record(session, LineReviewed(brand_id=room.brand_id, room_id=room_id, message=line, shown=shown))
    if shown:
        await record(session, LinesSaid(brand_id=room.brand_id, room_id=room_id, lines=[line]))
        await ask(session, room.brand_id, room_id, [line])
    return message


# Pinned


async def pin(
    session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID | None, now: datetime
) -> ChatMessage | None:
    """One line before everybody's eyes, in place of the one that was there; None takes it away.

    Raises `NotFound`, `Forbidden`, `NotShown` (409).
    """
    room = await must_moderate(session, staff, room_id)
    message = await _message(session, room_id, message_id) if message_id is not None else None
    if message is not None and (message.state != "shown" or message.deleted_at is not None):
        raise NotShown
    before_it = await pinned_id(session, room_id)
    if before_it != message_id:
        await _set_pinned(session, room_id, message_id)
        await note(
            session, room, staff, "pin" if message else "unpin", message_id or room_id, now, before=before_it
        )
        line = line_of(message) if message is not None else None
        await record(session, LinePinned(brand_id=room.brand_id, room_id=room_id, message=line))
    return message


async def pinned_id(session: AsyncSession, room_id: UUID) -> UUID | None:
    found = await session.exec(
        select(ChatSetting.pinned_id).where(ChatSetting.room_id == room_id).with_for_update()
    )
    return found.first()


async def pinned_line(session: AsyncSession, room_id: UUID) -> SaidLine | None:
    query = (
        select(ChatMessage)
        .join(ChatSetting, col(ChatSetting.pinned_id) == col(ChatMessage.id))
        .where(ChatSetting.room_id == room_id)
    )
    message = (await session.exec(query)).first()
    return line_of(message) if message is not None else None


async def _set_pinned(session: AsyncSession, room_id: UUID, message_id: UUID | None) -> None:
    await session.execute(
        text(
            """
            INSERT INTO chat_setting (room_id, pre_review, links, slow_s, pinned_id, version)
            VALUES (:room_id, false, false, 0, :pinned_id, 0)
            ON CONFLICT (room_id) DO UPDATE SET pinned_id = excluded.pinned_id
            """
        ),
        {"room_id": room_id, "pinned_id": message_id},
    )


async def _take_off_pin(session: AsyncSession, room: Place, message_id: UUID) -> None:
    done = await session.execute(
        text(
            "UPDATE chat_setting SET pinned_id = NULL "
            "WHERE room_id = :room_id AND pinned_id = :pinned_id RETURNING room_id"
        ),
        {"room_id": room.room_id, "pinned_id": message_id},
    )
    if done.first() is not None:
        await record(session, LinePinned(brand_id=room.brand_id, room_id=room.room_id))


# Silenced


async def mute(
    session: AsyncSession, who: Principal, room_id: UUID, member_id: UUID, minutes: int, now: datetime
) -> Mute:
    """Silence a viewer for so many minutes from now. A guest who has become a member is muted as that member.

    Raises `NotFound`, `Forbidden` (also for a moderating viewer who mutes for longer than a day).
    """
    room = await must_help(session, who, room_id)
    if who.kind == "member" and minutes > LONGEST_HELPERS_MUTE_MINUTES:
        raise Forbidden
    known = await present_member(session, room.brand_id, member_id)
    return await _mute_until(session, room, who, known, now + timedelta(minutes=minutes), now)


async def mute_until(
    session: AsyncSession, who: Principal, room_id: UUID, member_id: UUID, until: datetime, now: datetime
) -> Mute:
    """The same to a moment."""
    return await _mute_until(session, await must_help(session, who, room_id), who, member_id, until, now)


async def _mute_until(
    session: AsyncSession, room: Place, who: Principal, member_id: UUID, until: datetime, now: datetime
) -> Mute:
    await session.execute(
        insert(Mute)
        .values(room_id=room.room_id, member_id=member_id, until=until, by=who.id)
        .on_conflict_do_update(index_elements=["room_id", "member_id"], set_={"until": until, "by": who.id})
    )
    minutes = round((until - now).total_seconds() / 60)
    await note(session, room, who, "mute", member_id, now, f"{minutes} min")
    fact = MemberMuted(brand_id=room.brand_id, room_id=room.room_id, member_id=member_id, until=until)
    await record(session, fact)
    return Mute(room_id=room.room_id, member_id=member_id, until=until, by=who.id)


async def unmute(
    session: AsyncSession, who: Principal, room_id: UUID, member_id: UUID, now: datetime
) -> None:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_help(session, who, room_id)
    gone = await session.execute(
        delete(Mute)
        .where(col(Mute.room_id) == room_id, col(Mute.member_id) == member_id)
        .returning(col(Mute.until))
    )
    until = gone.scalar_one_or_none()
    if until is not None:
        await note(session, room, who, "unmute", member_id, now, until=until)
        fact = MemberUnmuted(brand_id=room.brand_id, room_id=room_id, member_id=member_id)
        await record(session, fact)


async def muted_until(
    session: AsyncSession, room_id: UUID, member_id: UUID, now: datetime
) -> datetime | None:
    found = await session.exec(
        select(Mute.until).where(Mute.room_id == room_id, Mute.member_id == member_id, col(Mute.until) > now)
    )
    return found.first()


async def present_member(session: AsyncSession, brand_id: UUID, member_id: UUID) -> UUID:
    """Who this member is now: a merged guest is the member. Raises `NotFound`."""
    found = await session.execute(
        text("SELECT coalesce(merged_into, id) FROM member WHERE id = :id AND brand_id = :brand_id"),
        {"id": member_id, "brand_id": brand_id},
    )
    known: UUID | None = found.scalar_one_or_none()
    if known is None:
        raise NotFound
    return known
