"""Who is in a room now, as the control page lists them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.rules import GuideName, StoreName, tags

SHOWN = 500


class ViewerHere(msgspec.Struct):
    member_id: UUID
    name: str
    store: StoreName | None
    guide: GuideName | None
    tags: list[str]
    entered_at: datetime | None


_VIEWERS = text(
    """
    SELECT m.id, m.name, v.store_id, s.name AS store_name, v.guide_id, g.name AS guide_name, v.entered_at,
           (SELECT count(*) FROM orders o WHERE o.member_id = m.id AND o.paid_at IS NOT NULL) AS orders,
           (SELECT count(*) FROM visit e WHERE e.member_id = m.id AND e.room_id <> :room_id) AS earlier_visits
    FROM member m
    LEFT JOIN visit v ON v.room_id = :room_id AND v.member_id = m.id
    LEFT JOIN store s ON s.id = v.store_id
    LEFT JOIN account g ON g.id = v.guide_id
    WHERE m.id = ANY(CAST(:members AS uuid[])) ORDER BY v.entered_at DESC NULLS FIRST, m.id LIMIT :shown
    """
)


async def viewers_here(session: AsyncSession, room_id: UUID, member_ids: Sequence[UUID]) -> list[ViewerHere]:
    """Newest first, SHOWN at most."""
    rows = await session.execute(_VIEWERS, {"room_id": room_id, "members": list(member_ids), "shown": SHOWN})
    return [
        ViewerHere(
            member_id=row.id,
            name=row.name,
            store=StoreName(row.store_id, row.store_name) if row.store_id else None,
            guide=GuideName(row.guide_id, row.guide_name) if row.guide_id else None,
            tags=tags(row.orders, row.earlier_visits),
            entered_at=row.entered_at,
        )
        for row in rows
    ]
