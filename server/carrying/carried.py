"""What the store that carries a viewer shows them. A crowd that comes at once is asked about together."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text

from live.gathering import Gathering
from server.attribution.rules import GuideName, StoreName
from server.kit.database import Database
from server.kit.problems import NotFound


class CarriedView(msgspec.Struct, frozen=True, kw_only=True):
    """`entered`: whether the viewer's visit stands yet, which fixes who carries them; ask again a moment later where it
    doesn't. `pick_up` is null while the store has said nothing about it. `shelf_order`: product ids, to go first."""

    entered: bool
    store: StoreName | None = None
    guide: GuideName | None = None
    greeting: str = ""
    pick_up: bool | None = None
    pick_up_note: str = ""
    shelf_order: list[UUID] = []


class Asked(msgspec.Struct, frozen=True):
    room_id: UUID
    member_id: UUID
    brand_id: UUID


_CARRIED = text(
    """
    SELECT r.id AS room_id, v.id AS visit_id, s.id AS store_id, s.name AS store, a.id AS guide_id, a.name AS guide,
           c.greeting, c.pick_up, c.pick_up_note, c.shelf_order
    FROM unnest(CAST(:rooms AS uuid[]), CAST(:members AS uuid[]), CAST(:brands AS uuid[]))
         WITH ORDINALITY q(room_id, member_id, brand_id, place)
    LEFT JOIN room r ON r.id = q.room_id AND r.brand_id = q.brand_id
    LEFT JOIN member m ON m.id = q.member_id
    LEFT JOIN visit v ON v.room_id = r.id AND v.member_id = coalesce(m.merged_into, m.id)
    LEFT JOIN store s ON s.id = v.store_id
    LEFT JOIN account a ON a.id = v.guide_id
    LEFT JOIN carrying c ON c.room_id = r.id AND c.store_id = s.id
    ORDER BY q.place
    """
)


class CarriedDesk:
    """One a web process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: Gathering[Asked, CarriedView] = Gathering(self._answer)

    async def of(self, asked: Asked) -> CarriedView:
        """Raises `NotFound`, also for another brand's room."""
        return await self._asked.ask(asked)

    async def _answer(self, asked: Sequence[Asked]) -> list[CarriedView | BaseException]:
        given = {
            "rooms": [one.room_id for one in asked],
            "members": [one.member_id for one in asked],
            "brands": [one.brand_id for one in asked],
        }
        async with self._database.transaction() as session:
            rows = (await session.execute(_CARRIED, given)).all()
        return [
            CarriedView(
                entered=row.visit_id is not None,
                store=StoreName(row.store_id, row.store) if row.store_id else None,
                guide=GuideName(row.guide_id, row.guide) if row.guide_id else None,
                greeting=row.greeting or "",
                pick_up=row.pick_up,
                pick_up_note=row.pick_up_note or "",
                shelf_order=row.shelf_order or [],
            )
            if row.room_id is not None
            else NotFound()
            for row in rows
        ]
