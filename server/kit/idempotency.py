"""`Idempotency-Key`: the caller's name for one effect, so that asking again is safe.

The same key with the same request gives the same answer; with another request it is refused.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from litestar.params import HeaderParameter

from server.kit.problems import Invalid, Problem

MAX_KEY = 200

KeyHeader = Annotated[str | None, HeaderParameter(name="Idempotency-Key", required=False)]


class KeyRequired(Invalid):
    slug, title = "idempotency-key-required", "Send an Idempotency-Key header, so that a retry is safe"


class KeyReused(Problem):
    status, slug, title = 422, "idempotency-key-reused", "This Idempotency-Key was used for another request"


def require_key(key: str | None) -> str:
    """The key, 1 to 200 printable ASCII characters. Raises `KeyRequired` (422)."""
    if not key or len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
        raise KeyRequired(
            errors=[{"field": "Idempotency-Key", "message": f"1 to {MAX_KEY} printable characters"}]
        )
    return key


def request_hash(*parts: object) -> bytes:
    """16 bytes that stand for what was asked: the decoded body and what it was asked of."""
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).digest()
