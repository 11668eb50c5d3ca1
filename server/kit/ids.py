"""Identifiers: UUIDv7 keys that sort by time, and short codes for people to read."""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7

# No 0/O, 1/I/L: codes are read aloud and typed at a counter.
READABLE = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def uuid7() -> UUID:
    return _uuid7()


def first_id(moment: datetime) -> UUID:
    """No id made at that moment (aware) or later sorts before it: a bound on an index by id."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def readable_code(length: int) -> str:
    """A random code of `length` letters; 31 possibilities each (8 letters ≈ 40 bits)."""
    drawn = int.from_bytes(os.urandom(length + 8))  # so many more bits than needed that no letter is likelier
    letters = []
    for _ in range(length):
        drawn, letter = divmod(drawn, len(READABLE))
        letters.append(READABLE[letter])
    return "".join(letters)
