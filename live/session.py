"""One connection: hello, entering its topics, then frames in and frames out until somebody ends it.

Entering a topic without losing or repeating a fact: subscribe first, take the snapshot second, replay the gap. The
session is `entering` a channel while it reads from the stream what it missed; at the moment when it has been given
everything that the channel has sent, it is seated, and from then on gets the same bytes as everybody else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import structlog
from msgspec import UNSET, Raw, UnsetType

from live.broker import BrokerUnavailable, Missed, NumberedFact
from live.channel import Channel, batch
from live.desk import Desk, Entrance, Refusal
from live.events import Position, alias
from live.hub import Hub
from live.protocol import (
    VERSION,
    Ack,
    BadFrame,
    Binary,
    ClientFrame,
    CloseCode,
    Hello,
    Like,
    Ping,
    Pong,
    ProblemFrame,
    Say,
    ServerFrame,
    TooManyFrames,
    Welcome,
    WrongOrder,
    decode_client,
    encode,
    problem,
    retry_ms,
)
from live.wire import Frame, Slow, Wire, wire

log = structlog.get_logger()
T = TypeVar("T")

PAGE = 500
"""Missed facts read at a time, and REPLAY of them written in one frame."""
REPLAY = 50
BEHIND_S = 2.0
"""How long this process may take to hear of a fact that the client has heard elsewhere."""

PONG = Frame(encode(Pong()))


class Socket(Protocol):
    """What is needed of a WebSocket that is not accepted yet; Litestar's `WebSocket` has it."""

    @property
    def scope(self) -> Any: ...

    @property
    def receive(self) -> Callable[[], Awaitable[Any]]: ...

    @property
    def send(self) -> Callable[[Any], Awaitable[None]]: ...


class Gone(Exception):
    """The peer has disconnected."""


async def serve(socket: Socket, hub: Hub, desk: Desk) -> None:
    """Accept the connection and see it to its end. Raises nothing but cancellation."""
    message = await socket.receive()
    if message["type"] != "websocket.connect":
        return
    await socket.send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    session = Session(hub, desk, wire(socket.scope, socket.send), socket.receive)
    hub.admit(session)
    try:
        await session.run()
    except Gone:
        session.gone()
    except Exception:
        log.exception("a session failed", session=session.id)
        session.close(CloseCode.ERROR, retry_ms(len(hub.sessions)))
    finally:
        await session.end()


class Session:
    __slots__ = (
        "_bad",
        "_closing",
        "_desk",
        "_entrance",
        "_hub",
        "_lost",
        "_receive",
        "_regaining",
        "_settling",
        "_tokens",
        "_tokens_at",
        "_until",
        "_wire",
        "closed",
        "id",
        "topics",
        "write",
    )

    def __init__(self, hub: Hub, desk: Desk, wire: Wire, receive: Callable[[], Awaitable[Any]]) -> None:
        self.id = uuid4().hex
        self.topics: dict[str, str] = {}
        self.closed: CloseCode | None = None
        self.write = wire.write  # the fan-out's hot path
        self._wire = wire
        self._hub = hub
        self._desk = desk
        self._receive = receive
        self._entrance: Entrance | None = None
        self._settling = asyncio.Lock()
        self._lost: set[str] = set()
        self._regaining = False
        self._bad = 0
        self._closing: asyncio.Task[None] | None = None
        self._until: asyncio.Timeout | None = None
        self._tokens = hub.limits.frames_at_once
        self._tokens_at = asyncio.get_running_loop().time()

    # Its life

    async def run(self) -> None:
        """Until the peer is gone (raises Gone) or the session was closed, whoever did it."""
        try:
            async with asyncio.timeout(None) as self._until:
                await self._converse()
        except TimeoutError:
            if self.closed is None:
                raise
        finally:
            self._until = None

    async def _converse(self) -> None:
        if self._hub.stopping:
            return self.close(CloseCode.GOING_AWAY, self._retry_ms())
        hello = await self._hello()
        if hello is None:
            return None
        try:
            await self._enter(hello)
        except Refusal as refusal:
            return self._refuse(refusal, close=CloseCode.NOT_ALLOWED)
        except BrokerUnavailable:
            return self.close(CloseCode.UNAVAILABLE, self._retry_ms())
        except Slow:
            return self.too_slow()
        while self.closed is None:
            try:
                await self._obey(await self._next())
            except BadFrame as error:
                self._complain(error)
        return None

    async def end(self) -> None:
        self._hub.leave(self)
        if self.closed is None:
            self.close(CloseCode.GOING_AWAY)
        if self._closing is not None:
            await self._closing
        if self._entrance is not None:
            if (present := self._entrance.present) is not None and self._hub.presence is not None:
                self._hub.presence.leave(present.room_id, present.member_id)
            try:
                await self._desk.leave()
            except Exception:
                log.exception("leaving failed", session=self.id)

    async def _hello(self) -> Hello | None:
        try:
            async with asyncio.timeout(self._hub.limits.hello_within_s):
                frame = await self._next()
            if not isinstance(frame, Hello):
                raise WrongOrder()
        except TimeoutError:
            self.close(CloseCode.HELLO_TIMEOUT)
            return None
        except BadFrame as error:
            self.send(ProblemFrame(error.body(), error.ref or UNSET))
            self.close(error.close or CloseCode.HELLO_FIRST)
            return None
        if frame.v != VERSION:
            detail = f"this server speaks version {VERSION}"
            self.send(
                ProblemFrame(problem("unsupported-version", "Another version is spoken here", 400, detail))
            )
            self.close(CloseCode.UNSUPPORTED_VERSION)
            return None
        return frame

    async def _enter(self, hello: Hello) -> None:
        entrance = self._entrance = await self._desk.enter(hello)
        self.topics = {alias(topic): topic for topic in entrance.topics}
        first = False
        if entrance.present is not None and self._hub.presence is not None:
            first = await self._hub.presence.enter(
                entrance.present.room_id, entrance.present.member_id, entrance.present.info
            )
        async with self._settling:
            await self._settle({name: _position(hello.positions.get(name)) for name in self.topics})
        if self.closed is None:
            await self._ask(self._desk.arrived(first))

    # Entering its topics

    async def _settle(self, asked: Mapping[str, Position | None]) -> None:
        """Be seated everywhere. `asked`: the position known of each topic, None where only a snapshot helps."""
        while self.closed is None:
            lost = await self._settle_once(asked)
            if not lost:
                return
            asked = {name: None if name in lost else at for name, at in self._hub.unseat(self).items()}

    async def _settle_once(self, asked: Mapping[str, Position | None]) -> set[str]:
        """Answers the topics whose continuity was lost on the way."""
        names = list(self.topics)
        channels = dict(zip(names, await asyncio.gather(*map(self._join, names)), strict=True))
        pages = {name: await self._missed(channels[name], asked[name]) for name in names}
        starts = {name: asked[name] if pages[name] else channels[name].sent for name in names}
        snapshot = None if all(pages.values()) else await self._snapshot()
        shown = await self._recent(channels[names[0]])
        await self._wire.alone(
            Frame(
                encode(
                    Welcome(
                        v=VERSION,
                        session=self.id,
                        you=self._entrance.you if self._entrance else {},
                        positions={name: str(start) for name, start in starts.items()},
                        resumed={name: page is not None for name, page in pages.items()},
                        snapshot=snapshot,
                        talk=[Raw(line) for line in shown],
                    )
                )
            )
        )
        lost = set()
        for name, channel in channels.items():
            start = starts[name]
            if start is None or not await self._catch_up(channel, start, pages[name], shown):
                lost.add(name)
        return lost

    async def _join(self, name: str) -> Channel:
        return await self._hub.join(self, self.topics[name])

    async def _missed(self, channel: Channel, position: Position | None) -> Missed | None:
        """None where the missed facts can't be given."""
        if position is None:
            return None
        missed = await self._hub.broker.since(channel.topic, position, PAGE)
        return None if missed.gap else missed

    async def _snapshot(self) -> Any:
        self._hub.stats.snapshots += 1
        async with self._hub.snapshots:
            return await self._desk.snapshot()

    async def _recent(self, channel: Channel) -> list[bytes]:
        lines = await self._hub.broker.recent_talk(channel.topic)
        coming = channel.unsent(lines)
        return [line for line in lines if line not in coming]

    async def _catch_up(
        self, channel: Channel, position: Position, page: Missed | None, shown: Sequence[bytes]
    ) -> bool:
        """Replay what was missed up to what the channel has sent, then sit down in it. False when that can't be done
        without a hole."""
        if page is not None:
            self._hub.stats.resumed += 1
        while self.closed is None:
            if position == channel.sent:
                channel.seat(self, shown)
                break
            missed = page or await self._hub.broker.since(channel.topic, position, PAGE)
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

    def displaced(self, channel: Channel) -> None:
        """The channel lost continuity while this session sat in it."""
        self._lost.add(channel.alias)
        if not self._regaining and self.closed is None:
            self._regaining = True
            self._hub.spawn(self._regain())

    async def _regain(self) -> None:
        """A new welcome in mid-connection. Waits a little: other topics are lost in the same moment, and a whole room
        asks for its snapshots."""
        await asyncio.sleep(random.uniform(0.05, 0.1 + len(self._hub.sessions) / 2000))
        try:
            while self._lost and self.closed is None:
                async with self._settling:
                    lost, self._lost = self._lost, set()
                    given = self._hub.unseat(self)
                    await self._settle({name: None if name in lost else at for name, at in given.items()})
        except Refusal as refusal:
            self._refuse(refusal, close=CloseCode.NOT_ALLOWED)
        except Slow:
            self.too_slow()
        except Exception as error:
            if not isinstance(error, BrokerUnavailable):
                log.exception("a session could not be resynchronised", session=self.id)
            self.close(CloseCode.RESYNC, self._retry_ms())
        finally:
            self._regaining = False
            if self.closed is not None:
                self._hub.leave(self)

    # Frames in

    async def _next(self) -> ClientFrame:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise Gone()
        text = message.get("text")
        if text is None:
            raise Binary()
        self._spend()
        return decode_client(text)

    def _spend(self) -> None:
        now = asyncio.get_running_loop().time()
        limits = self._hub.limits
        self._tokens = min(
            limits.frames_at_once, self._tokens + (now - self._tokens_at) * limits.frames_per_s
        )
        self._tokens_at = now
        if self._tokens < 1:
            raise TooManyFrames()
        self._tokens -= 1

    async def _obey(self, frame: ClientFrame) -> None:
        match frame:
            case Ping():
                self.deliver(PONG)
            case Like(count):
                await self._ask(self._desk.like(count))
            case Say(ref, text):
                said = await self._ask(self._desk.say(text, ref), ref)
                if said is not None:
                    self.send(Ack(ref, said.id, Raw(said.line) if said.line is not None else UNSET))
            case Hello():
                raise WrongOrder()

    async def _ask(self, answer: Awaitable[T], ref: str | UnsetType = UNSET) -> T | None:
        try:
            return await answer
        except Refusal as refusal:
            self._refuse(refusal, ref)
        except BrokerUnavailable:
            self.send(ProblemFrame(problem("unavailable", "Not available right now; try again", 503), ref))
        except Exception:
            log.exception("the desk failed", session=self.id)
            self.send(ProblemFrame(problem("internal", "Something went wrong on our side", 500), ref))
        return None

    def _complain(self, error: BadFrame) -> None:
        self._hub.stats.bad_frames += 1
        self._bad += 1
        self.send(ProblemFrame(error.body(), error.ref or UNSET))
        flooding = isinstance(error, TooManyFrames)
        if error.close is not None:
            self.close(error.close)
        elif self._bad >= self._hub.limits.bad_frames:
            self.close(CloseCode.FLOODING if flooding else CloseCode.BAD_FRAMES)

    # Frames out

    def send(self, frame: ServerFrame) -> None:
        self.deliver(Frame(encode(frame)))

    def deliver(self, frame: Frame) -> None:
        if self.closed is None and not self.write(frame):
            self.too_slow()

    def stuck(self, now: float) -> bool:
        return self._wire.stuck(now)

    def too_slow(self) -> None:
        if self.closed is None:
            self._hub.stats.closed_slow += 1
            self.close(CloseCode.SLOW)

    def close(self, code: CloseCode, back_in_ms: int | None = None) -> None:
        """Nothing is written after this but the close frame. Harmless to repeat; the first code counts."""
        if self.closed is not None:
            return
        self.closed = code
        self._hub.leave(self)
        self._closing = self._hub.spawn(self._close(code, code.told(back_in_ms)))

    async def _close(self, code: CloseCode, reason: str) -> None:
        await self._wire.close(code, reason)
        if self._until is not None:
            self._until.reschedule(0)  # `run` may be waiting for a peer that sends nothing, or for the shop

    def _retry_ms(self) -> int:
        return retry_ms(len(self._hub.sessions))

    def gone(self) -> None:
        """The peer has left; there is nobody to tell anything."""
        self.closed = self.closed or CloseCode.ERROR
        self._wire.drop()

    def _refuse(self, refusal: Refusal, ref: str | UnsetType = UNSET, close: CloseCode | None = None) -> None:
        self.send(ProblemFrame(refusal.problem, ref))
        if (code := refusal.close or close) is not None:
            self.close(code)


def _up_to(position: Position | None, facts: Sequence[NumberedFact]) -> list[NumberedFact]:
    return list(takewhile(lambda fact: position is not None and fact.position <= position, facts))


def _position(text: str | None) -> Position | None:
    """One that can't be read is answered with a snapshot, like one that is too old."""
    try:
        return Position.parse(text) if text is not None else None
    except ValueError:
        return None
