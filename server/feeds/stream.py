"""A session told as server-sent events (HTML standard, section 9.2): each fact one event, whose id is its position.

Fan-out, resume and bounds are `live.session`'s, which takes an `EventSocket` for a WebSocket.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.types import Message, Receive, Scope, Send

from live.desk import Desk
from live.events import Position
from live.hub import Hub
from live.protocol import (
    VERSION,
    Batch,
    ClientFrame,
    CloseCode,
    Fact,
    Hello,
    Ping,
    Pong,
    ProblemFrame,
    ServerFrame,
    Welcome,
    decode_server,
    encode,
    retry_ms,
)
from live.session import serve
from live.wire import BUFFER, CLOSE_WITHIN_S, KERNEL_BUFFER, TRANSPORT
from server.feeds.transport import ENDING
from server.kit.problems import Unavailable, render

TOPIC = "feed"
RETRY_MS = 2000
HEARTBEAT_S = 15.0

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class EventStream(Response[str]):
    """`after`: the position up to which the reader knows everything, as it gave it. Whoever may not listen gets the
    refusal's own status."""

    def __init__(self, hub: Hub, desk: Desk, after: str | None) -> None:
        super().__init__("", media_type=HEADERS["Content-Type"])
        self._hub = hub
        self._desk = desk
        self._after = after

    def to_asgi_response(self, app: Any, request: Any, **_: Any) -> Any:
        return self._tell

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        reader = Reader(scope, receive, send)
        events = EventSocket(reader, self._after)
        try:
            await serve(events, self._hub, self._desk)
            if reader.begun:
                back_in_ms = retry_ms(len(self._hub.sessions))
                await reader.close(_farewell(CloseCode.GOING_AWAY.told(back_in_ms)))
            else:
                body = events.refused or Unavailable(retry_after_s=1).body()
                answer = render(body).to_asgi_response(app=None, request=Request(scope))
                await answer(scope, receive, send)
        finally:
            reader.forget()


class Reader:
    """The connection that an answer is written to, bit by bit."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extensions: Any = scope.get("extensions") or {}
        self.begun = False
        self._ended = False
        self._receive = receive
        self._send = send
        self._transport: asyncio.Transport | None = extensions.get(TRANSPORT)
        ending: asyncio.Event = extensions.get(ENDING) or asyncio.Event()
        self._gone = asyncio.create_task(self._disconnected())
        self._left = {self._gone, asyncio.create_task(ending.wait())}
        if self._transport is not None:
            _keep_little(self._transport)

    async def left(self, within: float) -> bool:
        """Whether the peer has gone, or this process ends."""
        done, _ = await asyncio.wait(self._left, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def write(self, text: str) -> None:
        if not self.begun:
            self.begun = True
            headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        if text:
            await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def end(self, text: str) -> None:
        if self.begun and not self._ended:
            await self._send({"type": "http.response.body", "body": text.encode(), "more_body": False})
            self._ended = True

    async def close(self, text: str) -> None:
        """Where nothing has closed it: this process ends, or the peer has gone and hears no farewell."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self.end(text)
        if not self._ended:
            await self.cut()

    async def cut(self) -> None:
        """Off, with whatever is waiting to be read."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()
            await asyncio.wait({self._gone}, timeout=CLOSE_WITHIN_S)

    def forget(self) -> None:
        for task in self._left:
            task.cancel()

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _keep_little(transport: asyncio.Transport) -> None:
    """As `live.wire` has it: what the kernel keeps would hide a slow reader."""
    with suppress(OSError, RuntimeError):  # it may be closed already
        transport.set_write_buffer_limits(high=BUFFER // 2)
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)


class EventSocket:
    """Says hello, listens, and now and then pings: the pong goes the way of all frames, so that a reader who takes
    nothing is found out also where nothing happens."""

    def __init__(self, reader: Reader, after: str | None) -> None:
        self.scope = {"type": "websocket"}
        self.refused: dict[str, Any] | None = None
        self._reader = reader
        self._resumes = after is not None
        self._at = _position(after)
        known = {TOPIC: str(self._at)} if self._at is not None else {}
        self._says = deque([{"type": "websocket.connect"}, _said(Hello(VERSION, known))])

    async def receive(self) -> Message | dict[str, Any]:
        if self._says:
            return self._says.popleft()
        if await self._reader.left(within=HEARTBEAT_S):
            return {"type": "websocket.disconnect"}
        return _said(Ping())

    async def send(self, message: Any) -> None:
        match message["type"]:
            case "websocket.send":
                await self._hear(decode_server(message["text"]))
            case "websocket.close" if message["code"] == CloseCode.SLOW:
                await self._reader.cut()
            case "websocket.close":
                await self._reader.end(_farewell(message["reason"]))

    async def _hear(self, frame: ServerFrame) -> None:
        match frame:
            case Welcome():
                await self._reader.write(self._greeting(frame))
            case Batch():
                events = (event(fact.kind, bytes(fact.data), at) for at, fact in numbered(self._at, frame))
                await self._reader.write("".join(events))
                self._at = Position.parse(frame.position)
            case Pong():
                await self._reader.write(":\n\n")
            case ProblemFrame(problem) if self._reader.begun:
                await self._reader.write(event("problem", msgspec.json.encode(problem)))
            case ProblemFrame(problem):
                self.refused = problem

    def _greeting(self, welcome: Welcome) -> str:
        """An id alone is no event, but the reader who drops out before the first one comes back to it."""
        self._at, begins = Position.parse(welcome.positions[TOPIC]), not self._reader.begun
        text = f"retry: {RETRY_MS}\nid: {self._at}\n\n" if begins else ""
        if welcome.resumed[TOPIC] or (begins and not self._resumes):
            return text
        data = msgspec.json.encode({"position": str(self._at), **welcome.snapshot})
        return text + event("reset", data, self._at)


def event(kind: str, data: bytes, at: Position | None = None) -> str:
    """`data` is one line of JSON."""
    known = f"id: {at}\n" if at is not None else ""
    return f"{known}event: {kind}\ndata: {data.decode()}\n\n"


def numbered(before: Position | None, batch: Batch) -> Iterator[tuple[Position, Fact]]:
    """A batch's position is its last fact's. When it is of another epoch than the one `before` the batch, facts count
    from 1 within it, and those that stand before its first are still the old one's."""
    last = Position.parse(batch.position)
    old = 0 if before is None or before.epoch == last.epoch else max(0, len(batch.facts) - last.offset)
    for place, fact in enumerate(batch.facts):
        epoch = before.epoch if before is not None and place < old else last.epoch
        yield Position(epoch, fact.o), fact


def _farewell(reason: str) -> str:
    """`going-away;retry_ms=830`"""
    why, _, retry_ms = reason.partition(";retry_ms=")
    return f": {why}\n" + (f"retry: {retry_ms}\n" if retry_ms else "") + "\n"


def _said(frame: ClientFrame) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": encode(frame).decode()}


def _position(text: str | None) -> Position | None:
    """None also for one that can't be read, which is answered like one that is too old."""
    try:
        return Position.parse(text) if text is not None else None
    except ValueError:
        return None
