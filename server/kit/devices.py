"""Which browser it is that comes again: a random name that it gave itself, kept only as a keyed hash.

It is a courtesy of honest browsers and no proof: whoever clears their storage is a new device. Where none is sent,
nothing that goes by device counts.
"""

from __future__ import annotations

from server.kit.tokens import derive, sign

DEVICE = "Showfloor-Device"
"""The header that names it."""


def device_key(secret: str, name: str | None) -> bytes | None:
    """16 bytes that stand for the device; None where it has no name."""
    return sign(derive(secret, "device"), name.encode(), 16) if name else None
