"""Clients that keep to nothing, against a running server's room: what they send, and whether it is answered as the
protocol says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.crowd.fuzz import Answer, Fuzz, answers_to, answers_to_first
from tests.crowd.seats import TEXT, masked

AT_ONCE = 8
A_CONNECTION = 36
"""Frames after hello: with it and the ping that ends them they stay within those that may come at once."""
HELLO = '{"type":"hello","v":1}'
PING = '{"type":"ping"}'


async def code_of(socket: ClientConnection) -> int | None:
    """What the server closes with. Reads on: a close comes behind whatever is on its way."""
    try:
        async with asyncio.timeout(10):
            while True:
                await socket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


class Strangers:
    """`wrong` lists what was not answered as the protocol says. They send no pings of their own: the library's would be
    a complaint of theirs, not the server's."""

    def __init__(self, room_url: str, tokens: Sequence[str]) -> None:
        self.wrong: list[str] = []
        self.sent = 0
        self._room = room_url
        self._tokens = itertools.cycle(tokens)

    def _address(self) -> str:
        return f"{self._room}?token={next(self._tokens)}"

    async def crowd_in(self, connections: int) -> None:
        """All at once, and out again: what the server keeps for a crowd (pools) is there afterwards."""

        async def come() -> None:
            async with connect(self._address(), compression=None, ping_interval=None) as socket:
                await socket.send(HELLO)
                await socket.recv()

        await asyncio.gather(*(come() for _ in range(connections)))

    async def send(self, frames: int, fuzz: Fuzz) -> None:
        goal = self.sent + frames

        async def some() -> None:
            while self.sent < goal:
                await self._converse([fuzz.frame() for _ in range(A_CONNECTION)])

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def _converse(self, texts: list[str]) -> None:
        answers, code, taken = answers_to([*texts, PING])
        self.sent += min(taken, len(texts))
        async with connect(self._address(), compression=None, ping_interval=None) as socket:
            await socket.send(HELLO)
            for one in [*texts, PING][:taken]:
                await socket.send(one)
            await self._check(socket, answers, code, texts)

    async def come_wrongly(self, connections: int, fuzz: Fuzz) -> None:
        async def some(count: int) -> None:
            for _ in range(count):
                first = fuzz.first()
                answer, code = answers_to_first(first)
                async with connect(self._address(), compression=None, ping_interval=None) as socket:
                    await socket.send(first)
                    await self._check(socket, [answer], code, [first], welcome=True)

        await asyncio.gather(*(some(connections // AT_ONCE) for _ in range(AT_ONCE)))

    async def _check(
        self,
        socket: ClientConnection,
        answers: list[Answer],
        code: int | None,
        texts: list[str],
        *,
        welcome: bool = False,
    ) -> None:
        passed_over = {"batch"} if welcome else {"batch", "welcome"}
        try:
            async with asyncio.timeout(20):
                for number, fits in enumerate(answers):
                    frame = msgspec.json.decode(await socket.recv())
                    while frame["type"] in passed_over:
                        frame = msgspec.json.decode(await socket.recv())
                    if not fits(frame):
                        self.wrong.append(f"answer {number} to {texts}: {frame}")
                        return
                if code is not None and (closed := await code_of(socket)) != code:
                    self.wrong.append(f"closed with {closed} and not {code}: {texts}")
        except (ConnectionClosed, TimeoutError) as error:
            self.wrong.append(f"{error!r}: {texts}")

    async def make_noise(self, connections: int, fuzz: Fuzz) -> None:
        """What no WebSocket client sends: the connection ends, at the latest when its client has gone."""
        parts = urlsplit(self._room)
        for number in range(connections):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            if number % 3:
                writer.write(
                    f"GET {parts.path}?token={next(self._tokens)} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
                )
                await reader.readuntil(b"\r\n\r\n")
            if number % 3 == 2:
                writer.write(masked(TEXT, HELLO.encode()))
            noise = [fuzz.noise() for _ in range(3)]
            try:
                writer.writelines(noise)
                writer.write_eof()
                async with asyncio.timeout(20):
                    await reader.read()
            except ConnectionError:
                pass  # that is an end, too
            except TimeoutError:
                self.wrong.append(f"goes on after {noise}")
            writer.close()
