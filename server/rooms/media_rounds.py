"""Ends the picture of whoever may no longer watch, whatever their player is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.facts import MemberBanned
from server.kit.clock import Clock, utc_now
from server.kit.database import Database
from server.rooms import spectators
from server.rooms.facts import AudienceChanged
from server.rooms.media_gateway import MediaGateway, Reports

AGAIN = 5
"""So many looks in a row a room is gone round after a ban: somebody may have passed the door before, and be on the way
to the node yet; and facts become visible out of order."""
EVERYWHERE = 30
"""So many looks between two rounds of all rooms, which find what no fact told."""
AT_ONCE = 50

_KINDS = [str(fact.__struct_config__.tag) for fact in (MemberBanned, AudienceChanged)]


class Rounds:
    """One for the worker that looks at the media nodes."""

    def __init__(self, database: Database, gateway: MediaGateway, clock: Clock = utc_now) -> None:
        self._database, self._gateway, self._clock = database, gateway, clock
        self._seen: deque[int] = deque(maxlen=AGAIN)  # the newest fact at the last looks
        self._silent: set[str] = set()
        self._looks = 0

    async def make(self, reports: Reports) -> None:
        """After one look. Raises MediaUnavailable."""
        places = [(name, room_id) for name, report in reports.items() if report for room_id in report.rooms]
        due = await self._due(reports, {room_id for _, room_id in places})
        labels: dict[tuple[str, str], Sequence[str]] = {}
        watching: dict[str, set[str]] = {}
        for name, room_id in places:
            if room_id in due and (here := await self._gateway.nodes[name].viewers(room_id)):
                labels[name, room_id] = here
                watching.setdefault(room_id, set()).update(here)
        if not watching:
            return
        async with self._database.transaction() as session:
            gone = await spectators.excluded(session, watching, self._clock())
        await self._dismiss(
            [(*place, label) for place in labels for label in labels[place] if (place[1], label) in gone]
        )

    async def _dismiss(self, whom: Sequence[tuple[str, str, str]]) -> None:
        """Of (node, room, label)."""
        for start in range(0, len(whom), AT_ONCE):
            ends = (
                self._gateway.nodes[name].dismiss(room_id, label)
                for name, room_id, label in whom[start : start + AT_ONCE]
            )
            await asyncio.gather(*ends)

    async def _due(self, reports: Reports, rooms: Collection[str]) -> Collection[str]:
        silent = {name for name, report in reports.items() if report is None}
        back, self._silent = self._silent - silent, silent
        everywhere = not self._seen or bool(back) or self._looks % EVERYWHERE == 0
        self._looks += 1
        if not rooms:
            self._seen.clear()
            return ()
        async with self._database.transaction() as session:
            told = await self._told(session)
        return rooms if everywhere else told

    async def _told(self, session: AsyncSession) -> set[str]:
        """The rooms of which facts tell that somebody may have to leave."""
        newest: int = (await session.execute(text("SELECT coalesce(max(seq), 0) FROM outbox"))).scalar_one()
        since = self._seen[0] if self._seen else newest
        self._seen.append(newest)
        found = await session.execute(
            text("SELECT body FROM outbox WHERE seq > :since AND kind = ANY(:kinds)"),
            {"since": since, "kinds": _KINDS},
        )
        return {room_id for body in found.scalars() for room_id in _rooms(body)}


def _rooms(body: dict[str, Any]) -> list[str]:
    rooms: list[str] = body.get("room_ids") or [body["room_id"]]
    return rooms
