"""How a session comes to sit in its channels without losing or repeating a fact: subscribe first, take the snapshot
second, replay the gap.

It is `entering` a channel while it reads from the stream what it missed. At the moment when it has been given
everything that the channel has sent, it is seated, and from then on gets the same bytes as everybody else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from live.broker import Missed, NumberedFact
from live.channel import Channel, batch
from live.events import Position
from live.protocol import VERSION, CloseCode, Welcome, encode
from live.wire import Frame, Wire

if TYPE_CHECKING:
    from live.desk import Desk
    from live.hub import Hub
    from live.session import Session

REPLAY = 50
"""Missed facts written in one frame."""
BEHIND_S = 2.0
"""How long this process may take to hear of a fact that the client has heard elsewhere."""
REGAINED_PER_S = 2000
"""How fast a process's sessions ask for snapshots after they all lost continuity."""


class Seating:
    __slots__ = ("_desk", "_hub", "_lost", "_regaining", "_session", "_taking", "_wire", "you")

    def __init__(self, session: Session, hub: Hub, desk: Desk, wire: Wire) -> None:
        self.you: Mapping[str, Any] = {}
        self._session = session
        self._hub = hub
        self._desk = desk
        self._wire = wire
        self._taking = asyncio.Lock()
        self._lost: set[str] = set()
        self._regaining = False

    async def take(self, asked: Mapping[str, Position | None]) -> None:
        """Welcome the client and be seated everywhere. `asked`: the position known of each topic, None where only a
        snapshot helps. Raises Refusal, BrokerUnavailable, Slow."""
        async with self._taking:
            await self._take(asked)

    def displaced(self, channel: Channel) -> None:
        """The channel lost continuity while the session sat in it."""
        self._lost.add(channel.alias)
        if not self._regaining:
            self._regaining = True
            self._hub.spawn(self._regain())

    async def _regain(self) -> None:
        """A new welcome in mid-connection. Waits a little: other topics are lost in the same moment, and a whole room
        asks for its snapshots."""
        session = self._session
        await asyncio.sleep(0.05 + random.uniform(0, 0.05 + len(self._hub.sessions) / REGAINED_PER_S))
        try:
            while self._lost and session.closed is None:
                async with self._taking:
                    lost, self._lost = self._lost, set()
                    await self._take(self._given(lost))
        except Exception as error:
            session.fail(error, CloseCode.RESYNC)
        finally:
            self._regaining = False
            if session.closed is not None:
                self._hub.leave(session)

    async def _take(self, asked: Mapping[str, Position | None]) -> None:
        while self._session.closed is None:
            lost = await self._try(asked)
            if not lost:
                return
            asked = self._given(lost)

    def _given(self, lost: set[str]) -> dict[str, Position | None]:
        """Out of the seats, with what the client has been given of each topic by now."""
        given = self._hub.unseat(self._session)
        return {name: None if name in lost else at for name, at in given.items()}

    async def _try(self, asked: Mapping[str, Position | None]) -> set[str]:
        """Answers the topics whose continuity was lost on the way."""
        topics = self._session.topics
        joined = await asyncio.gather(*(self._hub.join(self._session, topic) for topic in topics.values()))
        channels = dict(zip(topics, joined, strict=True))
        pages = {name: await self._missed(channels[name], asked[name]) for name in topics}
        starts = {name: asked[name] if pages[name] else channels[name].sent for name in topics}
        snapshot = None if all(pages.values()) else await self._snapshot()
        shown = await self._recent_talk(joined[0])
        await self._wire.alone(self._welcome(pages, starts, snapshot, shown))
        lost = set()
        for name, channel in channels.items():
            start = starts[name]
            if start is None or not await self._catch_up(channel, start, pages[name], shown):
                lost.add(name)
        return lost

    async def _missed(self, channel: Channel, position: Position | None) -> Missed | None:
        """None where the missed facts can't be given."""
        if position is None:
            return None
        if position == channel.sent:
            return Missed([], False, position)
        missed = await self._hub.missed.ask((channel.topic, position))
        return None if missed.gap else missed

    async def _snapshot(self) -> Any:
        self._hub.stats.snapshots += 1
        async with self._hub.snapshots:
            return await self._desk.snapshot()

    async def _recent_talk(self, channel: Channel) -> list[bytes]:
        lines = await self._hub.recent_talk.ask(channel.topic)
        coming = channel.unsent(lines)
        return [line for line in lines if line not in coming]

    def _welcome(
        self,
        pages: Mapping[str, Missed | None],
        starts: Mapping[str, Position | None],
        snapshot: Any,
        shown: Sequence[bytes],
    ) -> Frame:
        welcome = Welcome(
            v=VERSION,
            session=self._session.id,
            you=self.you,
            positions={name: str(start) for name, start in starts.items()},
            resumed={name: page is not None for name, page in pages.items()},
            snapshot=snapshot,
            talk=[Raw(line) for line in shown],
        )
        return Frame(encode(welcome))

    async def _catch_up(
        self, channel: Channel, position: Position, page: Missed | None, shown: Sequence[bytes]
    ) -> bool:
        """Replay what was missed up to what the channel has sent, then sit down in it. False when that can't be done
        without a hole."""
        if page is not None:
            self._hub.stats.resumed += 1
        while self._session.closed is None:
            if position == channel.sent:
                channel.seat(self._session, shown)
                break
            missed = page or await self._hub.missed.ask((channel.topic, position))
            page = None
            if missed.gap:
                return False
            due = _up_to(channel.sent, missed.events)
            if due:
                await self._replay(channel, due)
                position = due[-1].position
            elif not await channel.moves(within=BEHIND_S):
                return False
        return True

    async def _replay(self, channel: Channel, facts: Sequence[NumberedFact]) -> None:
        for start in range(0, len(facts), REPLAY):
            some = facts[start : start + REPLAY]
            await self._wire.alone(Frame(encode(batch(channel.alias, some[-1].position, some))))


def _up_to(position: Position | None, facts: Sequence[NumberedFact]) -> list[NumberedFact]:
    return list(takewhile(lambda fact: position is not None and fact.position <= position, facts))
