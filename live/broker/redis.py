"""The broker on Redis or Valkey. Facts live in a stream whose entry ids are their positions; `lua/` is where numbering,
keeping and publishing are one act."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from live.broker import KEPT_FACTS, KEPT_LINES, KEPT_MS, Listener, Missed
from live.broker.deployment import deployment
from live.broker.messages import encode_fact, numbered
from live.broker.recent import RecentEvents
from live.broker.scripts import load
from live.broker.subscriber import Subscriber
from live.events import Position, RoomEvent

BATCH = 200
REMEMBERED_MS = 600_000
META_MS = (
    12 * 3_600_000
)  # longer than a show: a quiet topic's position stays good while somebody may come back to it
TALK_MS = 3_600_000
COUNTERS_MS = 24 * 3_600_000

APPEND, TAIL, SINCE, SAY, UNSAY, RECENT, COUNT, TOTALS = (
    load("live.broker", name)
    for name in ("append", "tail", "since", "say", "unsay", "recent", "count", "totals")
)


class RedisBroker:
    """See `Broker`. Connects when first used, and again whenever it has to."""

    def __init__(self, url: str, *, kept_facts: int = KEPT_FACTS, kept_ms: int = KEPT_MS) -> None:
        self._deployment = deployment(url)
        self._kept_facts = kept_facts
        self._kept_ms = kept_ms
        self._recent = RecentEvents()
        self._subscriber = Subscriber(self._deployment, self)

    async def append(self, events: Sequence[RoomEvent]) -> list[Position]:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            places[event.topic].append(place)
        topics = list(places)
        appends = (self._append(topic, [events[i] for i in places[topic]]) for topic in topics)
        taken = await asyncio.gather(*appends, return_exceptions=True)
        numbers: dict[int, Position] = {}
        for topic, positions in zip(topics, taken, strict=True):
            if isinstance(positions, BaseException):
                raise positions
            numbers.update(zip(places[topic], positions, strict=True))
        return [numbers[place] for place in range(len(events))]

    async def _append(self, topic: str, events: Sequence[RoomEvent]) -> list[Position]:
        positions: list[Position] = []
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            now = asyncio.get_running_loop().time()
            epoch, recent = self._recent.of(topic, now)
            taken = await self._append_batch(topic, batch, within=epoch)
            if not taken:  # another server answers: what was appended lately may have died with the last one
                for again in range(0, len(recent), BATCH):
                    await self._append_batch(topic, recent[again : again + BATCH])
                taken = await self._append_batch(topic, batch)
            self._recent.add(topic, batch, taken, now)
            positions.extend(taken)
        return positions

    async def _append_batch(
        self, topic: str, events: Sequence[RoomEvent], within: int | None = None
    ) -> list[Position]:
        """Nothing, and nothing done, when they would be numbered in another epoch than `within`."""
        keys = [_meta(topic), stream(topic), *(f"{{{topic}}}:i:{event.id}" for event in events)]
        limits = [self._kept_facts, self._kept_ms, REMEMBERED_MS, META_MS, within or ""]
        answer: list[bytes] = await self._deployment.run(APPEND, keys, [*limits, *map(encode_fact, events)])
        return [Position.parse(text.decode()) for text in answer]

    async def say(self, topic: str, lines: Sequence[bytes]) -> None:
        if any(b"\n" in line for line in lines):
            raise ValueError("a line of talk is one line")
        if lines:
            await self._deployment.run(SAY, [_talk(topic), stream(topic)], [KEPT_LINES, TALK_MS, *lines])

    async def unsay(self, topic: str, line_id: str) -> None:
        await self._deployment.run(UNSAY, [_talk(topic)], [line_id])

    async def recent_talk(self, topic: str) -> list[bytes]:
        lines: list[bytes] = await self._deployment.run(RECENT, [_talk(topic)], [])
        return lines

    async def count(self, topic: str, **amounts: int) -> None:
        known = self._subscriber.totals(topic)
        triples = [part for name, amount in amounts.items() for part in (name, amount, known.get(name, 0))]
        if triples:
            await self._deployment.run(COUNT, [_counters(topic), stream(topic)], [COUNTERS_MS, *triples])

    async def totals(self, topic: str) -> dict[str, int]:
        flat: list[bytes] = await self._deployment.run(TOTALS, [_counters(topic)], [])
        return {name.decode(): int(total) for name, total in zip(flat[::2], flat[1::2], strict=True)}

    async def since(self, topic: str, position: Position, limit: int = KEPT_FACTS) -> Missed:
        args = [position.epoch, position.offset, limit, self._kept_ms]
        answer: list[Any] = await self._deployment.run(SINCE, [_meta(topic), stream(topic)], args)
        if not answer:
            return Missed([], True, await self.tail(topic))
        tail, gap, *rest = answer
        facts = [
            numbered(Position.parse(at.decode()), body)
            for at, body in zip(rest[::2], rest[1::2], strict=True)
        ]
        return Missed(facts, bool(gap), Position.parse(tail.decode()))

    async def tail(self, topic: str) -> Position:
        answer: bytes = await self._deployment.run(TAIL, [_meta(topic)], [META_MS])
        return Position.parse(answer.decode())

    async def subscribe(self, topic: str, listener: Listener) -> Position:
        return await self._subscriber.subscribe(topic, stream(topic), listener)

    async def unsubscribe(self, topic: str) -> None:
        await self._subscriber.unsubscribe(topic)

    async def aclose(self) -> None:
        await self._subscriber.aclose()
        await self._deployment.aclose()


def stream(topic: str) -> str:
    """The topic's stream, and its sharded channel."""
    return f"{{{topic}}}:s"


def _meta(topic: str) -> str:
    return f"{{{topic}}}:meta"


def _talk(topic: str) -> str:
    return f"{{{topic}}}:talk"


def _counters(topic: str) -> str:
    return f"{{{topic}}}:n"
