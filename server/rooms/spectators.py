"""Who watches a room's picture, as the media nodes know them: by a label, which says nothing to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import standing
from server.chat.standing import Viewer
from server.members import audience
from server.members.models import Member
from server.rooms.models import Room
from server.rooms.rules import Audience, may_enter
from server.rooms.service import scope_of

ANYBODY = "anybody"
"""Who came without a sign-in."""

Watching = Mapping[str, Collection[str]]
"""Labels by room."""


def label(member_id: UUID, device: bytes | None) -> str:
    """`device` is `kit.devices.device_key`'s."""
    return f"{member_id}.{device.hex()}" if device else str(member_id)


def _seat(label: str) -> tuple[UUID, bytes | None]:
    member_id, _, device = label.partition(".")
    return UUID(member_id), bytes.fromhex(device) or None


async def excluded(session: AsyncSession, watching: Watching, now: datetime) -> set[tuple[str, str]]:
    """(room, label) of those whom the media door would not let in now. A guest counts as the member that they have
    become."""
    found = await session.exec(select(Room).where(col(Room.id).in_([UUID(room_id) for room_id in watching])))
    rooms = {str(room.id): room for room in found}
    gone = {
        (room_id, ANYBODY)
        for room_id, room in rooms.items()
        if ANYBODY in watching[room_id] and may_enter(scope_of(room), None) is not None
    }
    seats = [(rooms[room_id], name) for room_id in rooms for name in watching[room_id] if name != ANYBODY]
    viewers = await _viewers(session, seats)
    closed = [seat for seat in seats if seat[0].audience != Audience.PUBLIC]
    asked = [(room.id, viewers[room.id, name].member_id) for room, name in closed]
    refusals = await audience.refusals(session, asked) if asked else []
    standings = await standing.standings(session, list(viewers.values()), now) if viewers else []
    refused = [(room.id, name) for (room, name), refusal in zip(closed, refusals, strict=True) if refusal]
    banned = [seat for seat, known in zip(viewers, standings, strict=True) if known.banned]
    return gone | {(str(room_id), name) for room_id, name in [*refused, *banned]}


async def _viewers(
    session: AsyncSession, seats: Collection[tuple[Room, str]]
) -> dict[tuple[UUID, str], Viewer]:
    guests = {_seat(name)[0] for _, name in seats}
    merged = await session.exec(
        select(Member.id, Member.merged_into).where(
            col(Member.id).in_(guests), col(Member.merged_into).is_not(None)
        )
    )
    became = {guest_id: member_id for guest_id, member_id in merged if member_id}
    viewers = {}
    for room, name in seats:
        member_id, device = _seat(name)
        viewers[room.id, name] = Viewer(became.get(member_id, member_id), room.brand_id, room.id, device)
    return viewers
