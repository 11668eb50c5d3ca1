"""Who may come into a room and stay. A crowd that comes at once is asked about together, in one transaction a batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from live.gathering import Gathering
from server.chat import standing
from server.chat.standing import Standing, Viewer
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.principal import Principal
from server.kit.problems import NotFound, Problem
from server.members import audience
from server.rooms.models import Room
from server.rooms.rules import Audience, may_enter
from server.rooms.service import scope_for


class Caller(msgspec.Struct, frozen=True):
    """`device` is `kit.devices.device_key`'s."""

    who: Principal
    room_id: UUID
    device: bytes | None = None


class Admitted(msgspec.Struct, frozen=True):
    """`muted_until` and `helps` are a viewer's (`Standing`)."""

    room: Room
    muted_until: datetime | None = None
    helps: bool = False


class Doorkeeper:
    """One a web process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._callers: Gathering[Caller, Admitted] = Gathering(self._answer)

    async def admit(self, caller: Caller) -> Admitted:
        """Raises `NotFound` (also for another brand's room), `InvitedOnly`, `MembersOnly`, `Banned` (403)."""
        return await self._callers.ask(caller)

    async def _answer(self, callers: Sequence[Caller]) -> list[Admitted | Exception]:
        async with self._database.transaction() as session:
            found = await session.exec(
                select(Room).where(col(Room.id).in_({caller.room_id for caller in callers}))
            )
            rooms = {room.id: room for room in found.all()}
            refused = await self._refused(session, callers, rooms)
            standings = await self._meet(
                session, [c for c in callers if c not in refused and c.who.kind == "member"]
            )
        return [
            refused.get(caller) or _admitted(rooms[caller.room_id], standings.get(caller))
            for caller in callers
        ]

    async def _refused(
        self, session: AsyncSession, callers: Sequence[Caller], rooms: dict[UUID, Room]
    ) -> dict[Caller, Problem]:
        """By the room, and by its audience."""
        refused: dict[Caller, Problem] = {}
        chosen: list[Caller] = []
        for caller in callers:
            room = rooms.get(caller.room_id)
            problem: Problem | None = NotFound()
            if room is not None:
                problem = may_enter(await scope_for(session, caller.who, room), caller.who)
            if problem is not None:
                refused[caller] = problem
            elif room is not None and room.audience != Audience.PUBLIC and caller.who.kind == "member":
                chosen.append(caller)
        if chosen:
            asked = [(caller.room_id, caller.who.id) for caller in chosen]
            outcomes = zip(chosen, await audience.refusals(session, asked), strict=True)
            refused.update({caller: problem for caller, problem in outcomes if problem is not None})
        return refused

    async def _meet(self, session: AsyncSession, callers: Sequence[Caller]) -> dict[Caller, Standing]:
        """Viewers whom the room takes, with the devices that they came with."""
        if not callers:
            return {}
        viewers = [Viewer(c.who.id, c.who.brand_id, c.room_id, c.device) for c in callers]
        now = self._clock()
        standings = await standing.standings(session, viewers, now)
        welcome = [viewer for viewer, known in zip(viewers, standings, strict=True) if known.banned is None]
        await standing.came(session, welcome, now)
        return dict(zip(callers, standings, strict=True))


def _admitted(room: Room, known: Standing | None) -> Admitted | Problem:
    if known is None:
        return Admitted(room)
    return known.banned or Admitted(room, known.muted_until, known.helps)
