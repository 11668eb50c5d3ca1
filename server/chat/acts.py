"""The audit of moderation: every act leaves a row, and the row is what undoing it needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.models import ChatMessage, ModerationAct, RoomModerator
from server.chat.rules import may_moderate, may_speak
from server.kit.paging import PAGE, before
from server.kit.principal import INVITES, Principal
from server.kit.problems import Forbidden, NotFound


class Place(msgspec.Struct, frozen=True):
    """Whose room it is."""

    room_id: UUID
    brand_id: UUID
    store_id: UUID | None


async def place(session: AsyncSession, who: Principal, room_id: UUID) -> Place:
    """Raises `NotFound`, also for another brand's room and for one that is not for the guide's or manager's store."""
    found = await session.execute(
        text(
            "SELECT id, brand_id, store_id FROM room "
            "WHERE id = :room_id AND brand_id = :brand_id AND (NOT :narrow OR room_reaches(id, :store_id))"
        ),
        {
            "room_id": room_id,
            "brand_id": who.brand_id,
            "narrow": who.role in INVITES,
            "store_id": who.store_id,
        },
    )
    row = found.first()
    if row is None:
        raise NotFound
    return Place(*row)


async def must_moderate(session: AsyncSession, who: Principal, room_id: UUID) -> Place:
    """Staff who moderate here. Raises `NotFound` (another brand's room), `Forbidden`."""
    room = await place(session, who, room_id)
    if not may_moderate(who, room.brand_id, room.store_id):
        raise Forbidden
    return room


async def must_help(session: AsyncSession, who: Principal, room_id: UUID) -> Place:
    """Those and the viewers who help in this room. Raises `NotFound`, `Forbidden`."""
    room = await place(session, who, room_id)
    if not (may_moderate(who, room.brand_id, room.store_id) or await helps(session, who, room_id)):
        raise Forbidden
    return room


async def helps(session: AsyncSession, who: Principal, room_id: UUID) -> bool:
    """Whether this viewer was made a moderator of the room."""
    return who.kind == "member" and await session.get(RoomModerator, (room_id, who.id)) is not None


async def must_speak(session: AsyncSession, staff: Principal, room_id: UUID) -> Place:
    """Raises `NotFound`, `Forbidden`."""
    room = await place(session, staff, room_id)
    if not may_speak(staff, room.brand_id, room.store_id):
        raise Forbidden
    return room


async def note(
    session: AsyncSession,
    where: Place | UUID,
    actor: Principal,
    act: str,
    target_id: UUID,
    now: datetime,
    note: str = "",
    **detail: Any,
) -> ModerationAct:
    """`where`: the room, or the brand for what holds in all of its rooms."""
    row = ModerationAct(
        brand_id=where.brand_id if isinstance(where, Place) else where,
        room_id=where.room_id if isinstance(where, Place) else None,
        actor_id=actor.id,
        act=act,
        target_id=target_id,
        at=now,
        note=note[:200],
        detail=msgspec.to_builtins(detail),
    )
    session.add(row)
    await session.flush()
    return row


async def listing(
    session: AsyncSession, brand_id: UUID, room_id: UUID | None, cursor: str | None
) -> Sequence[ModerationAct]:
    """A page and one more, newest first: one room's, or all of the brand's."""
    query = select(ModerationAct).where(ModerationAct.brand_id == brand_id)
    if room_id is not None:
        query = query.where(ModerationAct.room_id == room_id)
    if last := before(cursor):
        query = query.where(col(ModerationAct.id) < last)
    return (await session.exec(query.order_by(col(ModerationAct.id).desc()).limit(PAGE + 1))).all()


_ON_LINES = frozenset({"delete", "restore", "approve", "refuse", "pin", "answer", "put_aside", "reopen"})


def line_id(act: ModerationAct) -> UUID | None:
    """The line that it was done to: it is the target, or what was taken off the pin."""
    if act.act == "unpin" and (before_it := act.detail.get("before")):
        return UUID(before_it)
    return act.target_id if act.act in _ON_LINES else None


async def lines(session: AsyncSession, acts: Sequence[ModerationAct]) -> dict[UUID, ChatMessage]:
    """Act → the line that it was done to."""
    ids = {act.id: found for act in acts if (found := line_id(act)) is not None}
    rows = await session.exec(select(ChatMessage).where(col(ChatMessage.id).in_(set(ids.values()))))
    messages = {message.id: message for message in rows.all()}
    return {act_id: messages[found] for act_id, found in ids.items() if found in messages}


async def names(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of the staff and members among these ids."""
    rows = await session.execute(
        text(
            "SELECT id, name FROM account WHERE id = ANY(CAST(:ids AS uuid[])) UNION ALL "
            "SELECT id, name FROM member WHERE id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(ids)},
    )
    return {row.id: row.name for row in rows}
