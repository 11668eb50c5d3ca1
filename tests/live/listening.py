"""A listener that remembers what it heard and can be waited for, and somebody who appends until it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from live.broker import Broker, BrokerUnavailable, NumberedFact
from live.events import Position, RoomEvent


class Heard:
    def __init__(self) -> None:
        self.all: list[NumberedFact] = []
        self.lines: list[bytes] = []
        self.totals: dict[str, int] = {}
        self.gaps: list[Position] = []
        self._changed = asyncio.Event()

    def facts(self, topic: str, facts: Sequence[NumberedFact]) -> None:
        self.all.extend(facts)
        self._changed.set()

    def gap(self, topic: str, tail: Position) -> None:
        self.gaps.append(tail)
        self._changed.set()

    def talk(self, topic: str, lines: Sequence[bytes]) -> None:
        self.lines.extend(lines)
        self._changed.set()

    def counted(self, topic: str, totals: Mapping[str, int]) -> None:
        self.totals.update(totals)
        self._changed.set()

    @property
    def ids(self) -> list[str]:
        return [fact.id for fact in self.all]

    async def until(self, true: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                self._changed.clear()
                await self._changed.wait()


def fact(topic: str, number: int | str, kind: str = "room.pinned") -> RoomEvent:
    return RoomEvent(topic, kind, {"n": number}, f"fact-{number}")


def facts(topic: str, numbers: Sequence[int]) -> list[RoomEvent]:
    return [fact(topic, number) for number in numbers]


async def append_again(broker: Broker, events: list[RoomEvent]) -> list[Position]:
    """What the outbox relay does."""
    while True:
        try:
            return await broker.append(events)
        except BrokerUnavailable:
            await asyncio.sleep(0.02)
