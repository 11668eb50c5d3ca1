"""Which stores a room of headquarters is for: all, those of one region (also who joins it later), or chosen ones.

`room_reaches.sql` decides about one store, for every statement that asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.rules import StoreName
from server.brands.names import wrong
from server.kit.principal import INVITES, Principal, Role
from server.kit.problems import Forbidden, NotFound
from server.rooms.models import Room, RoomReach
from server.rooms.rules import ReachKind
from server.stores import regions
from server.stores.models import Store

MOST_CHOSEN = 1_000
DECIDES = frozenset({Role.OWNER, Role.OPERATOR})


class Reach(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`region_id` goes with `region`, `store_ids` with `stores`."""

    kind: ReachKind
    region_id: UUID | None = None
    store_ids: Annotated[list[UUID], msgspec.Meta(max_length=MOST_CHOSEN)] = []


class RegionName(msgspec.Struct, frozen=True):
    region_id: UUID
    name: str


class ReachView(msgspec.Struct, frozen=True):
    """`stores` counts the open ones."""

    kind: ReachKind
    region: RegionName | None
    stores: int


async def reaches(session: AsyncSession, staff: Principal, room: Room) -> bool:
    """Whether the room is for this guide's or manager's store; for everybody else it is."""
    if room.reach == ReachKind.ALL or staff.role not in INVITES:
        return True
    return await reaches_store(session, room, staff.store_id)


async def reaches_store(session: AsyncSession, room: Room, store_id: UUID | None) -> bool:
    if room.reach == ReachKind.ALL:
        return True
    return bool((await session.exec(select(func.room_reaches(room.id, store_id)))).one())


async def choose(session: AsyncSession, staff: Principal, room: Room, asked: Reach) -> None:
    """The room's row is locked, or nobody's yet. Visits that are there keep who carries them.

    Raises `Forbidden` (not the owner or an operator), `Invalid` (422: a store's own room; no such region; no store, or
    one that isn't the brand's or is closed).
    """
    if staff.role not in DECIDES:
        raise Forbidden
    if room.store_id is not None and asked.kind is not ReachKind.ALL:
        raise wrong("reach", "a store's own room is for that store")
    store_ids = set(asked.store_ids) if asked.kind is ReachKind.STORES else set[UUID]()
    await _must_be_open(session, room, store_ids, chosen=asked.kind is ReachKind.STORES)
    region_id = None
    if asked.kind is ReachKind.REGION:
        if asked.region_id is None:
            raise wrong("region_id", "which region")
        region_id = await regions.of_brand(session, room.brand_id, asked.region_id)
    room.reach, room.region_id = asked.kind.value, region_id
    await session.flush()
    await session.execute(delete(RoomReach).where(col(RoomReach.room_id) == room.id))
    if store_ids:
        rows = [{"room_id": room.id, "store_id": store_id} for store_id in sorted(store_ids)]
        await session.execute(insert(RoomReach), rows)


async def _must_be_open(session: AsyncSession, room: Room, store_ids: set[UUID], *, chosen: bool) -> None:
    """Those that were chosen before may have closed since."""
    if chosen and not store_ids:
        raise wrong("store_ids", "at least one store")
    before = select(RoomReach.store_id).where(RoomReach.room_id == room.id)
    ours = select(Store.id).where(
        col(Store.id).in_(store_ids),
        Store.brand_id == room.brand_id,
        col(Store.closed_at).is_(None) | col(Store.id).in_(before),
    )
    if store_ids - set((await session.exec(ours)).all()):
        raise wrong("store_ids", "open stores of this brand")


_VIEWS = text(
    """
    SELECT r.id, r.reach, r.region_id, g.name,
           CASE r.reach
               WHEN 'all' THEN (SELECT count(*) FROM store WHERE brand_id = :brand_id AND closed_at IS NULL)
               WHEN 'region' THEN (
                   SELECT count(*) FROM store s WHERE s.region_id = r.region_id AND s.closed_at IS NULL)
               ELSE (SELECT count(*) FROM room_reach x JOIN store s ON s.id = x.store_id
                     WHERE x.room_id = r.id AND s.closed_at IS NULL) END AS stores
    FROM room r LEFT JOIN region g ON g.id = r.region_id
    WHERE r.id = ANY(CAST(:ids AS uuid[])) AND r.brand_id = :brand_id AND r.store_id IS NULL
    """
)


async def views(session: AsyncSession, brand_id: UUID, rooms: Sequence[Room]) -> dict[UUID, ReachView]:
    """Of headquarters' rooms among these."""
    rows = await session.execute(_VIEWS, {"brand_id": brand_id, "ids": [room.id for room in rooms]})
    return {
        row.id: ReachView(
            ReachKind(row.reach), RegionName(row.region_id, row.name) if row.region_id else None, row.stores
        )
        for row in rows
    }


async def chosen(session: AsyncSession, staff: Principal, room: Room) -> list[StoreName]:
    """By name, closed ones too. For headquarters; `NotFound` for others."""
    if not staff.is_headquarters:
        raise NotFound
    asked = (
        select(Store.id, Store.name)
        .join(RoomReach, col(RoomReach.store_id) == col(Store.id))
        .where(RoomReach.room_id == room.id)
        .order_by(col(Store.name), col(Store.id))
    )
    return [StoreName(*row) for row in (await session.exec(asked)).all()]
