"""The named queries of attribution, with names joined in.

Rooms and orders are read by column name: rooms stand above this package, and an order's buyer history is wanted here
in one statement with the viewer's row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import rules
from server.attribution.policy import Policy
from server.attribution.rules import Bound, GuideName, Link, MemberName, Reach, StoreName, Touched
from server.kit.problems import NotFound

MAX_CHAIN = 1_000
RECENT_TOUCHES = 50

PAST_ALL = UUID(int=2**128 - 1)
"""A cursor before the newest row: `id < cursor` stays an index condition on the first page too."""

_LINK_COLUMNS = """
    l.id AS link_id, l.code, l.channel, l.brand_id, l.room_id, l.store_id, s.name AS store_name, l.guide_id,
    g.name AS guide_name, i.id AS inviter_id, i.name AS inviter_name, l.campaign_id,
    g.disabled_at IS NOT NULL AS guide_gone, s.closed_at IS NOT NULL AS store_gone
"""
_LINK_NAMES = """
    LEFT JOIN store s ON s.id = l.store_id
    LEFT JOIN account g ON g.id = l.guide_id
    LEFT JOIN member given ON given.id = l.member_id
    LEFT JOIN member i ON i.id = coalesce(given.merged_into, given.id)
"""


class RoomSeen(msgspec.Struct, frozen=True):
    room_id: UUID
    brand_id: UUID
    store_id: UUID | None
    audience: str


class Viewer(msgspec.Struct, frozen=True):
    """A member whose row is locked, with what they bought and saw before."""

    member_id: UUID
    name: str
    orders: int
    amount_minor: int
    earlier_visits: int


def _link(row: Any) -> Link:
    return Link(
        link_id=row.link_id,
        code=row.code,
        channel=row.channel,
        room_id=row.room_id,
        store=StoreName(row.store_id, row.store_name) if row.store_id else None,
        guide=GuideName(row.guide_id, row.guide_name) if row.guide_id else None,
        member=MemberName(row.inviter_id, row.inviter_name) if row.inviter_id else None,
        campaign_id=row.campaign_id,
        guide_gone=row.guide_gone,
        store_gone=row.store_gone,
    )


async def chain(session: AsyncSession, *, code: str | None = None, link_id: UUID | None = None) -> list[Link]:
    """A link and those it was shared from, nearest first; empty when there is none. Merged guests are given as the
    members they became."""
    rows = await session.execute(
        text(
            f"""
            WITH RECURSIVE up AS (
                SELECT l.*, 1 AS depth FROM invitation_link l
                WHERE l.code = CAST(:code AS text) OR l.id = CAST(:link_id AS uuid)
                UNION ALL
                SELECT l.*, up.depth + 1 FROM up JOIN invitation_link l ON l.id = up.parent_id
                WHERE up.depth < {MAX_CHAIN})
            SELECT {_LINK_COLUMNS} FROM up l {_LINK_NAMES} ORDER BY l.depth
            """  # noqa: S608  constants of this module
        ),
        {"code": code, "link_id": link_id},
    )
    return [_link(row) for row in rows]


async def touches(
    session: AsyncSession, member_id: UUID, at: datetime, link_id: UUID | None = None
) -> Sequence[Touched]:
    """A member's newest touches that still carry at that time, refused ones too, newest first; and that of the link,
    however old."""
    rows = await session.execute(
        text(
            f"""
            SELECT t.id AS touch_id, t.at, t.until, t.refused, t.campaign_id AS counted_for, {_LINK_COLUMNS}
            FROM touch t JOIN invitation_link l ON l.id = t.link_id {_LINK_NAMES}
            WHERE t.member_id = :member_id AND (t.until >= :at OR t.link_id = CAST(:link_id AS uuid))
            ORDER BY t.id DESC LIMIT {RECENT_TOUCHES}
            """  # noqa: S608  constants of this module
        ),
        {"member_id": member_id, "at": at, "link_id": link_id},
    )
    return [_touched(row) for row in rows]


async def touches_of(
    session: AsyncSession, member_ids: Sequence[UUID], at: datetime
) -> dict[UUID, list[Touched]]:
    """Of each member the newest touches that still carry at that time."""
    rows = await session.execute(
        text(
            f"""
            SELECT t.member_id, t.id AS touch_id, t.at, t.until, t.refused, t.campaign_id AS counted_for,
                   {_LINK_COLUMNS}
            FROM unnest(CAST(:members AS uuid[])) AS a(member_id)
            CROSS JOIN LATERAL (
                SELECT * FROM touch WHERE member_id = a.member_id AND until >= :at ORDER BY id DESC
                LIMIT {RECENT_TOUCHES}) t
            JOIN invitation_link l ON l.id = t.link_id {_LINK_NAMES}
            """  # noqa: S608  constants of this module
        ),
        {"members": member_ids, "at": at},
    )
    found: dict[UUID, list[Touched]] = defaultdict(list)
    for row in rows:
        found[row.member_id].append(_touched(row))
    return found


def _touched(row: Any) -> Touched:
    return Touched(
        touch_id=row.touch_id,
        at=row.at,
        until=row.until,
        refused=row.refused,
        link=_link(row),
        campaign_id=row.counted_for,
    )


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The policy in force at a time, and the member's binding of that time. Version 0 is the one that nobody wrote."""

    at: datetime
    policy: Policy
    version: int
    bound: Bound | None


async def policy(session: AsyncSession, brand_id: UUID, version: int) -> Policy:
    """Version 0 is the one that nobody wrote."""
    row = await session.execute(
        text("SELECT settings FROM attribution_policy WHERE brand_id = :brand_id AND version = :version"),
        {"brand_id": brand_id, "version": version},
    )
    settings = row.scalar_one_or_none()
    return msgspec.convert(settings, Policy) if settings is not None else Policy()


_BOUND_COLUMNS = """
    b.id, b.number, b.since, b.until, b.reason, b.guide_id, g.name AS guide_name,
    g.disabled_at IS NOT NULL AS guide_gone, b.store_id, s.name AS store_name, s.closed_at IS NOT NULL AS store_gone
"""
_BOUND_NAMES = "LEFT JOIN account g ON g.id = b.guide_id LEFT JOIN store s ON s.id = b.store_id"

_STANDING = text(
    f"""
    SELECT w.at, p.version, p.settings, {_BOUND_COLUMNS}
    FROM (SELECT coalesce((SELECT created_at FROM orders WHERE id = CAST(:order_id AS uuid)),
                          CAST(:now AS timestamptz)) AS at) w
    LEFT JOIN LATERAL (
        SELECT version, settings FROM attribution_policy
        WHERE brand_id = :brand_id AND at <= w.at ORDER BY version DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (
        SELECT * FROM guide_binding
        WHERE member_id = :member_id AND (CAST(:order_id AS uuid) IS NULL OR since <= w.at)
        ORDER BY number DESC LIMIT 1) b ON true
    {_BOUND_NAMES}
    """  # noqa: S608  constants of this module
)


def _bound(row: Any) -> Bound:
    return Bound(
        binding_id=row.id,
        number=row.number,
        since=row.since,
        until=row.until,
        reason=row.reason,
        guide=GuideName(row.guide_id, row.guide_name) if row.guide_id else None,
        store=StoreName(row.store_id, row.store_name) if row.store_id else None,
        guide_gone=row.guide_gone,
        store_gone=row.store_gone,
    )


async def bound(session: AsyncSession, member_ids: Sequence[UUID]) -> dict[UUID, Bound]:
    """The newest binding of each member who has one."""
    rows = await session.execute(
        text(
            f"""
            SELECT b.member_id, {_BOUND_COLUMNS}
            FROM (SELECT DISTINCT ON (member_id) * FROM guide_binding WHERE member_id = ANY(CAST(:members AS uuid[]))
                  ORDER BY member_id, number DESC) b {_BOUND_NAMES}
            """  # noqa: S608  constants of this module
        ),
        {"members": member_ids},
    )
    return {row.member_id: _bound(row) for row in rows}


async def standing(
    session: AsyncSession, brand_id: UUID, member_id: UUID, now: datetime, order_id: UUID | None = None
) -> Standing:
    """As of now, or of the time when the order was placed."""
    row = (
        await session.execute(
            _STANDING, {"brand_id": brand_id, "member_id": member_id, "now": now, "order_id": order_id}
        )
    ).one()
    return Standing(
        at=row.at,
        policy=msgspec.convert(row.settings, Policy) if row.settings is not None else Policy(),
        version=row.version or 0,
        bound=_bound(row) if row.id is not None else None,
    )


_LOCKED = text(
    """
    SELECT id FROM member WHERE id = ANY(CAST(:ids AS uuid[])) AND merged_into IS NULL
    ORDER BY id FOR NO KEY UPDATE
    """
)
_VIEWERS = text(
    """
    SELECT m.id, m.name, p.orders, p.amount_minor,
           (SELECT count(*) FROM visit v WHERE v.member_id = m.id) AS earlier_visits
    FROM member m CROSS JOIN LATERAL (
        SELECT count(*) AS orders, coalesce(sum(o.amount_minor), 0)::bigint AS amount_minor
        FROM orders o WHERE o.member_id = m.id AND o.paid_at IS NOT NULL) p
    WHERE m.id = ANY(CAST(:ids AS uuid[]))
    """
)


async def lock_viewers(session: AsyncSession, member_ids: Iterable[UUID]) -> dict[UUID, Viewer]:
    """Entering, touching and merging of one member happen one after the other; what they did before is read when that
    is over. Merged guests are left out. Two that lock many wait for each other in one order."""
    ids = list((await session.execute(_LOCKED, {"ids": list(member_ids)})).scalars())
    rows = await session.execute(_VIEWERS, {"ids": ids})
    return {
        row.id: Viewer(row.id, row.name, row.orders, row.amount_minor, row.earlier_visits) for row in rows
    }


async def lock_viewer(session: AsyncSession, brand_id: UUID, member_id: UUID) -> Viewer:
    """The same for one, who may have been a guest before. Raises `NotFound`."""
    row = await session.execute(
        text("SELECT merged_into FROM member WHERE id = :id AND brand_id = :brand_id"),
        {"id": member_id, "brand_id": brand_id},
    )
    found = row.first()
    if found is None:
        raise NotFound
    if found.merged_into is None and (viewer := (await lock_viewers(session, [member_id])).get(member_id)):
        return viewer
    return await lock_viewer(session, brand_id, found.merged_into or member_id)


async def room(session: AsyncSession, brand_id: UUID, room_id: UUID) -> RoomSeen:
    """Raises `NotFound`, also for another brand's room."""
    row = (
        await session.execute(
            text("SELECT id, brand_id, store_id, audience FROM room WHERE id = :id AND brand_id = :brand_id"),
            {"id": room_id, "brand_id": brand_id},
        )
    ).first()
    if row is None:
        raise NotFound
    return RoomSeen(*row)


_REACH = text(
    """
    SELECT r.id, CASE WHEN r.reach <> 'all' THEN
               ARRAY(SELECT s FROM unnest(CAST(:stores AS uuid[])) s WHERE room_reaches(r.id, s)) END AS stores
    FROM room r WHERE r.id = ANY(CAST(:rooms AS uuid[]))
    """
)


async def reaches(session: AsyncSession, room_id: UUID, store_id: UUID | None) -> bool:
    """Whether the room is for this store; none is a guide's from outside, who invites where all stores do."""
    asked = text("SELECT room_reaches(:room_id, CAST(:store_id AS uuid))")
    return bool((await session.execute(asked, {"room_id": room_id, "store_id": store_id})).scalar())


async def reaches_of(
    session: AsyncSession, room_ids: Iterable[UUID], touches: Iterable[Touched], bound: Iterable[Bound]
) -> dict[UUID, Reach]:
    """Each room's, among the stores of these."""
    of = [*(touched.link.store for touched in touches), *(one.store for one in bound)]
    asked = {"rooms": list(room_ids), "stores": list({store.store_id for store in of if store})}
    rows = await session.execute(_REACH, asked)
    return {row.id: Reach(frozenset(row.stores) if row.stores is not None else None) for row in rows}


async def reach(
    session: AsyncSession, room_id: UUID | None, touches: Iterable[Touched], bound: Bound | None
) -> Reach:
    """The same of one room; without a room it is everywhere."""
    found = await reaches_of(session, [room_id] if room_id else [], touches, [bound] if bound else [])
    return found.get(room_id, rules.EVERYWHERE) if room_id else rules.EVERYWHERE


async def all_names(
    session: AsyncSession, store_ids: Collection[UUID], guide_ids: Collection[UUID]
) -> tuple[dict[UUID, StoreName], dict[UUID, GuideName]]:
    rows = await session.execute(
        text(
            """
            SELECT id, name, true AS is_store FROM store WHERE id = ANY(CAST(:stores AS uuid[]))
            UNION ALL SELECT id, name, false FROM account WHERE id = ANY(CAST(:guides AS uuid[]))
            """
        ),
        {"stores": list(store_ids), "guides": list(guide_ids)},
    )
    stores: dict[UUID, StoreName] = {}
    guides: dict[UUID, GuideName] = {}
    for row in rows:
        if row.is_store:
            stores[row.id] = StoreName(row.id, row.name)
        else:
            guides[row.id] = GuideName(row.id, row.name)
    return stores, guides


async def names(
    session: AsyncSession, store_id: UUID | None, guide_id: UUID | None
) -> tuple[StoreName | None, GuideName | None]:
    stores, guides = await all_names(session, [store_id] if store_id else [], [guide_id] if guide_id else [])
    return stores.get(store_id) if store_id else None, guides.get(guide_id) if guide_id else None
