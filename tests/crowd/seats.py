"""Viewers by the hundred in one process: a WebSocket client with no more to it than a room needs, so that a crowd
measures the server and not itself."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import msgspec

from live.events import Position
from live.protocol import (
    Ack,
    Batch,
    ClientFrame,
    Hello,
    ProblemFrame,
    Say,
    ServerFrame,
    Welcome,
    decode_server,
    encode,
)

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
AT_ONCE = 50
"""Handshakes under way at the same time when a crowd comes in without hurry."""
TRIES = 10


class Line(msgspec.Struct, frozen=True):
    """`sent`: seconds of the loop's clock, in lines that a crowd's own speaker said."""

    id: str = ""
    member_id: str = ""
    text: str = ""
    sent: float = 0.0


class Told(msgspec.Struct, frozen=True):
    """What is in a fact that a crowd's own speaker told."""

    n: int = 0
    sent: float = 0.0


class Heard(msgspec.Struct, frozen=True):
    frame: ServerFrame
    lines: Sequence[Line] = ()
    told: Sequence[Told] = ()


_line = msgspec.json.Decoder(Line)
_told = msgspec.json.Decoder(Told)


class Ear:
    """Decodes once what many seats hear: a room's frames are the same bytes for all."""

    def __init__(self) -> None:
        self._payload = b""
        self._heard: Heard | None = None

    def hear(self, payload: bytes) -> Heard:
        if self._heard is None or payload != self._payload:
            self._payload, self._heard = payload, _heard(decode_server(payload))
        return self._heard


def _heard(frame: ServerFrame) -> Heard:
    if not isinstance(frame, Batch):
        return Heard(frame)
    return Heard(
        frame, [_line.decode(line) for line in frame.talk], [_told.decode(f.data) for f in frame.facts]
    )


class NotLetIn(Exception):
    """The handshake was refused, or the connection ended before the welcome. `why`: the answer's first line, the close
    code, or "dropped"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros (RFC 6455, section 5.3, asks for a mask, and servers can't tell)."""
    if len(payload) < 126:
        return struct.pack("!BB4x", first, 0x80 | len(payload)) + payload
    if len(payload) < 65536:
        return struct.pack("!BBH4x", first, 0x80 | 126, len(payload)) + payload
    return struct.pack("!BBQ4x", first, 0x80 | 127, len(payload)) + payload


class Seat(asyncio.Protocol):
    """One viewer, who keeps `positions` from one connection to the next and counts the promises that were broken:
    facts `lost` and `doubled`. `on_heard` gets every frame and when it came."""

    def __init__(
        self, url: str, ear: Ear | None = None, on_heard: Callable[[Seat, Heard, float], None] | None = None
    ) -> None:
        self.url = url
        self.positions: dict[str, Position] = {}
        self.lost = 0
        self.doubled = 0
        self.snapshots = 0
        self.resumed = 0
        self.close_code: int | None = None
        self.gone = asyncio.Event()
        self._ear = ear or Ear()
        self._on_heard = on_heard
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._shaken = False
        self._welcome: asyncio.Future[Welcome] = self._loop.create_future()
        self._answer: asyncio.Future[Ack | ProblemFrame] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None

    # What a viewer does

    async def enter(self, receive_buffer: int | None = None) -> Welcome:
        """Connect and say hello with the positions known. `receive_buffer`: bytes that the kernel keeps for this
        viewer while it doesn't read. Raises NotLetIn, OSError."""
        self._buffer.clear()
        self._shaken, self.close_code = False, None
        self._welcome = self._loop.create_future()
        self.gone.clear()
        parts = urlsplit(self.url)
        raw = socket.socket()
        raw.setblocking(False)
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await self._loop.sock_connect(raw, (parts.hostname, parts.port))
        except BaseException:
            raw.close()
            raise
        transport, _ = await self._loop.create_connection(lambda: self, sock=raw)
        self._transport = transport
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        transport.write(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return await self._welcome

    def send(self, frame: ClientFrame) -> None:
        assert self._transport is not None
        self._transport.write(masked(TEXT, encode(frame)))

    async def say(self, text: str, ref: str = "c1") -> Ack | ProblemFrame:
        """The answer. One line at a time."""
        self._answer = self._loop.create_future()
        self.send(Say(ref, text))
        return await self._answer

    def stall(self) -> None:
        """Read nothing more; the kernel's buffers fill, and then the server's."""
        assert self._transport is not None
        self._transport.pause_reading()

    def read_on(self) -> None:
        assert self._transport is not None
        with suppress(RuntimeError):  # it is closing
            self._transport.resume_reading()

    def drop(self) -> None:
        """As a phone in a tunnel: no farewell."""
        if self._transport is not None:
            self._transport.abort()

    async def leave(self) -> None:
        if self._transport is not None and not self.gone.is_set():
            self.read_on()
            self._transport.write(masked(CLOSE, struct.pack("!H", 1000)))
            self._transport.close()
            await self.gone.wait()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport comes to `enter`, which waits for it."""

    def connection_lost(self, error: Exception | None) -> None:
        self.gone.set()
        if not self._welcome.done():
            self._welcome.set_exception(NotLetIn(str(self.close_code or "dropped")))
            self._welcome.exception()  # whoever was waiting may be gone, too

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._shaken:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                if not self._welcome.done():
                    self._welcome.set_exception(NotLetIn(head.split(b"\r\n")[0].decode()))
                self.drop()
                return
            self._buffer, self._shaken = rest, True
            self.send(Hello(1, {name: str(at) for name, at in self.positions.items()}))
        self._read_frames()

    def _read_frames(self) -> None:
        buffer, at, now = self._buffer, 0, self._loop.time()
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                start += 2
                length = int.from_bytes(buffer[at + 2 : start]) if len(buffer) >= start else len(buffer)
            elif length == 127:
                start += 8
                length = int.from_bytes(buffer[at + 2 : start]) if len(buffer) >= start else len(buffer)
            if len(buffer) < start + length:
                break
            first, payload = buffer[at], bytes(buffer[start : start + length])
            at = start + length
            self._take(first, payload, now)
        del buffer[:at]

    def _take(self, first: int, payload: bytes, now: float) -> None:
        assert self._transport is not None
        if first == TEXT:
            self._note(self._ear.hear(payload), now)
        elif first == PING:
            self._transport.write(masked(PONG, payload))
        elif first == CLOSE:
            self.close_code = int.from_bytes(payload[:2])
            self._transport.write(masked(CLOSE, payload[:2]))
            self._transport.close()

    def _note(self, heard: Heard, now: float) -> None:
        frame = heard.frame
        if isinstance(frame, Welcome):
            self._sit_down(frame)
        elif isinstance(frame, Batch):
            self._follow(frame)
        elif isinstance(frame, Ack | ProblemFrame) and not self._answer.done():
            self._answer.set_result(frame)
        if self._on_heard is not None:
            self._on_heard(self, heard, now)

    def _sit_down(self, welcome: Welcome) -> None:
        for topic, text in welcome.positions.items():
            if not welcome.resumed[topic] or topic not in self.positions:
                self.positions[topic] = Position.parse(text)
        self.snapshots += welcome.snapshot is not None
        self.resumed += welcome.snapshot is None
        if not self._welcome.done():
            self._welcome.set_result(welcome)

    def _follow(self, batch: Batch) -> None:
        known, stands_at = self.positions[batch.topic], Position.parse(batch.position)
        offset = known.offset if known.epoch == stands_at.epoch else 0
        for fact in batch.facts:
            self.doubled += fact.o <= offset
            self.lost += max(0, fact.o - offset - 1)
            offset = max(offset, fact.o)
        self.lost += max(0, stands_at.offset - offset)
        self.positions[batch.topic] = stands_at


async def enter_all(
    seats: Iterable[Seat], at_once: int = AT_ONCE, receive_buffer: int | None = None
) -> Counter[str]:
    """Whoever is not let in tries again after a moment, as a page does; answers why that was, and how often. Raises the
    NotLetIn of whoever tried TRIES times, and OSError."""
    places, turned_away = asyncio.Semaphore(at_once), Counter[str]()

    async def enter(seat: Seat) -> None:
        for tries in itertools.count(1):
            try:
                async with places:
                    await seat.enter(receive_buffer)
                return
            except NotLetIn as error:
                turned_away[error.why] += 1
                if tries == TRIES:
                    raise
            await asyncio.sleep(random.uniform(0.25, 0.5))

    async with asyncio.TaskGroup() as coming:
        for seat in seats:
            coming.create_task(enter(seat))
    return turned_away


async def leave_all(seats: Iterable[Seat]) -> None:
    await asyncio.gather(*(seat.leave() for seat in seats))


@asynccontextmanager
async def seated(seats: Sequence[Seat]) -> AsyncIterator[None]:
    """They come in, and whoever is there in the end is dropped: a server that stops would wait for those who stall."""
    try:
        await enter_all(seats)
        yield
    finally:
        for seat in seats:
            seat.drop()


async def steadily(
    per_s: float, over: float | Callable[[], bool], act: Callable[[int], Awaitable[object]]
) -> int:
    """Calls `act(0)`, `act(1)`, … at that rate, catching up after a delay, for so many seconds or until it is over;
    returns how often."""
    loop, done = asyncio.get_running_loop(), 0
    began = loop.time()
    while not (over() if callable(over) else loop.time() - began >= over):
        while done < (loop.time() - began) * per_s:
            await act(done)
            done += 1
        await asyncio.sleep(min(0.01, 1 / per_s))
    return done
