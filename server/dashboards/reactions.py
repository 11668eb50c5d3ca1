"""What the dashboards do about others' facts."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from live.room import Phase
from server.dashboards import service
from server.kit.facts import after_commit
from server.rooms.facts import RoomStateChanged


@after_commit(RoomStateChanged)
async def keep_report(session: AsyncSession, fact: RoomStateChanged) -> None:
    if fact.state is Phase.ENDED:
        await service.keep_report(session, fact.room_id, fact.changed_at)
