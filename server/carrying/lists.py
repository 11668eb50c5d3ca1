"""A store's rooms of headquarters, and such a room's stores."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.carrying import rules
from server.kit.principal import Principal
from server.kit.problems import Forbidden, NotFound
from server.rooms import service as rooms
from server.stores import service as stores

MOST_SHOWN = 100
MOST_ROOMS = 20


class StoreRoom(msgspec.Struct):
    """A room of headquarters that the store carries."""

    room_id: UUID
    title: str
    state: str
    started_at: datetime | None
    updated_at: datetime | None
    greeting: str


_ROOMS = text(
    """
    SELECT r.id, r.title, r.state, r.started_at, c.updated_at, coalesce(c.greeting, '') AS greeting
    FROM room r LEFT JOIN carrying c ON c.room_id = r.id AND c.store_id = :store_id
    WHERE r.brand_id = :brand_id AND r.store_id IS NULL AND r.state IN ('planned', 'warming', 'live', 'paused')
      AND room_reaches(r.id, :store_id)
    ORDER BY array_position(ARRAY['live', 'paused', 'warming', 'planned'], r.state), r.id DESC LIMIT :most
    """
)


async def of_store(session: AsyncSession, staff: Principal, store_id: UUID) -> list[StoreRoom]:
    """Those that are on, then those planned; MOST_ROOMS at most. Raises `NotFound`."""
    await stores.of_brand(session, staff.brand_id, store_id)
    if not rules.may_look(staff, store_id):
        raise NotFound
    asked = {"brand_id": staff.brand_id, "store_id": store_id, "most": MOST_ROOMS}
    return [StoreRoom(*row) for row in await session.execute(_ROOMS, asked)]


class StoreReady(msgspec.Struct):
    """`updated_at` null: the store has set nothing of its own."""

    store_id: UUID
    name: str
    code: str
    greeting: str
    pick_up: bool
    updated_at: datetime | None


class Readiness(msgspec.Struct):
    """`stores` counts the open ones that the room is for, `greeted` those of them with a greeting."""

    stores: int
    greeted: int
    items: list[StoreReady]


_READY = text(
    """
    WITH own AS (
        SELECT s.id, s.name, s.code, coalesce(c.greeting, '') AS greeting, coalesce(c.pick_up, true) AS pick_up,
               c.updated_at
        FROM room r JOIN store s ON s.brand_id = r.brand_id AND s.closed_at IS NULL
        LEFT JOIN carrying c ON c.room_id = r.id AND c.store_id = s.id
        WHERE r.id = :room_id AND (r.reach = 'all' OR (r.reach = 'region' AND s.region_id = r.region_id)
              OR EXISTS (SELECT 1 FROM room_reach x WHERE x.room_id = r.id AND x.store_id = s.id)))
    SELECT o.*, n.stores, n.greeted
    FROM (SELECT count(*) AS stores, count(*) FILTER (WHERE greeting <> '') AS greeted FROM own) n
    LEFT JOIN LATERAL (
        SELECT * FROM own WHERE (strpos(lower(name), lower(:words)) > 0 OR strpos(lower(code), lower(:words)) = 1)
          AND (CAST(:greeted AS boolean) IS NULL OR (greeting <> '') = :greeted)
        ORDER BY greeting = '', name, id LIMIT :most) o ON true
    """
)


async def ready(
    session: AsyncSession, staff: Principal, room_id: UUID, words: str, greeted: bool | None
) -> Readiness:
    """Of a room of headquarters, MOST_SHOWN stores whose name has the words or whose code begins with them, those with
    a greeting first. Raises `NotFound`, `Forbidden`."""
    room = await rooms.to_see(session, staff, room_id)
    if not staff.is_headquarters:
        raise Forbidden
    if room.store_id is not None:
        raise NotFound
    asked = {"room_id": room_id, "words": words.strip(), "greeted": greeted, "most": MOST_SHOWN}
    rows = (await session.execute(_READY, asked)).all()
    items = [
        StoreReady(row.id, row.name, row.code, row.greeting, row.pick_up, row.updated_at)
        for row in rows
        if row.id is not None
    ]
    return Readiness(rows[0].stores, rows[0].greeted, items)
