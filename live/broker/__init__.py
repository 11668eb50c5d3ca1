"""Between the processes: what one of them appends or says, all of them hear.

Two lanes (see docs/protocol.md). **Facts** are numbered within their topic, kept for a while and recovered exactly;
**talk** (lines of chat, counters) is published and forgotten, but for the last lines that newcomers are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from live.events import Position, RoomEvent

KEPT_FACTS = 5000
KEPT_MS = 120_000
KEPT_LINES = 50


class BrokerUnavailable(Exception):
    """The broker can't be reached or is not ready. Nothing is known of the call's effect: do it again. `append` is safe
    to repeat; a repeated `say` or `count` may be heard twice."""


class NumberedFact(msgspec.Struct, frozen=True):
    """A fact as the broker keeps it. `data` stays encoded, because fan-out only passes it on."""

    position: Position
    kind: str
    data: msgspec.Raw
    id: str


class Missed(msgspec.Struct, frozen=True):
    """`gap`: some of the facts are gone, or the position was never given out; take a snapshot and go on from `tail`.
    Otherwise `events` are exactly those after the position, in order; fewer than asked for means all of them."""

    events: list[NumberedFact]
    gap: bool
    tail: Position


class Listener(Protocol):
    """Hears a topic. Called on the event loop, in the topic's order; must not block."""

    def facts(self, topic: str, facts: Sequence[NumberedFact]) -> None:
        """The next facts: the first directly follows the last that was given, or the position `subscribe` answered."""

    def gap(self, topic: str, tail: Position) -> None:
        """Continuity is lost: facts between the last one given and `tail` will not come. The next one follows `tail`.
        Whoever relies on the topic needs a snapshot taken from now on."""

    def talk(self, topic: str, lines: Sequence[bytes]) -> None:
        """Lines of talk, each one JSON object."""

    def counted(self, topic: str, totals: Mapping[str, int]) -> None:
        """New totals of counters."""


class Broker(Protocol):
    """Keeps and carries what topics hear, for any number of processes.

    **Numbering, keeping and publishing a fact is one act.** Were they two, a process that died or paused between them
    would leave a fact that was numbered but never heard, or heard in another order than numbered, and no consumer could
    tell a hole from a delay. So positions without a hole mean facts without a hole, and a consumer that knows its last
    position can always learn exactly what it missed, or that this can't be known any more.

    **A position is (epoch, offset).** Offsets count without holes within an epoch. A new epoch begins when another
    server answers than the one that numbered last, since facts may have been lost with it: a number never stands for
    two facts. When nothing was lost, the facts of the new epoch follow those of the old one, and nobody needs a
    snapshot.

    **Kept** are the last KEPT_FACTS facts of a topic, for KEPT_MS, whichever ends first.

    **Delivery** to a `Listener` is in order, each fact once, without a hole or with `Listener.gap` in its place,
    whatever happens to the connection or the server meanwhile. Talk is delivered at most once.

    Every call but `unsubscribe` and `aclose` may raise `BrokerUnavailable`. None blocks for longer than a few seconds.
    """

    async def append(self, events: Sequence[RoomEvent]) -> list[Position]:
        """Number, keep and publish, each topic's events in the order given. Answers a position for each event.

        An `id` seen on its topic within the last ten minutes answers its first position and is not published again, so
        a caller that got no answer appends the same events again. Atomic for up to 200 events of one topic; when this
        raises, some topics may have taken theirs.

        An acknowledged fact may still die with its server. So when another server answers than before, what this
        process appended in the last seconds is appended again first: what survived is known by its id, what was lost
        is numbered anew, in its order. After a gap a listener may therefore hear facts of these seconds again.
        """

    async def say(self, topic: str, lines: Sequence[bytes]) -> None:
        """Publish talk: compact JSON objects. The last KEPT_LINES of those with an `id` are kept and can be taken back;
        others are heard and forgotten. ValueError for a line that holds a newline."""

    async def unsay(self, topic: str, line_id: str) -> None:
        """Newcomers are no longer shown the line. Those who saw it learn from a fact (`chat.deleted`)."""

    async def recent_talk(self, topic: str) -> list[bytes]:
        """The last lines, oldest first."""

    async def count(self, topic: str, **amounts: int) -> None:
        """Add to the topic's counters; listeners hear the totals. A counter lost with its server goes on from the
        highest total that this process has heard of."""

    async def totals(self, topic: str) -> dict[str, int]:
        """The topic's counters, as far as the broker still has them."""

    async def since(self, topic: str, position: Position, limit: int = KEPT_FACTS) -> Missed:
        """At most `limit` facts after the position."""

    async def tail(self, topic: str) -> Position:
        """The position of the topic's last fact; `epoch-0` when it has none yet."""

    async def subscribe(self, topic: str, listener: Listener) -> Position:
        """Hear the topic from the position answered onward; facts may reach the listener before this returns. One
        listener a topic and process; ValueError for a second one."""

    async def unsubscribe(self, topic: str) -> None:
        """Hear it no more. Harmless for a topic that was not subscribed."""

    async def aclose(self) -> None:
        """End subscriptions and connections."""
