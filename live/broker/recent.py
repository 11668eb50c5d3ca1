"""What this process appended in the last seconds, in case a server dies with it unsaved."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from live.events import RoomEvent

RECENT_S = 10.0
"""Longer than a log or a replica lags behind what was acknowledged."""


class RecentEvents:
    def __init__(self) -> None:
        self._topics: dict[str, deque[tuple[float, RoomEvent]]] = {}
        self._swept_at = 0.0

    def of(self, topic: str, now: float) -> list[RoomEvent]:
        return [event for at, event in self._topics.get(topic, ()) if now - at < RECENT_S]

    def add(self, topic: str, events: Sequence[RoomEvent], now: float) -> None:
        kept = self._topics.setdefault(topic, deque())
        kept.extend((now, event) for event in events)
        while now - kept[0][0] >= RECENT_S:
            kept.popleft()
        if now - self._swept_at >= RECENT_S:
            self._swept_at = now
            self._topics = {name: kept for name, kept in self._topics.items() if now - kept[-1][0] < RECENT_S}
