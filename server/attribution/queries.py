"""The named queries of attribution, with names joined in.

Rooms and orders are read by column name: rooms stand above this package, and an order's buyer history is wanted here
in one statement with the viewer's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.policy import Policy
from server.attribution.rules import Bound, GuideName, Link, MemberName, StoreName, Touched
from server.kit.problems import NotFound

MAX_CHAIN = 1_000
RECENT_TOUCHES = 50

PAST_ALL = UUID(int=2**128 - 1)
"""A cursor before the newest row: `id < cursor` stays an index condition on the first page too."""

_LINK_COLUMNS = """
    l.id AS link_id, l.code, l.channel, l.brand_id, l.room_id, l.store_id, s.name AS store_name, l.guide_id,
    g.name AS guide_name, i.id AS inviter_id, i.name AS inviter_name
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
            SELECT t.id AS touch_id, t.at, t.until, t.refused, {_LINK_COLUMNS}
            FROM touch t JOIN invitation_link l ON l.id = t.link_id {_LINK_NAMES}
            WHERE t.member_id = :member_id AND (t.until >= :at OR t.link_id = CAST(:link_id AS uuid))
            ORDER BY t.id DESC LIMIT {RECENT_TOUCHES}
            """  # noqa: S608  constants of this module
        ),
        {"member_id": member_id, "at": at, "link_id": link_id},
    )
    return [
        Touched(touch_id=row.touch_id, at=row.at, until=row.until, refused=row.refused, link=_link(row))
        for row in rows
    ]


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


_STANDING = text(
    """
    SELECT w.at, p.version, p.settings, b.id, b.number, b.since, b.until, b.reason, b.guide_id, g.name AS guide_name,
           g.disabled_at IS NOT NULL AS guide_gone, b.store_id, s.name AS store_name,
           s.closed_at IS NOT NULL AS store_gone
    FROM (SELECT coalesce((SELECT created_at FROM orders WHERE id = CAST(:order_id AS uuid)),
                          CAST(:now AS timestamptz)) AS at) w
    LEFT JOIN LATERAL (
        SELECT version, settings FROM attribution_policy
        WHERE brand_id = :brand_id AND at <= w.at ORDER BY version DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (
        SELECT * FROM guide_binding
        WHERE member_id = :member_id AND (CAST(:order_id AS uuid) IS NULL OR since <= w.at)
        ORDER BY number DESC LIMIT 1) b ON true
    LEFT JOIN account g ON g.id = b.guide_id
    LEFT JOIN store s ON s.id = b.store_id
    """
)


async def standing(
    session: AsyncSession, brand_id: UUID, member_id: UUID, now: datetime, order_id: UUID | None = None
) -> Standing:
    """As of now, or of the time when the order was placed."""
    row = (
        await session.execute(
            _STANDING, {"brand_id": brand_id, "member_id": member_id, "now": now, "order_id": order_id}
        )
    ).one()
    bound = None
    if row.id is not None:
        bound = Bound(
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
    return Standing(
        at=row.at,
        policy=msgspec.convert(row.settings, Policy) if row.settings is not None else Policy(),
        version=row.version or 0,
        bound=bound,
    )


_VIEWER = text(
    """
    SELECT m.id, m.name, m.merged_into, p.orders, p.amount_minor,
           (SELECT count(*) FROM visit v WHERE v.member_id = m.id) AS earlier_visits
    FROM member m CROSS JOIN LATERAL (
        SELECT count(*) AS orders, coalesce(sum(o.amount_minor), 0)::bigint AS amount_minor
        FROM orders o WHERE o.member_id = m.id AND o.paid_at IS NOT NULL) p
    WHERE m.id = :member_id AND m.brand_id = :brand_id
    FOR NO KEY UPDATE OF m
    """
)


async def lock_viewer(session: AsyncSession, brand_id: UUID, member_id: UUID) -> Viewer:
    """Entering, touching and merging of one member happen one after the other. Raises `NotFound`."""
    row = (await session.execute(_VIEWER, {"member_id": member_id, "brand_id": brand_id})).first()
    if row is None:
        raise NotFound
    if row.merged_into is not None:
        return await lock_viewer(session, brand_id, row.merged_into)
    return Viewer(row.id, row.name, row.orders, row.amount_minor, row.earlier_visits)


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


async def names(
    session: AsyncSession, store_id: UUID | None, guide_id: UUID | None
) -> tuple[StoreName | None, GuideName | None]:
    row = (
        await session.execute(
            text(
                """
                SELECT (SELECT name FROM store WHERE id = CAST(:store_id AS uuid)),
                       (SELECT name FROM account WHERE id = CAST(:guide_id AS uuid))
                """
            ),
            {"store_id": store_id, "guide_id": guide_id},
        )
    ).one()
    return (
        StoreName(store_id, row[0]) if store_id and row[0] is not None else None,
        GuideName(guide_id, row[1]) if guide_id and row[1] is not None else None,
    )
