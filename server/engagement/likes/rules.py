"""How many taps on the heart count."""

from __future__ import annotations

import msgspec

PER_SECOND = 20
"""Taps of one connection that count in a second: two busy thumbs. More are a script's."""
SAVED = 60
"""Unused taps that may come at once, when a phone was offline for a moment."""


class Allowance(msgspec.Struct):
    """One connection's allowance of taps; times in seconds of a monotonic clock."""

    left: float = SAVED
    at: float | None = None

    def spend(self, taps: int, now: float) -> int:
        """How many of the taps count."""
        if self.at is not None:
            self.left = min(SAVED, self.left + (now - self.at) * PER_SECOND)
        self.at = now
        counted = min(taps, int(self.left))
        self.left -= counted
        return counted


def owed(kept: int, counted: int) -> int:
    """What a broker that lost its count must be told so that it goes on from what was kept."""
    return max(0, kept - counted)
