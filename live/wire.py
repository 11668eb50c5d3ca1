"""The last metre: frames written to one connection, within bounds.

A frame for a crowd is encoded and framed once (RFC 6455, section 5.2: server frames carry no mask, so the bytes are the
same for all) and written straight to each connection's transport, where the server hands it over in
`scope["extensions"]["showfloor.transport"]`. Elsewhere the same text goes through ASGI `send`, by a task of its own, so
that a client that doesn't read holds up nobody else.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from live.protocol import CloseCode

TRANSPORT = "showfloor.transport"
BUFFER = 64 * 1024
"""Bytes that may wait for one connection beyond the largest frame that it alone was sent."""
KERNEL_BUFFER = 32 * 1024
"""Asked of the kernel, which on Linux takes twice as much (socket(7)). Its own default grows to megabytes, which would
hide a slow reader for minutes."""
STUCK_S = 3.0
ALONE_WITHIN_S = 10.0
CLOSE_WITHIN_S = 1.0
LINGER_S = 3.0

Send = Callable[[Any], Awaitable[None]]


class Frame:
    """A text frame to write to any number of connections."""

    __slots__ = ("_text", "framed", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.framed = _header(len(payload)) + payload
        self._text: str | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.payload.decode()
        return self._text


def _header(length: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", 0x81, length)
    if length < 65536:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


class Slow(Exception):
    """The connection did not take a frame in time."""


class Wire(Protocol):
    def write(self, frame: Frame) -> bool:
        """At once, without waiting. False when the connection has too much waiting already: it gets no more frames,
        since a hole would follow. True for one that is closing, which learns of it elsewhere."""

    async def alone(self, frame: Frame) -> None:
        """Write what may be large, and wait for room first. Raises Slow."""

    def stuck(self, now: float) -> bool:
        """Whether something has been waiting for STUCK_S without any of it leaving. Asked about once a second."""

    async def close(self, code: CloseCode, reason: str) -> None:
        """Say why, if the peer still listens, and end the connection in any case."""

    def drop(self) -> None:
        """The peer is gone."""


def wire(scope: Mapping[str, Any], send: Send) -> Wire:
    transport = (scope.get("extensions") or {}).get(TRANSPORT)
    return TransportWire(transport, send) if transport is not None else AsgiWire(send)


class TransportWire:
    __slots__ = ("_least", "_limit", "_moved_at", "_send", "_transport")

    def __init__(self, transport: asyncio.Transport, send: Send) -> None:
        self._transport = transport
        self._send = send
        self._limit = BUFFER
        self._least = 0
        self._moved_at = asyncio.get_running_loop().time()
        with suppress(OSError, RuntimeError):  # it may be closed already
            transport.set_write_buffer_limits(high=BUFFER // 2)
            if (sock := transport.get_extra_info("socket")) is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)

    def write(self, frame: Frame) -> bool:
        transport = self._transport
        waiting = transport.get_write_buffer_size()
        if waiting and waiting + len(frame.framed) > self._limit:
            return transport.is_closing()
        if not transport.is_closing():
            transport.write(frame.framed)
        return True

    async def alone(self, frame: Frame) -> None:
        self._limit = max(self._limit, BUFFER + len(frame.framed))
        await _sent(self._send, frame)

    def stuck(self, now: float) -> bool:
        waiting = self._transport.get_write_buffer_size()
        if waiting == 0 or waiting < self._least:
            self._moved_at = now
        self._least = waiting
        return waiting > 0 and now - self._moved_at >= STUCK_S

    async def close(self, code: CloseCode, reason: str) -> None:
        with suppress(Exception):  # a peer that is gone or takes nothing: the connection ends without a word
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._send({"type": "websocket.close", "code": int(code), "reason": reason})
                asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
                return
        self._transport.abort()

    def drop(self) -> None:
        pass


class AsgiWire:
    __slots__ = ("_buffered", "_drained", "_gone", "_limit", "_moved_at", "_pump", "_queue", "_send", "_wake")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._limit = BUFFER
        self._queue: deque[Frame] = deque()
        self._buffered = 0
        self._gone = False
        self._moved_at = asyncio.get_running_loop().time()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._pump = asyncio.create_task(self._run())

    def write(self, frame: Frame) -> bool:
        if self._buffered and self._buffered + len(frame.payload) > self._limit:
            return self._gone
        self._put(frame)
        return True

    async def alone(self, frame: Frame) -> None:
        self._limit = max(self._limit, BUFFER + len(frame.payload))
        self._put(frame)
        try:
            async with asyncio.timeout(ALONE_WITHIN_S):
                await self._drained.wait()
        except TimeoutError as error:
            raise Slow() from error

    def stuck(self, now: float) -> bool:
        if self._buffered == 0:
            self._moved_at = now
        return now - self._moved_at >= STUCK_S

    async def close(self, code: CloseCode, reason: str) -> None:
        self._gone = True
        self._pump.cancel()
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._send({"type": "websocket.close", "code": int(code), "reason": reason})

    def drop(self) -> None:
        self._gone = True
        self._pump.cancel()

    def _put(self, frame: Frame) -> None:
        if self._gone:
            return
        self._queue.append(frame)
        self._buffered += len(frame.payload)
        self._drained.clear()
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._send({"type": "websocket.send", "text": self._queue[0].text})
                    self._buffered -= len(self._queue.popleft().payload)
                    self._moved_at = loop.time()
                self._drained.set()
        except Exception:  # the server's own way to say that the peer is gone
            self._gone = True
        finally:
            self._queue.clear()
            self._buffered = 0
            self._drained.set()


async def _sent(send: Send, frame: Frame) -> None:
    try:
        async with asyncio.timeout(ALONE_WITHIN_S):
            await send({"type": "websocket.send", "text": frame.text})
    except TimeoutError as error:
        raise Slow() from error
    except Exception:  # noqa: S110  the peer is gone: `receive` says so next
        pass
