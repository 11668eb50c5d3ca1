"""Pools of stock and what each act moves."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Pool(StrEnum):
    HEADQUARTERS = "headquarters"
    STORE = "store"
    GUIDE = "guide"
    ROOM = "room"
    SALE = "sale"


def pools_of(
    brand_id: UUID, store_id: UUID | None, room_id: UUID | None, guide_id: UUID | None = None
) -> list[tuple[Pool, UUID]]:
    """Where units of an ordinary order come from, the first pool first: what was set aside for the room, the carrying
    store's, or without a store the guide's (who is from outside then), headquarters'."""
    pools = [(Pool.ROOM, room_id)] if room_id else []
    if store_id:
        pools.append((Pool.STORE, store_id))
    elif guide_id:
        pools.append((Pool.GUIDE, guide_id))
    return [*pools, (Pool.HEADQUARTERS, brand_id)]


class Move(NamedTuple):
    """Change of (total, free, held, sold) for one unit; total is always the sum of the other three."""

    total: int
    free: int
    held: int
    sold: int


HOLD = Move(0, -1, +1, 0)
SELL = Move(0, 0, -1, +1)
RELEASE = Move(0, +1, -1, 0)
RETURN = Move(0, +1, 0, -1)
ADJUST = Move(+1, +1, 0, 0)
