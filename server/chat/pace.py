"""How often a viewer may say something in a room: exact over all processes while Redis answers, for each process while
it doesn't."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from server.kit.breaker import Breaker
from server.kit.problems import TooMany
from server.kit.redis import GateDown, Redis, Script

LINES, WINDOW_S = 5, 10
"""A viewer says so many lines in so many seconds; staff and moderators as many as they like."""
LONGEST_SLOW_S = 300
KEPT_S = 120
"""For so long a line can be sent again without being counted again."""

_MAY_SAY = Script(Path(__file__).parent / "lua" / "may_say.lua")
_SAID, _TOO_MANY, _SLOW = range(3)


class SlowMode(TooMany):
    """`retry_after_s` until the next line, `slow_s` between lines."""

    slug, title = "slow-mode", "Slow mode is on; wait a moment before your next line"


class Pace:
    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._breaker = Breaker(monotonic)
        self._own = _OwnPace(monotonic)

    async def take(self, room_id: UUID, member_id: UUID, ref: str, slow_s: int) -> None:
        """Raises `TooMany` (429), `SlowMode` (429)."""
        who = f"{{say:{room_id}:{member_id}}}"
        kept_ms = max(KEPT_S, slow_s) * 1000
        arguments = [ref, LINES, WINDOW_S * 1000, slow_s * 1000, kept_ms]
        try:
            reason, wait_ms = await self._breaker.ask(lambda: _MAY_SAY(self._redis, [who], arguments))
        except GateDown:
            reason, wait_ms = self._own.take(who, ref, slow_s)
        if reason == _SLOW:
            raise SlowMode(retry_after_s=_seconds(wait_ms), slow_s=slow_s)
        if reason == _TOO_MANY:
            raise TooMany(retry_after_s=_seconds(wait_ms))


def _seconds(ms: int) -> int:
    return max(1, -(-int(ms) // 1000))


class _OwnPace:
    """The same counting in this process, bounded."""

    MOST = 10_000

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._said: OrderedDict[str, dict[str, float]] = OrderedDict()

    def take(self, who: str, ref: str, slow_s: int) -> tuple[int, int]:
        now = self._monotonic()
        kept = max(KEPT_S, slow_s)
        said = {ref: at for ref, at in self._said.pop(who, {}).items() if now - at < kept}
        self._said[who] = said
        if len(self._said) > self.MOST:
            self._said.popitem(last=False)
        if ref in said:
            return _SAID, 0
        times = list(said.values())
        if times and now - times[-1] < slow_s:
            return _SLOW, int((slow_s - (now - times[-1])) * 1000)
        recent = [at for at in times if now - at < WINDOW_S]
        if len(recent) >= LINES:
            return _TOO_MANY, int((recent[0] + WINDOW_S - now) * 1000)
        said[ref] = now
        return _SAID, 0
