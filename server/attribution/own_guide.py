"""Which guide's customer a member is: whoever they are bound to, else whoever carried them last."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

CARRIED_WITHIN = timedelta(days=30)
"""A visit that began longer ago makes nobody a guide's customer."""

OWN_GUIDE = """
    SELECT coalesce(b.guide_id, v.guide_id) AS guide_id FROM (SELECT 1) AS one
    LEFT JOIN LATERAL (
        SELECT held.guide_id FROM (
            SELECT guide_id, until FROM guide_binding WHERE member_id = {member} ORDER BY number DESC LIMIT 1) held
        WHERE held.until > :now) b ON true
    LEFT JOIN LATERAL (
        SELECT guide_id FROM visit
        WHERE member_id = {member} AND guide_id IS NOT NULL AND entered_at > :carried_since
        ORDER BY entered_at DESC, id DESC LIMIT 1) v ON true
"""
"""One row, to be joined laterally; `{member}` is an SQL expression of the member's id. A guide who has left is given
too: who else the customer would be is not theirs to say."""

_OWN_GUIDE = text(OWN_GUIDE.format(member="CAST(:member_id AS uuid)"))


def moments(now: datetime) -> dict[str, datetime]:
    """What `OWN_GUIDE` is asked with."""
    return {"now": now, "carried_since": now - CARRIED_WITHIN}


async def own_guide(session: AsyncSession, member_id: UUID, now: datetime) -> UUID | None:
    row = await session.execute(_OWN_GUIDE, {"member_id": member_id, **moments(now)})
    return row.scalar_one()  # type: ignore[no-any-return]
