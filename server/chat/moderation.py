"""A room's lines and their moderation. Every act of moderation leaves its audit row; doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.facts import ChatDeleted, ChatRestored, MemberMuted, MemberUnmuted, SaidLine
from server.chat.models import ChatMessage, ModerationAct, Mute
from server.chat.rules import may_moderate, may_speak
from server.kit.facts import record
from server.kit.paging import PAGE, before
from server.kit.principal import Principal
from server.kit.problems import Forbidden, NotFound


class Place(msgspec.Struct, frozen=True):
    """Whose room it is."""

    brand_id: UUID
    store_id: UUID | None


async def place(session: AsyncSession, room_id: UUID) -> Place:
    """Raises `NotFound`."""
    found = await session.execute(
        text("SELECT brand_id, store_id FROM room WHERE id = :room_id"), {"room_id": room_id}
    )
    row = found.first()
    if row is None:
        raise NotFound
    return Place(row.brand_id, row.store_id)


async def must_moderate(session: AsyncSession, staff: Principal, room_id: UUID) -> Place:
    """Raises `NotFound` (another brand's room), `Forbidden`."""
    room = await place(session, room_id)
    if staff.brand_id != room.brand_id:
        raise NotFound
    if not may_moderate(staff, room.brand_id, room.store_id):
        raise Forbidden
    return room


async def must_speak(session: AsyncSession, staff: Principal, room_id: UUID) -> None:
    """Raises `NotFound`, `Forbidden`."""
    room = await place(session, room_id)
    if staff.brand_id != room.brand_id:
        raise NotFound
    if not may_speak(staff, room.brand_id, room.store_id):
        raise Forbidden


def line_of(message: ChatMessage) -> SaidLine:
    return SaidLine(
        id=message.id,
        member_id=message.writer_id,
        name=message.name,
        role=message.role,
        text=message.text,
        at=message.at,
    )


async def messages(session: AsyncSession, room_id: UUID, cursor: str | None) -> Sequence[ChatMessage]:
    """A page and one more, newest first, deleted ones among them."""
    query = select(ChatMessage).where(ChatMessage.room_id == room_id)
    if last := before(cursor):
        query = query.where(col(ChatMessage.id) < last)
    return (await session.exec(query.order_by(col(ChatMessage.id).desc()).limit(PAGE + 1))).all()


async def remove(
    session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID, now: datetime
) -> ChatMessage:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_moderate(session, staff, room_id)
    message = await _message(session, room_id, message_id)
    if message.deleted_at is None:
        message.deleted_at, message.deleted_by = now, staff.id
        await _audit(session, room_id, staff, "delete", message_id, now, note=message.text)
        fact = ChatDeleted(brand_id=room.brand_id, room_id=room_id, message_id=message_id)
        await record(session, fact)
    return message


async def restore(
    session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID, now: datetime
) -> ChatMessage:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_moderate(session, staff, room_id)
    message = await _message(session, room_id, message_id)
    if message.deleted_at is not None:
        message.deleted_at, message.deleted_by = None, None
        await _audit(session, room_id, staff, "restore", message_id, now)
        fact = ChatRestored(brand_id=room.brand_id, room_id=room_id, message=line_of(message))
        await record(session, fact)
    return message


async def _message(session: AsyncSession, room_id: UUID, message_id: UUID) -> ChatMessage:
    """Locked, so that of two moderators one deletes."""
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


async def mute(
    session: AsyncSession, staff: Principal, room_id: UUID, member_id: UUID, minutes: int, now: datetime
) -> Mute:
    """Silence a viewer for so many minutes from now. A guest who has become a member is muted as that member.

    Raises `NotFound`, `Forbidden`.
    """
    room = await must_moderate(session, staff, room_id)
    found = await session.execute(
        text("SELECT coalesce(merged_into, id) FROM member WHERE id = :id AND brand_id = :brand_id"),
        {"id": member_id, "brand_id": room.brand_id},
    )
    known = found.scalar_one_or_none()
    if known is None:
        raise NotFound
    until = now + timedelta(minutes=minutes)
    await session.execute(
        insert(Mute)
        .values(room_id=room_id, member_id=known, until=until, by=staff.id)
        .on_conflict_do_update(index_elements=["room_id", "member_id"], set_={"until": until, "by": staff.id})
    )
    await _audit(session, room_id, staff, "mute", known, now, note=f"{minutes} min")
    fact = MemberMuted(brand_id=room.brand_id, room_id=room_id, member_id=known, until=until)
    await record(session, fact)
    return Mute(room_id=room_id, member_id=known, until=until, by=staff.id)


async def unmute(
    session: AsyncSession, staff: Principal, room_id: UUID, member_id: UUID, now: datetime
) -> None:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_moderate(session, staff, room_id)
    gone = await session.execute(
        delete(Mute)
        .where(col(Mute.room_id) == room_id, col(Mute.member_id) == member_id)
        .returning(col(Mute.member_id))
    )
    if gone.first() is not None:
        await _audit(session, room_id, staff, "unmute", member_id, now)
        fact = MemberUnmuted(brand_id=room.brand_id, room_id=room_id, member_id=member_id)
        await record(session, fact)


async def muted_until(
    session: AsyncSession, room_id: UUID, member_id: UUID, now: datetime
) -> datetime | None:
    found = await session.exec(
        select(Mute.until).where(Mute.room_id == room_id, Mute.member_id == member_id, col(Mute.until) > now)
    )
    return found.first()


async def _audit(
    session: AsyncSession,
    room_id: UUID,
    staff: Principal,
    act: str,
    target_id: UUID,
    now: datetime,
    note: str = "",
) -> None:
    session.add(
        ModerationAct(room_id=room_id, actor_id=staff.id, act=act, target_id=target_id, at=now, note=note)
    )
    await session.flush()
