"""All of a process's sessions, by the topics that they hear: one subscription a topic, one encode a topic and tick."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from live.broker import Broker, BrokerUnavailable, Missed, NumberedFact
from live.channel import Channel, Pace, Stats
from live.events import AUDIENCE, EXPELLED, Expelled, Position, room_of, room_topic
from live.gathering import each_once
from live.limits import Limits
from live.presence import Presence
from live.protocol import CloseCode, retry_ms

if TYPE_CHECKING:
    from live.session import Session

log = structlog.get_logger()

_expelled = msgspec.json.Decoder(Expelled)

EMPTY_S = 2.0
"""A topic that everybody left stays subscribed for so long: whoever reloads or reconnects finds it open."""
PAGE = 500
"""Missed facts read at a time."""
SNAPSHOTS = 32
"""Snapshots taken at the same time."""
ASKED_PER_S = 200
"""Of a room whose audience has changed, so many are asked a second whether they may stay: each costs a transaction."""
LIKES_S = 0.2
SWEEP_S = 1.0
STOP_WITHIN_S = 3.0


class Hub:
    """Hears the broker for everybody in this process. Needs no start; `stop` before the process ends."""

    def __init__(
        self,
        broker: Broker,
        presence: Presence | None = None,
        *,
        pace: Pace | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.broker = broker
        self.presence = presence
        self.stats = Stats()
        self.missed = each_once(self._since)
        self.recent_talk = each_once(broker.recent_talk)
        self.snapshots = asyncio.Semaphore(SNAPSHOTS)
        self.sessions: set[Session] = set()
        self.stopping = False
        self.limits = limits or Limits()
        self._pace = pace or Pace()
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._likes: Counter[str] = Counter()
        self._liking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeping: asyncio.Task[None] | None = None

    # Sessions come and go

    def admit(self, session: Session) -> None:
        self.sessions.add(session)
        self.stats.connections += 1
        if self._sweeping is None:
            self._sweeping = self.spawn(self._sweep())

    async def join(self, session: Session, topic: str) -> Channel:
        """The topic's channel, open and with the session entering it. Raises BrokerUnavailable."""
        while True:
            channel = self._channels.get(topic)
            if channel is None:
                channel = self._channels[topic] = self._channel(topic)
                self._opening[topic] = self.spawn(self._open(channel))
            channel.enter(session)
            opening = self._opening.get(topic)
            if opening is not None:
                await asyncio.shield(opening)
            if self._channels.get(topic) is channel:
                return channel

    def unseat(self, session: Session) -> dict[str, Position | None]:
        """Out of its seats, and what it has been given of each topic by now."""
        given: dict[str, Position | None] = {}
        for name, topic in session.topics.items():
            channel = self._channels.get(topic)
            given[name] = channel.sent if channel is not None and session in channel.seats else None
            if channel is not None:
                channel.enter(session)
        return given

    def leave(self, session: Session) -> None:
        """Harmless to repeat."""
        self.sessions.discard(session)
        for topic in session.topics.values():
            if (channel := self._channels.get(topic)) is not None:
                channel.leave(session)
                if channel.empty:
                    asyncio.get_running_loop().call_later(EMPTY_S, self._close_if_empty, channel)

    async def _since(self, asked: tuple[str, Position]) -> Missed:
        topic, position = asked
        return await self.broker.since(topic, position, PAGE)

    # What rooms do beside talking

    def like(self, topic: str, count: int) -> None:
        """Gathered here, and added at the broker a few times a second."""
        self._likes[topic] += count
        if self._liking is None:
            self._liking = self.spawn(self._add_likes())

    def show_here(self, topic: str, count: int) -> None:
        """How many are here, in the topic's next frame."""
        if (channel := self._channels.get(topic)) is not None:
            channel.show(here=count)

    # Listener

    def facts(self, topic: str, facts: Sequence[NumberedFact]) -> None:
        if (channel := self._channels.get(topic)) is not None:
            channel.facts(facts)
            for fact in facts:
                if fact.kind == EXPELLED:
                    self._expel(channel, _expelled.decode(fact.data).member_ids)
                elif fact.kind == AUDIENCE:
                    self._ask_again(channel)

    def _expel(self, channel: Channel, member_ids: Sequence[str]) -> None:
        for session in [*channel.seats, *channel.entering]:
            if session.member_id in member_ids:
                self.spawn(session.expel())

    def _ask_again(self, channel: Channel) -> None:
        here = [*channel.seats, *channel.entering]
        now = asyncio.get_running_loop().time()
        for place, session in enumerate(here):
            session.ask_again(now + place / ASKED_PER_S)

    def gap(self, topic: str, tail: Position) -> None:
        if (channel := self._channels.get(topic)) is not None:
            self.stats.gaps += 1
            self._ask_again(channel)  # that somebody may not stay may have been among what was lost
            for session in channel.lose(tail):
                session.displaced(channel)

    def talk(self, topic: str, lines: Sequence[bytes]) -> None:
        if (channel := self._channels.get(topic)) is not None:
            channel.talk(lines)

    def counted(self, topic: str, totals: Mapping[str, int]) -> None:
        channel = self._channels.get(topic)
        if channel is not None and "likes" in totals:
            channel.show(likes=totals["likes"])

    # The end

    async def stop(self) -> None:
        """Send everybody away with code 4001 and a moment to come back at, spread so that the process which takes over
        isn't stormed. Returns when they have been told, or after STOP_WITHIN_S."""
        self.stopping = True
        leaving = list(self.sessions)
        for session in leaving:
            session.close(CloseCode.GOING_AWAY, retry_ms(len(leaving)))
        for task in (self._sweeping, self._liking):
            if task is not None:
                task.cancel()
        await self._count_likes()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_WITHIN_S)
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run beside everything else; what it raises is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, BrokerUnavailable):
            log.error("a task failed", task=str(task.get_coro()), exc_info=error)

    def _channel(self, topic: str) -> Channel:
        return Channel(topic, asyncio.get_running_loop(), self._pace, self.stats)

    async def _open(self, channel: Channel) -> None:
        try:
            channel.open(await self.broker.subscribe(channel.topic, self))
        except BaseException:
            del self._channels[channel.topic]
            raise
        finally:
            del self._opening[channel.topic]

    def _close_if_empty(self, channel: Channel) -> None:
        topic = channel.topic
        if channel.empty and self._channels.get(topic) is channel and topic not in self._opening:
            del self._channels[topic]
            channel.close()
            self.spawn(self.broker.unsubscribe(topic))

    async def _add_likes(self) -> None:
        try:
            while self._likes:
                await asyncio.sleep(LIKES_S)
                await self._count_likes()
        finally:
            self._liking = None

    async def _count_likes(self) -> None:
        likes, self._likes = self._likes, Counter()
        for topic, count in likes.items():
            try:
                await self.broker.count(topic, likes=count)
            except BrokerUnavailable:
                self._likes[topic] += count

    async def _sweep(self) -> None:
        """Once a second: who is stuck, and how many are here."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S * random.uniform(0.9, 1.1))
            now = loop.time()
            for session in [session for session in self.sessions if session.stuck(now)]:
                session.too_slow()
            for session in [session for session in self.sessions if session.due(now)]:
                self.spawn(session.recheck())
            if self.presence is not None:
                await self._count_here(self.presence)

    async def _count_here(self, presence: Presence) -> None:
        rooms = [room for topic in self._channels if (room := room_of(topic)) is not None]
        try:
            for room, count in (await presence.changes(rooms)).items():
                self.show_here(room_topic(room), count)
        except Exception:
            log.exception("the rooms were not counted")
