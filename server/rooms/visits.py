"""Writes who came into which room: those who come while a batch is written are the next one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

import structlog

from live.gathering import Gathering
from server.attribution import service as attribution
from server.attribution.service import Entering
from server.kit.clock import Clock
from server.kit.database import Database, is_away
from server.kit.principal import Principal

log = structlog.get_logger()

REMEMBERED = 50_000


class Visits:
    """One a web process. A member's visit is written once, since entering again changes nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._coming: Gathering[Entering, None] = Gathering(self._write)
        self._known: OrderedDict[tuple[UUID, UUID], None] = OrderedDict()

    async def enter(self, room_id: UUID, room_store_id: UUID | None, who: Principal) -> None:
        """Returns when it is committed. Raises `NotFound` for a member of another brand."""
        if (room_id, who.id) in self._known:
            return
        asked = Entering(
            room_id=room_id, member_id=who.id, brand_id=who.brand_id, room_store_id=room_store_id
        )
        await self._coming.ask(asked)
        self._known[room_id, who.id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _write(self, asked: Sequence[Entering]) -> list[BaseException | None]:
        """One that spoils its batch (a room that is gone, a fact that can't be told) spoils it alone."""
        try:
            return await self._transaction(asked)
        except Exception as error:
            if is_away(error) or len(asked) == 1:
                return [error] * len(asked)
            log.warning("visits are written one by one", why=repr(error))
            return [outcome for one in asked for outcome in await self._write([one])]

    async def _transaction(self, asked: Sequence[Entering]) -> list[BaseException | None]:
        async with self._database.transaction() as session:
            outcomes = await attribution.enter_all(session, asked, self._clock())
        return [outcome if isinstance(outcome, Exception) else None for outcome in outcomes]
