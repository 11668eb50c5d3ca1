"""Doing without Redis for a while after it failed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.kit.redis import GateDown

T = TypeVar("T")


class LeftAlone(GateDown):
    """Redis was not asked, since it failed a moment ago."""


class Breaker:
    """For callers that can go on without Redis: while it hangs, only one of them at a time waits for its time-out.

    After a failure it is left alone for `PAUSE_S`; then one caller tries, and the others go on without until that one
    was answered.
    """

    PAUSE_S = 5.0

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._alone_until: float | None = None

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the call answers or raises. Raises `GateDown` when Redis fails, `LeftAlone` at once in a pause."""
        if self._alone_until is not None:
            if self._monotonic() < self._alone_until:
                raise LeftAlone
            self._pause()
        try:
            answer = await call()
        except GateDown:
            self._pause()
            raise
        except Exception:  # a refusal is an answer too
            self._alone_until = None
            raise
        self._alone_until = None
        return answer

    def _pause(self) -> None:
        self._alone_until = self._monotonic() + self.PAUSE_S
