"""A room's own rules of talking: pre-review, links, slow mode."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.acts import Place, must_moderate, note
from server.chat.facts import ChatSettingChanged
from server.chat.models import ChatSetting
from server.kit.facts import record
from server.kit.principal import Principal


class Setting(msgspec.Struct, frozen=True):
    """`pre_review`: every viewer's line waits for a moderator. `links`: viewers may post them. `slow_s`: seconds
    between two lines of one viewer, 0 for as they like."""

    pre_review: bool = False
    links: bool = False
    slow_s: int = 0


class Changes(msgspec.Struct, frozen=True):
    """What is left out stays."""

    pre_review: bool | UnsetType = UNSET
    links: bool | UnsetType = UNSET
    slow_s: int | UnsetType = UNSET


async def of_room(session: AsyncSession, room_id: UUID) -> Setting:
    row = await session.get(ChatSetting, room_id)
    return Setting(row.pre_review, row.links, row.slow_s) if row is not None else Setting()


async def change(
    session: AsyncSession, staff: Principal, room_id: UUID, to: Changes, now: datetime
) -> Setting:
    """Raises `NotFound`, `Forbidden`."""
    room = await must_moderate(session, staff, room_id)
    row = await row_of(session, room)
    before = Setting(row.pre_review, row.links, row.slow_s)
    changes = {name: value for name, value in msgspec.structs.asdict(to).items() if value is not UNSET}
    after = msgspec.structs.replace(before, **changes)
    if after != before:
        row.pre_review, row.links, row.slow_s = after.pre_review, after.links, after.slow_s
        row.version += 1
        await note(session, room, staff, "setting", room_id, now, before=before, after=after)
        fields = msgspec.structs.asdict(after)
        await record(session, ChatSettingChanged(brand_id=room.brand_id, room_id=room_id, **fields))
    return after


async def row_of(session: AsyncSession, room: Place) -> ChatSetting:
    """Locked; made first where the room has none."""
    await session.execute(
        text(
            "INSERT INTO chat_setting (room_id, pre_review, links, slow_s, version) "
            "VALUES (:room_id, false, false, 0, 0) ON CONFLICT DO NOTHING"
        ),
        {"room_id": room.room_id},
    )
    row = await session.get(ChatSetting, room.room_id, with_for_update=True, populate_existing=True)
    assert row is not None
    return row
