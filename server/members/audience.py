"""Whom a room takes: asked at its door, and again wherever its viewers order, claim and tip."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.problems import Forbidden, NotFound, Problem


class Audience(StrEnum):
    PUBLIC = "public"
    INVITED = "invited"
    MEMBERS = "members"
    STAFF = "staff"


class InvitedOnly(Forbidden):
    slug, title = "invited-only", "This room is for invited viewers"


class MembersOnly(Forbidden):
    slug, title = "members-only", "This room is for members; sign in by phone first"


def refusal(audience: Audience, *, has_phone: bool, invited: bool) -> Problem | None:
    """Why a viewer of the room's brand is not taken; rooms for staff are not there. `invited`: came to the room through
    somebody's link, or was in it before."""
    match audience:
        case Audience.PUBLIC:
            return None
        case Audience.INVITED:
            return None if invited else InvitedOnly()
        case Audience.MEMBERS:
            return None if has_phone else MembersOnly()
        case Audience.STAFF:
            return NotFound()


# Tables of upper layers are read here by name, not by import: one question for all who ask it.
_VIEWERS = text(
    """
    SELECT r.audience, m.phone IS NOT NULL AS has_phone, r.audience = 'invited' AND (
        EXISTS (SELECT 1 FROM visit v WHERE v.room_id = r.id AND v.member_id = m.id)
        OR EXISTS (SELECT 1 FROM touch t JOIN invitation_link l ON l.id = t.link_id
                   WHERE t.member_id = m.id AND l.room_id = r.id AND t.refused IS NULL)) AS invited
    FROM unnest(CAST(:rooms AS uuid[]), CAST(:members AS uuid[])) WITH ORDINALITY AS a(room_id, member_id, place)
    LEFT JOIN member g ON g.id = a.member_id
    LEFT JOIN member m ON m.id = coalesce(g.merged_into, g.id)
    LEFT JOIN room r ON r.id = a.room_id AND r.brand_id = g.brand_id
    ORDER BY a.place
    """
)


async def refusals(session: AsyncSession, asked: Sequence[tuple[UUID, UUID]]) -> list[Problem | None]:
    """For each (room, member) why the room doesn't take them: `NotFound` (404; also for another brand's room),
    `InvitedOnly`, `MembersOnly` (403)."""
    rows = await session.execute(
        _VIEWERS, {"rooms": [room for room, _ in asked], "members": [member for _, member in asked]}
    )
    return [
        refusal(Audience(row.audience), has_phone=row.has_phone, invited=row.invited)
        if row.audience is not None
        else NotFound()
        for row in rows
    ]


async def must_take(session: AsyncSession, room_id: UUID, member_id: UUID) -> None:
    """Raises what `refusals` gives."""
    (problem,) = await refusals(session, [(room_id, member_id)])
    if problem is not None:
        raise problem
