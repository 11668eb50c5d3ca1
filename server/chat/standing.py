"""How viewers stand in rooms: banned, muted, or helping. One statement for all who are asked about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.rules import Banned


class Viewer(msgspec.Struct, frozen=True):
    """A member of the brand at a room's door. `device` is `kit.devices.device_key`'s."""

    member_id: UUID
    brand_id: UUID
    room_id: UUID
    device: bytes | None = None


class Standing(msgspec.Struct, frozen=True):
    """`banned`: the member is, or whoever used this device. `helps`: was made a moderator of the room."""

    banned: Banned | None
    muted_until: datetime | None
    helps: bool


_STANDINGS = text(
    """
    SELECT b.id IS NOT NULL AS is_banned, b.until, b.reason,
           (SELECT m.until FROM mute m
            WHERE m.room_id = a.room_id AND m.member_id = a.member_id AND m.until > :now) AS muted_until,
           EXISTS (SELECT 1 FROM room_moderator h
                   WHERE h.room_id = a.room_id AND h.member_id = a.member_id) AS helps
    FROM unnest(CAST(:members AS uuid[]), CAST(:brands AS uuid[]), CAST(:rooms AS uuid[]), CAST(:devices AS bytea[]))
         WITH ORDINALITY AS a(member_id, brand_id, room_id, device, place)
    LEFT JOIN LATERAL (
        SELECT b.id, b.until, b.reason FROM ban b
        WHERE b.id IN (SELECT o.id FROM ban o WHERE o.member_id = a.member_id AND o.lifted_at IS NULL
                       UNION ALL SELECT d.ban_id FROM banned_device d WHERE d.device = a.device)
          AND b.lifted_at IS NULL AND (b.until IS NULL OR b.until > :now) AND b.brand_id = a.brand_id
          AND (b.room_id = a.room_id OR b.room_id IS NULL)
        ORDER BY b.until DESC NULLS FIRST LIMIT 1) b ON true
    ORDER BY a.place
    """
)


async def standings(session: AsyncSession, viewers: Sequence[Viewer], now: datetime) -> list[Standing]:
    """Of each, in their order."""
    rows = await session.execute(
        _STANDINGS,
        {
            "now": now,
            "members": [viewer.member_id for viewer in viewers],
            "brands": [viewer.brand_id for viewer in viewers],
            "rooms": [viewer.room_id for viewer in viewers],
            "devices": [viewer.device for viewer in viewers],
        },
    )
    return [
        Standing(
            Banned(until=row.until and row.until.isoformat(), reason=row.reason) if row.is_banned else None,
            row.muted_until,
            row.helps,
        )
        for row in rows
    ]


async def came(session: AsyncSession, viewers: Collection[Viewer], now: datetime) -> None:
    """Remember the devices that they came with, so that a ban can go for those too; `seen_at` to the minute."""
    pairs = sorted({(viewer.member_id, viewer.device) for viewer in viewers if viewer.device is not None})
    if not pairs:
        return
    await session.execute(
        text(
            """
            INSERT INTO member_device (member_id, device, seen_at)
            SELECT member_id, device, :now
            FROM unnest(CAST(:members AS uuid[]), CAST(:devices AS bytea[])) AS p(member_id, device)
            ON CONFLICT (member_id, device) DO UPDATE SET seen_at = excluded.seen_at
            WHERE member_device.seen_at < excluded.seen_at - interval '1 minute'
            """
        ),
        {"members": [member for member, _ in pairs], "devices": [device for _, device in pairs], "now": now},
    )
