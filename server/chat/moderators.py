"""Viewers who help in a room: they may delete viewers' lines, let held ones go, and mute for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.acts import must_moderate, note
from server.chat.facts import ModeratorChanged
from server.chat.models import RoomModerator
from server.chat.moderation import present_member
from server.kit.facts import record
from server.kit.principal import Principal
from server.members.models import Member

MOST = 50
"""Of one room."""


class Moderator(msgspec.Struct, frozen=True):
    member_id: UUID
    name: str
    at: datetime


async def appoint(
    session: AsyncSession, staff: Principal, room_id: UUID, member_id: UUID, now: datetime
) -> None:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_moderate(session, staff, room_id)
    known = await present_member(session, room.brand_id, member_id)
    made = await session.execute(
        insert(RoomModerator)
        .values(room_id=room_id, member_id=known, by=staff.id, at=now)
        .on_conflict_do_nothing()
        .returning(col(RoomModerator.member_id))
    )
    if made.first() is not None:
        await note(session, room, staff, "appoint", known, now)
        await record(
            session,
            ModeratorChanged(brand_id=room.brand_id, room_id=room_id, member_id=known, moderates=True),
        )


async def dismiss(
    session: AsyncSession, staff: Principal, room_id: UUID, member_id: UUID, now: datetime
) -> None:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_moderate(session, staff, room_id)
    gone = await session.execute(
        delete(RoomModerator)
        .where(col(RoomModerator.room_id) == room_id, col(RoomModerator.member_id) == member_id)
        .returning(col(RoomModerator.member_id))
    )
    if gone.first() is not None:
        await note(session, room, staff, "dismiss", member_id, now)
        await record(
            session,
            ModeratorChanged(brand_id=room.brand_id, room_id=room_id, member_id=member_id, moderates=False),
        )


async def listing(session: AsyncSession, room_id: UUID) -> Sequence[Moderator]:
    query = (
        select(RoomModerator.member_id, Member.name, RoomModerator.at)
        .join(Member, col(Member.id) == col(RoomModerator.member_id))
        .where(RoomModerator.room_id == room_id)
        .order_by(col(RoomModerator.at))
        .limit(MOST)
    )
    rows: Any = await session.exec(query)
    return [Moderator(*row) for row in rows]
