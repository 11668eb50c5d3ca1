"""Invitation codes: seven random letters and seven that only this installation can add.

A forged or mistyped code is refused by arithmetic alone, without a look into the database.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from server.kit.ids import READABLE, readable_code
from server.kit.tokens import derive, sign

RANDOM = 7  # 31**7 ≈ 2.7e10 links; the table's unique code catches the rare repeat
SIGNATURE = 7  # 1 in 2.7e10 for a guess
LENGTH = RANDOM + SIGNATURE


def new(secret: str) -> str:
    """14 letters without 0/O and 1/I/L, safe in a URL and read aloud."""
    name = readable_code(RANDOM)
    return name + _signature(secret, name)


def genuine(secret: str, code: str) -> bool:
    if len(code) != LENGTH or not code.isascii():
        return False
    return hmac.compare_digest(_signature(secret, code[:RANDOM]), code[RANDOM:])


def _signature(secret: str, name: str) -> str:
    number = int.from_bytes(sign(_key(secret), name.encode(), 16), "big")
    letters = []
    for _ in range(SIGNATURE):
        number, digit = divmod(number, len(READABLE))
        letters.append(READABLE[digit])
    return "".join(letters)


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return derive(secret, "invitation")
