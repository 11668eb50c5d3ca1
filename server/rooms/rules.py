"""Who may enter a room, see it among the staff, and run it."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import msgspec

from server.kit.principal import INVITES, Principal
from server.kit.problems import NotFound, NotSignedIn, Problem
from server.members.audience import Audience as Audience

SHELF_SIZE = 200
"""Products on one room's shelf."""


class ReachKind(StrEnum):
    """Which stores a room of headquarters is for."""

    ALL = "all"
    REGION = "region"
    STORES = "stores"


class RoomScope(msgspec.Struct, frozen=True):
    """What decides about a room: whose it is, and for whom. `reached`: the asking guide's or manager's store is among
    those that it is for."""

    brand_id: UUID
    store_id: UUID | None
    audience: Audience
    reached: bool = True


def may_enter(room: RoomScope, who: Principal | None) -> Problem | None:
    """`None` lets in; of the brand's own viewers the audience has the last word (`audience.must_take`). Another brand's
    rooms are not there."""
    if who is None:
        return None if room.audience is Audience.PUBLIC else NotSignedIn()
    if who.brand_id != room.brand_id or (who.kind == "staff" and not may_see(who, room)):
        return NotFound()
    return None


def may_see(staff: Principal, room: RoomScope) -> bool:
    """All staff see headquarters' rooms, but guides and managers only those that reach their store; a store's own room
    is for that store and for headquarters' people. A guide from outside is of no store."""
    if staff.kind != "staff" or staff.brand_id != room.brand_id:
        return False
    if staff.role not in INVITES:
        return True
    return room.reached if room.store_id is None else staff.store_id == room.store_id


def may_run(staff: Principal, room: RoomScope) -> bool:
    return staff.may_run_room(room.brand_id, room.store_id)


def may_see_figures(staff: Principal, room: RoomScope) -> bool:
    """A room's figures name every store's sales: whoever runs it and headquarters."""
    return may_run(staff, room) or (may_see(staff, room) and staff.is_headquarters)
