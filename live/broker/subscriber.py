"""A process's subscriptions: one direct connection to each server that owns some of its topics, and the filling of
holes from the stream.

Publishing is at most once: what is published while a connection is down, or while a primary dies, is never heard. So
nothing relies on it. A topic counts as heard only from the server's *confirmation* of the subscription; then its stream
is read from the last fact seen, and while that goes on what comes live waits. A live fact that isn't the next one means
a hole, and the stream is read again.

In a cluster topics change their owner. A killed one ends its connection, one that gives a slot away says so, and one
that became a replica says nothing: so the owners are looked up every second, too.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import structlog
from redis.exceptions import ClusterDownError, MovedError, RedisError

from live.broker import KEPT_FACTS, BrokerUnavailable, Listener, Missed, NumberedFact
from live.broker.deployment import Deployment
from live.broker.messages import Counted, Facts, Talk, parse
from live.broker.server import Connection
from live.broker.tasks import end
from live.events import Position

log = structlog.get_logger()

SUBSCRIBE_WITHIN_S = 4.0
QUIET_S = 1.0
"""A connection that was quiet for so long is pinged; one that doesn't answer within ANSWER_S is dropped."""
ANSWER_S = 1.5
FILLS = 32
"""Streams read at the same time, after a reconnection."""
BACKOFF_S = (0.05, 0.5)
LOOK_S = 1.0
"""How often it is looked up who owns what."""


class Streams(Protocol):
    async def since(self, topic: str, position: Position, limit: int = KEPT_FACTS) -> Missed: ...

    async def tail(self, topic: str) -> Position: ...


class Watch:
    """One topic that this process hears. `last` is what its listener was given; None until the first confirmation."""

    def __init__(self, topic: str, channel: str, listener: Listener) -> None:
        self.topic = topic
        self.channel = channel.encode()
        self.listener = listener
        self.last: Position | None = None
        self.started: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self.totals: dict[str, int] = {}
        self.confirmed = False
        self.again = False
        self.filling: asyncio.Task[None] | None = None
        self.waiting: deque[Facts] = deque(maxlen=KEPT_FACTS)

    def hear(self, message: Facts | Talk | Counted) -> None:
        match message:
            case Facts():
                self.waiting.append(message)
            case Talk(lines):
                self._tell(lambda: self.listener.talk(self.topic, lines))
            case Counted(totals):
                self.totals.update(totals)
                self._tell(lambda: self.listener.counted(self.topic, totals))

    def take_waiting(self) -> bool:
        """Give the listener what came live. False when there is a hole that only the stream can fill."""
        while self.waiting and self.last is not None:
            facts = self.waiting.popleft()
            if facts.first.epoch != self.last.epoch or facts.first.offset > self.last.offset + 1:
                return False
            self.give(facts.after(self.last))
        return True

    def give(self, facts: list[NumberedFact]) -> None:
        if facts:
            self.last = facts[-1].position
            self._tell(lambda: self.listener.facts(self.topic, facts))

    def lose(self, tail: Position) -> None:
        self.last = tail
        self._tell(lambda: self.listener.gap(self.topic, tail))

    def start(self, position: Position) -> None:
        self.last = position
        if not self.started.done():
            self.started.set_result(position)

    def stop(self) -> None:
        if not self.started.done():
            self.started.set_exception(BrokerUnavailable(f"{self.topic} was given up"))
            self.started.exception()  # nobody has to ask for it
        if self.filling is not None:
            self.filling.cancel()

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # one topic's listener must not end the connection of all
            log.exception("a listener failed", topic=self.topic)


class Line:
    """One connection to one server and the topics heard on it. Lives until it is closed, whatever the server does."""

    def __init__(self, owner: str, subscriber: Subscriber) -> None:
        self.owner = owner
        self.watches: dict[bytes, Watch] = {}
        self._subscriber = subscriber
        self._connection: Connection | None = None
        self._task = asyncio.create_task(self._run())

    async def add(self, watch: Watch) -> None:
        """Harmless to repeat."""
        self.watches[watch.channel] = watch
        watch.confirmed = False
        await self._send("SSUBSCRIBE", watch.channel)

    async def remove(self, watch: Watch) -> None:
        if self.watches.get(watch.channel) is watch:
            del self.watches[watch.channel]
            await self._send("SUNSUBSCRIBE", watch.channel)

    async def aclose(self) -> None:
        await end([self._task])

    async def _send(self, *command: str | bytes) -> None:
        """Nothing is lost when this fails: whoever connects next subscribes to everything in `watches`."""
        if self._connection is not None:
            with suppress(RedisError, OSError):
                await self._connection.send_command(*command, check_health=False)

    async def _run(self) -> None:
        pause = BACKOFF_S[0]
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._converse()
            except (RedisError, OSError, BrokerUnavailable, ValueError) as error:
                log.warning("subscription connection lost", owner=self.owner, error=str(error))
            if asyncio.get_running_loop().time() - began > BACKOFF_S[1]:
                pause = BACKOFF_S[0]
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, BACKOFF_S[1])
            if not await self._subscriber.keeps(self):
                return

    async def _converse(self) -> None:
        connection = self._subscriber.deployment.dial(self.owner)
        try:
            await connection.connect()
            wanted = list(self.watches)
            self._connection = connection
            await connection.send_packed_command(
                connection.pack_commands([("SSUBSCRIBE", channel) for channel in wanted]), check_health=False
            )
            await self._listen(connection)
        finally:
            self._connection = None
            for watch in self.watches.values():
                watch.confirmed = False
            await connection.disconnect(nowait=True)

    async def _listen(self, connection: Connection) -> None:
        pinged = False
        while True:
            try:
                answer = await connection.read_response(
                    timeout=ANSWER_S if pinged else QUIET_S, disconnect_on_error=False
                )
            except (MovedError, ClusterDownError):  # one topic's subscription was refused
                self._subscriber.look()
                continue
            if answer is None:
                if pinged:
                    raise OSError("no answer to a ping")
                await connection.send_command("PING", check_health=False)
                pinged = True
                continue
            pinged = False
            if isinstance(answer, list):
                self._hear(answer[0], answer[1], answer[2] if len(answer) > 2 else None)

    def _hear(self, kind: bytes, channel: bytes, payload: bytes | int | None) -> None:
        watch = self.watches.get(channel)
        if kind == b"smessage" and isinstance(payload, bytes):
            if watch is not None:
                watch.hear(parse(payload))
                if watch.confirmed:
                    self._subscriber.advance(watch)
        elif kind == b"ssubscribe":
            if watch is not None:
                watch.confirmed = True
                self._subscriber.fill(watch)
        elif kind == b"sunsubscribe" and watch is not None:
            watch.confirmed = False  # given away, unless this answers an earlier listener's leaving
            self._subscriber.look()


class Subscriber:
    def __init__(self, deployment: Deployment, streams: Streams) -> None:
        self.deployment = deployment
        self._streams = streams
        self._watches: dict[str, Watch] = {}
        self._lines: dict[str, Line] = {}
        self._fills = asyncio.Semaphore(FILLS)
        self._layout = deployment.layout
        self._looking = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None

    def totals(self, topic: str) -> Mapping[str, int]:
        watch = self._watches.get(topic)
        return watch.totals if watch is not None else {}

    async def subscribe(self, topic: str, channel: str, listener: Listener) -> Position:
        if topic in self._watches:
            raise ValueError(f"{topic} is subscribed already")
        watch = self._watches[topic] = Watch(topic, channel, listener)
        if self._follower is None:
            self._follower = asyncio.create_task(self._follow())
        try:
            async with asyncio.timeout(SUBSCRIBE_WITHIN_S):
                await self._line(await self.deployment.owner(channel)).add(watch)
                return await watch.started
        except BaseException as error:
            if self._watches.get(topic) is watch:
                await self.unsubscribe(topic)
            if isinstance(error, TimeoutError):
                raise BrokerUnavailable(f"{topic} can't be subscribed") from error
            raise

    async def unsubscribe(self, topic: str) -> None:
        watch = self._watches.pop(topic, None)
        if watch is None:
            return
        watch.stop()
        for line in list(self._lines.values()):
            await line.remove(watch)

    async def aclose(self) -> None:
        if self._follower is not None:
            await end([self._follower])
        for watch in self._watches.values():
            watch.stop()
        self._watches.clear()
        await asyncio.gather(*(line.aclose() for line in self._lines.values()))
        self._lines.clear()

    def fill(self, watch: Watch) -> None:
        """Read the topic's stream from the last fact seen, then take what came live meanwhile."""
        if watch.filling is not None:
            watch.again = True
            return
        watch.filling = asyncio.create_task(self._fill(watch))

    def advance(self, watch: Watch) -> None:
        if watch.filling is None and not watch.take_waiting():
            self.fill(watch)

    async def _fill(self, watch: Watch) -> None:
        try:
            while True:
                watch.again = False
                try:
                    async with self._fills:
                        await self._catch_up(watch)
                except Exception as error:
                    if not isinstance(error, BrokerUnavailable):
                        log.exception("a stream can't be read", topic=watch.topic)
                    await asyncio.sleep(BACKOFF_S[0] * random.uniform(1, 4))
                    continue
                if watch.take_waiting() and not watch.again:
                    return
        finally:
            watch.filling = None

    async def _catch_up(self, watch: Watch) -> None:
        if watch.last is None:
            watch.start(await self._streams.tail(watch.topic))
            return
        missed = await self._streams.since(watch.topic, watch.last)
        if missed.gap:
            watch.lose(missed.tail)
        else:
            watch.give(missed.events)

    def look(self) -> None:
        """A topic seems to have another owner: find out soon."""
        self._looking.set()

    async def keeps(self, line: Line) -> bool:
        """After an error: topics that another server owns now move to that server's line. False for a line that has
        nothing left to hear."""
        try:
            await self.deployment.refresh()
            await self._settle(line)
        except BrokerUnavailable as error:
            log.warning("topology unknown", error=str(error))
        if not line.watches and self._lines.get(line.owner) is line:
            del self._lines[line.owner]
        return bool(line.watches)

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S * random.uniform(0.8, 1.2)):
                    await self._looking.wait()
            asked = self._looking.is_set()
            self._looking.clear()
            try:
                await self.deployment.refresh()
                if asked or self.deployment.layout != self._layout:
                    self._layout = self.deployment.layout
                    for line in list(self._lines.values()):
                        await self._settle(line)
            except Exception as error:
                if not isinstance(error, BrokerUnavailable):
                    log.exception("topics were not followed")
                self._looking.set()
                await asyncio.sleep(BACKOFF_S[1])
            await asyncio.sleep(BACKOFF_S[0])

    async def _settle(self, line: Line) -> None:
        """Each topic of the line on its owner's line, and asked for there."""
        for watch in list(line.watches.values()):
            try:
                owner = await self.deployment.owner(watch.channel.decode())
            except BrokerUnavailable:
                continue  # nobody owns it just now
            if line.watches.get(watch.channel) is not watch:
                continue  # nobody listens to it any more
            if owner != line.owner:
                await self._line(owner).add(watch)
                await line.remove(watch)
            elif not watch.confirmed:
                await line.add(watch)

    def _line(self, owner: str) -> Line:
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = Line(owner, self)
        return line
