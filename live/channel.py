"""One topic's local end: gathers what the topic hears and writes one frame a tick to everyone seated.

A quiet topic's news goes out at once; while it is busy, a frame leaves every 50 to 100 ms (longer with more seats). One
encode and one frame header serve all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

import msgspec
from msgspec import UNSET, Raw, UnsetType

from live.broker import KEPT_LINES, NumberedFact
from live.events import Position, alias
from live.protocol import Batch, Fact, encode
from live.wire import Frame

if TYPE_CHECKING:
    from live.session import Session

CROWD = 1000
"""Seats from which on the tick is at its longest."""


class Pace(msgspec.Struct, frozen=True):
    """`talk_per_s`: lines a room's viewer is shown at most; None shows all."""

    quickest_s: float = 0.05
    slowest_s: float = 0.1
    talk_per_s: float | None = 80.0

    def tick(self, seats: int) -> float:
        return self.quickest_s + (self.slowest_s - self.quickest_s) * min(1.0, seats / CROWD)


class Clock(Protocol):
    """The event loop's own clock."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle: ...

    def call_soon(self, callback: Callable[[], object], /) -> asyncio.Handle: ...


class Stats(msgspec.Struct):
    """Since the process began, over all its rooms."""

    connections: int = 0
    frames: int = 0
    deliveries: int = 0
    talk_heard: int = 0
    talk_sampled_out: int = 0
    closed_slow: int = 0
    resumed: int = 0
    snapshots: int = 0
    gaps: int = 0
    bad_frames: int = 0


ALWAYS = b'"always":true'
"""In a line that everybody is shown, such as the host's, however busy the room is. (Inside a text the quotes are
escaped, so nobody can write it.)"""


def sample(lines: Sequence[bytes], most: int) -> Sequence[bytes]:
    """At most so many of the lines, in their order, and those that are always shown. The lines themselves decide, so
    that processes which heard the same lines show the same ones."""
    if len(lines) <= most:
        return lines
    always = [i for i, line in enumerate(lines) if ALWAYS in line]
    others = [i for i, line in enumerate(lines) if ALWAYS not in line]
    chosen = nsmallest(max(0, most - len(always)), others, key=lambda i: crc32(lines[i]))
    return [lines[i] for i in sorted([*always, *chosen])]


class Channel:
    """`sent` is the position that every seated session has been given everything up to."""

    def __init__(self, topic: str, clock: Clock, pace: Pace, stats: Stats) -> None:
        self.topic = topic
        self.alias = alias(topic)
        self.sent: Position | None = None
        self.seats: set[Session] = set()
        self.entering: dict[Session, deque[bytes]] = {}
        self._clock = clock
        self._pace = pace
        self._stats = stats
        self._facts: list[NumberedFact] = []
        self._talk: list[bytes] = []
        self._here: int | UnsetType = UNSET
        self._likes: int | UnsetType = UNSET
        self._counts_due = False
        self._due: asyncio.Handle | None = None
        self._flushed_at = -1.0
        self._moved: asyncio.Event = asyncio.Event()
        self._allowance = pace.talk_per_s or 0.0
        self._allowed_at = clock.time()

    # What the topic hears

    def open(self, position: Position) -> None:
        """From here on there is continuity; nothing is written before."""
        self.sent = self.sent or position
        if self._facts or self._talk:
            self._schedule()

    def facts(self, facts: Iterable[NumberedFact]) -> None:
        self._facts.extend(facts)
        self._schedule()

    def talk(self, lines: Iterable[bytes]) -> None:
        self._talk.extend(lines)
        self._schedule()

    def show(self, *, here: int | UnsetType = UNSET, likes: int | UnsetType = UNSET) -> None:
        """New counts; the last one before a tick is the one that is written."""
        self._here = here if here is not UNSET else self._here
        self._likes = likes if likes is not UNSET else self._likes
        self._counts_due = True
        self._schedule()

    def lose(self, tail: Position) -> set[Session]:
        """Continuity ends: what came before goes out, and whoever sat here has to take a snapshot before it sits down
        again."""
        self._flush()
        self.sent = tail
        displaced, self.seats = self.seats, set()
        return displaced

    # Who is in it

    def enter(self, session: Session) -> None:
        """Not seated yet: facts are caught up with from the stream, and talk is kept meanwhile."""
        self.seats.discard(session)
        self.entering.setdefault(session, deque(maxlen=KEPT_LINES))

    def seat(self, session: Session, shown: Iterable[bytes] = ()) -> None:
        """For a session that has been given everything up to `sent`; `shown`: lines that it has seen elsewhere."""
        seen = set(shown)
        kept = [line for line in self.entering.pop(session, ()) if line not in seen]
        self.seats.add(session)
        if kept or self._here is not UNSET or self._likes is not UNSET:
            session.deliver(self._frame([], kept, counts=True))

    def unsent(self, lines: Sequence[bytes]) -> frozenset[bytes]:
        """Those of the lines that will come with the next frame."""
        return frozenset(lines).intersection(self._talk)

    def leave(self, session: Session) -> None:
        self.seats.discard(session)
        self.entering.pop(session, None)

    @property
    def empty(self) -> bool:
        return not self.seats and not self.entering

    async def moves(self, within: float) -> bool:
        """Wait for the next frame; False when none came."""
        try:
            async with asyncio.timeout(within):
                await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        if self._due is not None:
            self._due.cancel()

    # The tick

    def _schedule(self) -> None:
        if self._due is not None or self.sent is None:
            return
        wait = self._flushed_at + self._pace.tick(len(self.seats)) - self._clock.time()
        if wait > 0:
            self._due = self._clock.call_later(wait, self._flush)
        else:
            self._due = self._clock.call_soon(self._flush)

    def _flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        facts, talk = self._facts, self._sampled()
        self._facts, self._talk = [], []
        if facts:
            self.sent = facts[-1].position
        if facts or talk or self._counts_due:
            self._write(self._frame(facts, talk, counts=self._counts_due))
            self._counts_due = False
        for kept in self.entering.values():
            kept.extend(talk)
        self._flushed_at = self._clock.time()
        self._moved.set()
        self._moved = asyncio.Event()

    def _write(self, frame: Frame) -> None:
        self._stats.frames += 1
        self._stats.deliveries += len(self.seats)
        slow = [session for session in self.seats if not session.write(frame)]
        for session in slow:
            session.too_slow()

    def _frame(self, facts: Sequence[NumberedFact], talk: Sequence[bytes], counts: bool) -> Frame:
        here, likes = (self._here, self._likes) if counts else (UNSET, UNSET)
        return Frame(encode(batch(self.alias, self.sent, facts, talk, here, likes)))

    def _sampled(self) -> Sequence[bytes]:
        """What the allowance lets through: `talk_per_s` of lines a second, saved up for one second at most."""
        lines, cap = self._talk, self._pace.talk_per_s
        self._stats.talk_heard += len(lines)
        if cap is None:
            return lines
        now = self._clock.time()
        self._allowance = min(cap, self._allowance + cap * (now - self._allowed_at))
        self._allowed_at = now
        chosen = sample(lines, int(self._allowance))
        self._allowance = max(0.0, self._allowance - len(chosen))
        self._stats.talk_sampled_out += len(lines) - len(chosen)
        return chosen


def batch(
    name: str,
    position: Position | None,
    facts: Sequence[NumberedFact],
    talk: Sequence[bytes] = (),
    here: int | UnsetType = UNSET,
    likes: int | UnsetType = UNSET,
) -> Batch:
    return Batch(
        topic=name,
        position=str(position),
        facts=[Fact(fact.position.offset, fact.kind, fact.data) for fact in facts],
        talk=[Raw(line) for line in talk],
        here=here,
        likes=likes,
    )
