"""Who is kept out of a room, or of all rooms of the brand, with the devices they came with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.acts import Place, must_moderate, note
from server.chat.facts import MemberBanned, MemberUnbanned
from server.chat.models import Ban
from server.chat.moderation import present_member
from server.chat.standing import Viewer, standings
from server.kit.facts import record
from server.kit.paging import PAGE, before
from server.kit.principal import HEADQUARTERS, Principal, Role
from server.kit.problems import Forbidden, NotFound


async def must_be_welcome(
    session: AsyncSession, member: Principal, room_id: UUID, device: bytes | None, now: datetime
) -> None:
    """Raises `Banned` (403): the member is, or whoever used this device."""
    (known,) = await standings(session, [Viewer(member.id, member.brand_id, room_id, device)], now)
    if known.banned is not None:
        raise known.banned


async def ban(
    session: AsyncSession,
    staff: Principal,
    room_id: UUID,
    member_id: UUID,
    now: datetime,
    *,
    minutes: int | None = None,
    reason: str = "",
    everywhere: bool = False,
    devices: bool = True,
) -> Ban:
    """Out of this room, or with `everywhere` out of all of the brand's (headquarters only); without `minutes` for good.
    With `devices` also whoever comes with a device that the member used. Their connections end at once. A standing ban
    of the same reach is replaced.

    Raises `NotFound`, `Forbidden`.
    """
    room = await must_moderate(session, staff, room_id)
    if everywhere and staff.role not in HEADQUARTERS - {Role.FINANCE, Role.READ_ONLY}:
        raise Forbidden
    known = await present_member(session, room.brand_id, member_id)
    replaced = await _lift(session, room.brand_id, known, None if everywhere else room_id, now)
    until = now + timedelta(minutes=minutes) if minutes is not None else None
    row = Ban(
        brand_id=room.brand_id,
        room_id=None if everywhere else room_id,
        member_id=known,
        until=until,
        reason=reason,
        by=staff.id,
        at=now,
    )
    session.add(row)
    await session.flush()
    others = await _ban_devices(session, row) if devices else []
    before_it = [one.id for one in replaced]
    await note(session, room, staff, "ban", known, now, reason, ban_id=row.id, before=before_it)
    await record(
        session,
        MemberBanned(
            brand_id=room.brand_id,
            member_id=known,
            member_ids=[known, *others],
            room_ids=await _rooms(session, row),
            until=until,
            reason=reason,
        ),
    )
    return row


async def unban(
    session: AsyncSession, staff: Principal, room_id: UUID, member_id: UUID, now: datetime
) -> None:
    """Lifts what keeps the member out of this room; also a ban from all rooms, for headquarters.

    Raises `NotFound`, `Forbidden`.
    """
    room = await must_moderate(session, staff, room_id)
    lifted = await _lift(session, room.brand_id, member_id, room_id, now)
    if staff.role in HEADQUARTERS:
        lifted += await _lift(session, room.brand_id, member_id, None, now)
    for row in lifted:
        await note(session, room, staff, "unban", member_id, now, row.reason, ban_id=row.id)
    if lifted:
        rooms = [room_id] if all(row.room_id for row in lifted) else await _rooms(session, lifted[-1])
        await record(session, MemberUnbanned(brand_id=room.brand_id, member_id=member_id, room_ids=rooms))


async def ban_again(
    session: AsyncSession, staff: Principal, room: Place, ban_id: UUID, now: datetime
) -> None:
    """A lifted ban stands again, for the time that it had left. Raises `NotFound`."""
    row = await session.get(Ban, ban_id, with_for_update=True)
    if row is None or row.brand_id != room.brand_id:
        raise NotFound
    if row.lifted_at is None:
        return
    left = row.until - row.lifted_at if row.until is not None else None
    row.lifted_at, row.until = None, now + left if left is not None else None
    await note(session, room, staff, "ban", row.member_id, now, row.reason, ban_id=row.id)
    await session.flush()
    await record(
        session,
        MemberBanned(
            brand_id=row.brand_id,
            member_id=row.member_id,
            member_ids=[row.member_id, *await _others(session, row)],
            room_ids=await _rooms(session, row),
            until=row.until,
            reason=row.reason,
        ),
    )


async def listing(
    session: AsyncSession, brand_id: UUID, room_id: UUID, now: datetime, cursor: str | None
) -> Sequence[Ban]:
    """Who is kept out of this room now; a page and one more, newest first."""
    query = select(Ban).where(
        Ban.brand_id == brand_id,
        (col(Ban.room_id) == room_id) | col(Ban.room_id).is_(None),
        col(Ban.lifted_at).is_(None),
        col(Ban.until).is_(None) | (col(Ban.until) > now),
    )
    if last := before(cursor):
        query = query.where(col(Ban.id) < last)
    return (await session.exec(query.order_by(col(Ban.id).desc()).limit(PAGE + 1))).all()


async def _lift(
    session: AsyncSession, brand_id: UUID, member_id: UUID, room_id: UUID | None, now: datetime
) -> list[Ban]:
    """Those that still stood."""
    query = (
        select(Ban)
        .where(Ban.brand_id == brand_id, Ban.member_id == member_id, col(Ban.lifted_at).is_(None))
        .where(col(Ban.room_id) == room_id if room_id is not None else col(Ban.room_id).is_(None))
        .order_by(col(Ban.id))
        .with_for_update()
    )
    standing = list((await session.exec(query)).all())
    for row in standing:
        row.lifted_at = now
    await session.flush()
    return [row for row in standing if row.until is None or row.until > now]


async def _ban_devices(session: AsyncSession, row: Ban) -> list[UUID]:
    """Who else uses them."""
    await session.execute(
        text(
            "INSERT INTO banned_device (device, ban_id) "
            "SELECT device, :ban_id FROM member_device WHERE member_id = :member_id"
        ),
        {"ban_id": row.id, "member_id": row.member_id},
    )
    return await _others(session, row)


async def _others(session: AsyncSession, row: Ban) -> list[UUID]:
    found = await session.execute(
        text(
            """
            SELECT DISTINCT m.member_id FROM banned_device d JOIN member_device m ON m.device = d.device
            WHERE d.ban_id = :ban_id AND m.member_id <> :member_id
            """
        ),
        {"ban_id": row.id, "member_id": row.member_id},
    )
    return list(found.scalars())


async def _rooms(session: AsyncSession, row: Ban) -> list[UUID]:
    """The ban's room, or all of the brand that are on."""
    if row.room_id is not None:
        return [row.room_id]
    found: Any = await session.execute(
        text("SELECT id FROM room WHERE brand_id = :brand_id AND state IN ('warming', 'live', 'paused')"),
        {"brand_id": row.brand_id},
    )
    return list(found.scalars())
