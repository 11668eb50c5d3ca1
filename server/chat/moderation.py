"""Lines taken back and put back, pinned, held and let go; writers silenced. Doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import settings
from server.chat.acts import Place, must_help, must_moderate, note
from server.chat.asked import ask
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
from server.chat.kept import line_of
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
    """The room is told of it where it saw the line. Raises `NotFound`, `Forbidden`."""
    room = await must_help(session, who, room_id)
    message = await _message(session, room_id, message_id)
    _mind_whose(who, message)
    if message.deleted_at is not None:
        message.deleted_at, message.deleted_by = None, None
        await note(session, room, who, "restore", message_id, now, message.text)
        if message.state == "shown":
            line = await line_of(session, message)
            await record(session, ChatRestored(brand_id=room.brand_id, room_id=room_id, message=line))
    return message


def _mind_whose(who: Principal, message: ChatMessage) -> None:
    """A viewer who moderates has no say over what staff said."""
    if who.kind == "member" and message.by_staff:
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
) -> tuple[ChatMessage, bool]:
    """Let a held line go to the room, or refuse it; what was refused can still be shown. And whether the caller has to
    tell the room of it, which didn't see it before.

    Raises `NotFound`, `Forbidden`, `NotWaiting` (409: shown lines are deleted, not refused; deleted ones restored
    first).
    """
    room = await must_help(session, who, room_id)
    message = await _message(session, room_id, message_id)
    state = "shown" if shown else "refused"
    if message.state == state:
        return message, False
    if message.state == "shown":
        raise NotWaiting(state=message.state)
    if message.deleted_at is not None:
        raise NotWaiting(state="deleted")
    message.state = state
    await note(session, room, who, "approve" if shown else "refuse", message_id, now, message.text)
    line = await line_of(session, message)
    await record(session, LineReviewed(brand_id=room.brand_id, room_id=room_id, message=line, shown=shown))
    if shown:
        await record(session, LinesSaid(brand_id=room.brand_id, room_id=room_id, lines=[line]))
        await ask(session, room.brand_id, room_id, [line])
    return message, shown


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
    setting = await settings.row_of(session, room)
    if setting.pinned_id != message_id:
        before_it, setting.pinned_id = setting.pinned_id, message_id
        await note(
            session, room, staff, "pin" if message else "unpin", message_id or room_id, now, before=before_it
        )
        line = await line_of(session, message) if message is not None else None
        await record(session, LinePinned(brand_id=room.brand_id, room_id=room_id, message=line))
    return message


async def pinned_line(session: AsyncSession, room_id: UUID) -> SaidLine | None:
    query = (
        select(ChatMessage)
        .join(ChatSetting, col(ChatSetting.pinned_id) == col(ChatMessage.id))
        .where(ChatSetting.room_id == room_id)
    )
    message = (await session.exec(query)).first()
    return await line_of(session, message) if message is not None else None


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
    before_it = await muted_until(session, room.room_id, member_id, now)
    await session.execute(
        insert(Mute)
        .values(room_id=room.room_id, member_id=member_id, until=until, by=who.id)
        .on_conflict_do_update(index_elements=["room_id", "member_id"], set_={"until": until, "by": who.id})
    )
    minutes = round((until - now).total_seconds() / 60)
    await note(session, room, who, "mute", member_id, now, f"{minutes} min", before=before_it)
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


async def muted(session: AsyncSession, room_id: UUID, now: datetime, cursor: str | None) -> Sequence[Mute]:
    """Who is silenced in this room now; a page and one more, by the member's id, newest first."""
    query = select(Mute).where(Mute.room_id == room_id, col(Mute.until) > now)
    if last := before(cursor):
        query = query.where(col(Mute.member_id) < last)
    return (await session.exec(query.order_by(col(Mute.member_id).desc()).limit(PAGE + 1))).all()


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
