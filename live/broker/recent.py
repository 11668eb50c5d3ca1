"""What this process appended in the last seconds, in case a server dies with it unsaved."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from live.events import Position, RoomEvent

RECENT_S = 10.0
"""Longer than a log or a replica lags behind what was acknowledged."""


class _Topic:
    __slots__ = ("epoch", "events")

    def __init__(self) -> None:
        self.epoch = 0
        self.events: deque[tuple[float, RoomEvent]] = deque()


class RecentEvents:
    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}
        self._swept_at = 0.0

    def of(self, topic: str, now: float) -> tuple[int | None, list[RoomEvent]]:
        """The epoch in which the topic's facts were last numbered, None without recent ones; and those."""
        kept = self._topics.get(topic)
        events = [event for at, event in kept.events if now - at < RECENT_S] if kept else []
        return (kept.epoch if kept and events else None), events

    def add(self, topic: str, events: Sequence[RoomEvent], positions: Sequence[Position], now: float) -> None:
        kept = self._topics.setdefault(topic, _Topic())
        kept.epoch = max(kept.epoch, *(position.epoch for position in positions))
        kept.events.extend((now, event) for event in events)
        while now - kept.events[0][0] >= RECENT_S:
            kept.events.popleft()
        if now - self._swept_at >= RECENT_S:
            self._swept_at = now
            self._topics = {
                name: kept for name, kept in self._topics.items() if now - kept.events[-1][0] < RECENT_S
            }
