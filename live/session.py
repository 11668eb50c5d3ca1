"""One connection: hello, its seats (live.seating), then frames in and frames out until somebody ends it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import structlog
from msgspec import UNSET, Raw, UnsetType

from live.broker import BrokerUnavailable
from live.channel import Channel
from live.desk import RECHECK_S, Desk, Entrance, Refusal
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
    WrongOrder,
    decode_client,
    encode,
    problem,
    retry_ms,
)
from live.seating import Seating
from live.wire import Frame, Slow, Wire, wire

log = structlog.get_logger()
T = TypeVar("T")

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
    except Exception as error:
        session.fail(error, CloseCode.UNAVAILABLE)
    finally:
        await session.end()


class Session:
    __slots__ = (
        "_bad",
        "_closing",
        "_desk",
        "_entrance",
        "_hub",
        "_receive",
        "_recheck_at",
        "_seating",
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
        self._seating = Seating(self, hub, desk, wire)
        self._bad = 0
        self._recheck_at = math.inf
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
            return self.close(CloseCode.GOING_AWAY, retry_ms(len(self._hub.sessions)))
        hello = await self._hello()
        if hello is None:
            return None
        try:
            await self._enter(hello)
        except Exception as error:
            return self.fail(error, CloseCode.UNAVAILABLE)
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
        self._recheck_at = self._next_check()
        self.topics = {alias(topic): topic for topic in entrance.topics}
        self._seating.you = entrance.you
        first = False
        if entrance.present is not None and self._hub.presence is not None:
            first = await self._hub.presence.enter(
                entrance.present.room_id, entrance.present.member_id, entrance.present.info
            )
        await self._seating.take({name: _position(hello.positions.get(name)) for name in self.topics})
        if self.closed is None:
            await self._ask(self._desk.arrived(first), close=CloseCode.NOT_ALLOWED)

    @property
    def member_id(self) -> str | None:
        """Whose connection it is, whether they are counted or not."""
        return self._entrance.you.get("member_id") if self._entrance is not None else None

    def due(self, now: float) -> bool:
        """Whether it is time to ask again if they may stay."""
        if now < self._recheck_at:
            return False
        self._recheck_at = self._next_check()
        return True

    def ask_again(self, at: float) -> None:
        """If they may stay, by the loop's clock."""
        self._recheck_at = min(self._recheck_at, at)

    def _next_check(self) -> float:
        watched = self._entrance is not None and self._entrance.recheck
        return asyncio.get_running_loop().time() + RECHECK_S if watched else math.inf

    async def expel(self) -> None:
        """With the desk's word on why, where it has one."""
        await self.recheck()
        self.close(CloseCode.BANNED)

    async def recheck(self) -> None:
        await self._ask(self._recheck(), close=CloseCode.NOT_ALLOWED)

    async def _recheck(self) -> None:
        try:
            await self._desk.recheck()
        except Refusal as refusal:
            if refusal.close is not CloseCode.UNAVAILABLE:
                raise
            self.ask_again(asyncio.get_running_loop().time() + RECHECK_S)  # who was let in stays

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
            case Say(ref, text, reply_to):
                said = await self._ask(self._desk.say(text, ref, reply_to), ref)
                if said is not None:
                    self.send(Ack(ref, said.id, Raw(said.line) if said.line is not None else UNSET))
            case Hello():
                raise WrongOrder()

    async def _ask(
        self, answer: Awaitable[T], ref: str | UnsetType = UNSET, close: CloseCode | None = None
    ) -> T | None:
        """`close`: the connection ends with it when the desk refuses."""
        try:
            return await answer
        except Refusal as refusal:
            self._refuse(refusal, ref, close)
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

    def displaced(self, channel: Channel) -> None:
        """The channel lost continuity while this session sat in it."""
        if self.closed is None:
            self._seating.displaced(channel)

    def fail(self, error: Exception, unavailable: CloseCode) -> None:
        """End for an error; `unavailable` is the code where the broker is away."""
        match error:
            case Refusal():
                self._refuse(error, close=CloseCode.NOT_ALLOWED)
            case Slow():
                self.too_slow()
            case BrokerUnavailable():
                self.close(unavailable, retry_ms(len(self._hub.sessions)))
            case _:
                log.error("a session failed", session=self.id, exc_info=error)
                self.close(CloseCode.ERROR, retry_ms(len(self._hub.sessions)))

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

    def gone(self) -> None:
        """The peer has left; there is nobody to tell anything."""
        self.closed = self.closed or CloseCode.ERROR
        self._wire.drop()

    def _refuse(self, refusal: Refusal, ref: str | UnsetType = UNSET, close: CloseCode | None = None) -> None:
        self.send(ProblemFrame(refusal.problem, ref))
        if (code := refusal.close or close) is not None:
            self.close(code)


def _position(text: str | None) -> Position | None:
    """One that can't be read is answered with a snapshot, like one that is too old."""
    try:
        return Position.parse(text) if text is not None else None
    except ValueError:
        return None
