"""Pools of stock and what each act moves."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Pool(StrEnum):
    HEADQUARTERS = "headquarters"
    STORE = "store"
    SALE = "sale"


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
