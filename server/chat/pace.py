"""How fast a viewer may talk: one counter for all processes, by one script; without Redis, one in each process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import structlog

from server.chat.rules import LINES, WINDOW_S, TooFast
from server.kit.redis import GateDown, Redis, Script

log = structlog.get_logger()

_may_say = Script(Path(__file__).parent / "lua" / "may_say.lua")


class Pace:
    REMEMBERED = 10_000

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._here: dict[tuple[UUID, UUID], tuple[float, int]] = {}

    async def step(self, room_id: UUID, member_id: UUID) -> None:
        """Count one line. Raises `TooFast` (429)."""
        try:
            left_ms = int(
                await _may_say(
                    self._redis, [f"{{room:{room_id}}}:said:{member_id}"], [LINES, WINDOW_S * 1000]
                )
            )
        except GateDown:
            left_ms = self._step_here(room_id, member_id)
        if left_ms:
            raise TooFast(retry_after_s=math.ceil(left_ms / 1000))

    def _step_here(self, room_id: UUID, member_id: UUID) -> int:
        now = self._monotonic()
        began, said = self._here.get((room_id, member_id), (now, 0))
        if now - began >= WINDOW_S:
            began, said = now, 0
        if len(self._here) >= self.REMEMBERED:
            self._here = {key: seen for key, seen in self._here.items() if now - seen[0] < WINDOW_S}
        self._here[room_id, member_id] = (began, said + 1)
        return 0 if said < LINES else math.ceil((began + WINDOW_S - now) * 1000)
