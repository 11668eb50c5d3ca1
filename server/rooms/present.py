"""Which customers of a guide or a store are in a room of the brand now."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.broker import BrokerUnavailable
from live.presence import Presence
from server.attribution.board import ArrivalView, arrivals_of
from server.kit.ids import first_id
from server.kit.latest import Latest
from server.kit.problems import Unavailable

SHOWN = 200


class PresentView(msgspec.Struct):
    """`count` are here; `items` the last to come of them, SHOWN at most, newest first."""

    count: int
    items: list[ArrivalView]


class HereNow:
    """Who is in each room by the broker, asked once a second for all guides of this process."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._rooms: Latest[UUID, frozenset[UUID]] = Latest(self._read)

    async def of(self, room_id: UUID) -> frozenset[UUID]:
        """Raises `Unavailable` (503) while the broker is away."""
        try:
            return await self._rooms.of(room_id)
        except BrokerUnavailable:
            raise Unavailable(retry_after_s=2) from None

    async def _read(self, room_id: UUID) -> frozenset[UUID]:
        return frozenset(UUID(member) for member in await self._presence.here(str(room_id)))


class Whose(msgspec.Struct, frozen=True):
    """A guide's customers, or a store's."""

    brand_id: UUID
    store_id: UUID | None
    guide_id: UUID | None = None


_OPEN = text(
    """
    SELECT id, created_at FROM room
    WHERE brand_id = :brand_id AND state IN ('warming', 'live', 'paused')
      AND (store_id IS NULL OR store_id = CAST(:store_id AS uuid))
    """
)
_VISITS = """
    SELECT id, room_id, member_id FROM visit
    WHERE {whose} = :id AND id >= :since AND room_id = ANY(CAST(:rooms AS uuid[])) ORDER BY id DESC
"""


async def present(session: AsyncSession, here_now: HereNow, whose: Whose) -> PresentView:
    """In all open rooms. The cost follows the own customers of those rooms."""
    opened = (await session.execute(_OPEN, {"brand_id": whose.brand_id, "store_id": whose.store_id})).all()
    here = {room.id: await here_now.of(room.id) for room in opened}
    if not any(here.values()):
        return PresentView(0, [])
    values = {"rooms": list(here), "since": first_id(min(room.created_at for room in opened))}
    ids = await _visits_here(session, whose, here, values)
    return PresentView(len(ids), await arrivals_of(session, ids[:SHOWN]))


async def _visits_here(
    session: AsyncSession, whose: Whose, here: Mapping[UUID, frozenset[UUID]], values: dict[str, object]
) -> list[UUID]:
    column, own_id = ("guide_id", whose.guide_id) if whose.guide_id else ("store_id", whose.store_id)
    rows = await session.execute(text(_VISITS.format(whose=column)), {**values, "id": own_id})
    return [row.id for row in rows if row.member_id in here[row.room_id]]
