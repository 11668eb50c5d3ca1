"""Who may enter a room, see it among the staff, and run it."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import msgspec

from server.kit.principal import MODERATES, RUNS_ROOMS, STORE_STAFF, Principal, Role

SHELF_SIZE = 200
"""Products on one room's shelf."""


class Audience(StrEnum):
    PUBLIC = "public"
    INVITED = "invited"
    MEMBERS = "members"
    STAFF = "staff"


class Refusal(StrEnum):
    """Why somebody may not enter; also the problem's slug."""

    NOT_SIGNED_IN = "not-signed-in"
    NOT_FOUND = "not-found"
    INVITED_ONLY = "invited-only"
    MEMBERS_ONLY = "members-only"


class RoomScope(msgspec.Struct, frozen=True):
    """What decides about a room: whose it is, and for whom."""

    brand_id: UUID
    store_id: UUID | None
    audience: Audience


class Viewer(msgspec.Struct, frozen=True):
    """Who stands at the door. `invited`: has come to this room through somebody's link, or was in it before."""

    principal: Principal
    has_phone: bool = False
    invited: bool = False


def may_enter(room: RoomScope, viewer: Viewer | None) -> Refusal | None:
    """`None` lets in. Another brand's rooms are not there, and neither are staff rooms for a viewer."""
    if viewer is None:
        return None if room.audience is Audience.PUBLIC else Refusal.NOT_SIGNED_IN
    if viewer.principal.brand_id != room.brand_id:
        return Refusal.NOT_FOUND
    if viewer.principal.kind == "staff":
        return None if may_see(viewer.principal, room) else Refusal.NOT_FOUND
    match room.audience:
        case Audience.PUBLIC:
            return None
        case Audience.INVITED:
            return None if viewer.invited else Refusal.INVITED_ONLY
        case Audience.MEMBERS:
            return None if viewer.has_phone else Refusal.MEMBERS_ONLY
        case Audience.STAFF:
            return Refusal.NOT_FOUND


def may_see(staff: Principal, room: RoomScope) -> bool:
    """All staff see headquarters' rooms; a store's own room is for that store and headquarters."""
    if staff.kind != "staff" or staff.brand_id != room.brand_id:
        return False
    return room.store_id is None or staff.role not in STORE_STAFF or staff.store_id == room.store_id


def may_run(staff: Principal, room: RoomScope) -> bool:
    """Owner, operator and host run their brand's rooms, a manager and a guide their own store's."""
    if not may_see(staff, room):
        return False
    if staff.role in RUNS_ROOMS:
        return room.store_id is None or staff.role is not Role.HOST
    return room.store_id is not None and staff.role in STORE_STAFF


def may_moderate(staff: Principal, room: RoomScope) -> bool:
    return may_run(staff, room) or (may_see(staff, room) and staff.role in MODERATES)


def may_see_figures(staff: Principal, room: RoomScope) -> bool:
    """A room's figures name every store's sales: whoever runs it and headquarters."""
    return may_run(staff, room) or (may_see(staff, room) and staff.is_headquarters)
