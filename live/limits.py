"""How much one connection may send."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """`frames_per_s` in the long run, `frames_at_once` after a quiet time. After `bad_frames` of them (too many ones
    included) the connection is closed. `hello_within_s`: from the handshake to the first frame."""

    frames_per_s: float = 20.0
    frames_at_once: float = 40.0
    bad_frames: int = 20
    hello_within_s: float = 10.0
