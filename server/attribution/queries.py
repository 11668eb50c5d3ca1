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

from server.attribution.rules import GuideName, Link, MemberName, StoreName, Touched
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


async def touches(session: AsyncSession, member_id: UUID, since: datetime) -> Sequence[Touched]:
    """A member's newest touches, refused ones too, newest first."""
    rows = await session.execute(
        text(
            f"""
            SELECT t.id AS touch_id, t.at, t.refused, {_LINK_COLUMNS}
            FROM touch t JOIN invitation_link l ON l.id = t.link_id {_LINK_NAMES}
            WHERE t.member_id = :member_id AND t.at >= :since
            ORDER BY t.id DESC LIMIT {RECENT_TOUCHES}
            """  # noqa: S608  constants of this module
        ),
        {"member_id": member_id, "since": since},
    )
    return [Touched(touch_id=row.touch_id, at=row.at, refused=row.refused, link=_link(row)) for row in rows]


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
