"""A room's board as it was counted up: one line a guide, with the names that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.rules import Figures, GuideName, StoreName


class RegionName(msgspec.Struct, frozen=True):
    region_id: UUID
    name: str


class Line(msgspec.Struct, frozen=True):
    """What came by no guide has none; what no store carried, no store."""

    guide: GuideName | None
    store: StoreName | None
    region: RegionName | None
    figures: Figures


_LINES = text(
    """
    SELECT l.guide_id, g.name AS guide_name, l.store_id, s.name AS store_name, s.region_id, r.name AS region_name,
           l.visits, l.new_members, l.orders, l.amount_minor, l.reversed_minor
    FROM board_line l
    LEFT JOIN account g ON g.id = l.guide_id
    LEFT JOIN store s ON s.id = l.store_id
    LEFT JOIN region r ON r.id = s.region_id
    WHERE l.room_id = :room_id
    """
)


async def of_room(session: AsyncSession, room_id: UUID) -> Sequence[Line]:
    """As many rows as guides brought somebody, whatever the room has seen."""
    stores: dict[UUID, StoreName] = {}
    regions: dict[UUID, RegionName] = {}
    found = []
    rows = await session.execute(_LINES, {"room_id": room_id})
    for guide_id, guide_name, store_id, store_name, region_id, region_name, *counted in rows.all():
        store = region = None
        if store_id is not None:
            store = stores.get(store_id) or stores.setdefault(store_id, StoreName(store_id, store_name or ""))
        if region_id is not None:
            region = regions.get(region_id) or regions.setdefault(
                region_id, RegionName(region_id, region_name)
            )
        visits, new_members, orders, amount_minor, reversed_minor = counted
        figures = Figures(
            visits=visits,
            new_members=new_members,
            orders=orders,
            amount_minor=amount_minor,
            reversed_minor=reversed_minor,
        )
        guide = GuideName(guide_id, guide_name or "") if guide_id is not None else None
        found.append(Line(guide, store, region, figures))
    return found
