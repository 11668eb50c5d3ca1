"""The room's WebSocket on a real server: uvicorn's insides that we touch, and what a network does to connections."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from litestar import Litestar, WebSocket, websocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from live.broker.redis import RedisBroker
from live.channel import Pace
from live.events import room_topic
from live.hub import Hub
from live.protocol import Ack, Batch, CloseCode, Hello, Ping, Pong, Say, Welcome, decode_server, encode
from live.session import serve
from live.wire import TRANSPORT, Frame
from server.rooms.transport import UVICORN
from tests.live.rooms import ROOM, Shop

Run = Callable[[Coroutine[Any, Any, None]], None]
PLAIN = {"ws": "websockets-sansio", "ws_max_size": UVICORN["ws_max_size"]}


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a scenario on one of the event loops that the product runs on."""
    started: Run = request.param
    return started


@asynccontextmanager
async def served(app: Any, **settings: Any) -> AsyncIterator[str]:
    chosen = {**UVICORN, **settings}
    config = uvicorn.Config(app, port=0, interface="asgi3", log_level="error", lifespan="off", **chosen)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


class House:
    """A hub and a shop behind a real server."""

    def __init__(self, redis_url: str, pace: Pace | None = None) -> None:
        self.broker = RedisBroker(redis_url)
        self.hub = Hub(self.broker, pace=pace)
        self.shop = Shop(self.broker)
        self.url = ""

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await serve(Asgi(scope, receive, send), self.hub, self.shop.desk(scope["path"].strip("/")))

    async def enter(self, member: str) -> ClientConnection:
        client = await connect(f"{self.url}/{member}", compression=None)
        await client.send(encode(Hello(1)).decode())
        assert isinstance(decode_server(await client.recv()), Welcome)
        return client


class Asgi:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope, self.receive, self.send = scope, receive, send


@asynccontextmanager
async def house(redis_url: str, pace: Pace | None = None, **settings: Any) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        made = House(redis_url, pace)
        stack.push_async_callback(made.broker.aclose)
        stack.push_async_callback(made.hub.stop)
        made.url = await stack.enter_async_context(served(made.app, **settings))
        yield made


async def hear(
    client: ClientConnection, kind: type, until: Callable[[Any], bool] = lambda frame: True
) -> Any:
    async with asyncio.timeout(10):
        while True:
            frame = decode_server(await client.recv())
            if isinstance(frame, kind) and until(frame):
                return frame


@pytest.mark.parametrize("length", [2, 125, 126, 65535, 65536])
def test_frames_written_to_the_transport_arrive_between_those_sent_by_asgi(run: Run, length: int) -> None:
    frame = Frame(b"a" * length)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        transport = scope["extensions"][TRANSPORT]
        assert transport.get_write_buffer_size() == 0
        assert not transport.is_closing()
        await send({"type": "websocket.send", "text": "before"})
        transport.write(frame.framed)
        await send({"type": "websocket.send", "text": "after"})
        await receive()

    async def scenario() -> None:
        async with served(app) as url, connect(url, compression=None) as client:
            assert [await client.recv() for _ in range(3)] == ["before", "a" * length, "after"]

    run(scenario())


def test_pings_and_pongs_pass_between_written_frames(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with house(redis_url, ws_ping_interval=0.05, ws_ping_timeout=2.0) as home:
            client = await home.enter("ann")
            for _ in range(10):
                await home.shop.happen()
                await (await client.ping())
            await hear(client, Batch, lambda frame: frame.position.endswith("-10"))
            await client.close()

    run(scenario())


@pytest.mark.parametrize("settings", [{}, PLAIN], ids=["transport", "asgi"])
def test_a_room_talks_over_a_real_socket(run: Run, redis_url: str, settings: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with house(redis_url, **settings) as home:
            ann, bob = await home.enter("ann"), await home.enter("bob")
            await ann.send(encode(Say("c1", "多少钱？")).decode())
            assert (await hear(ann, Ack)).id == "ann-c1"
            assert "多少钱？" in bytes((await hear(bob, Batch, lambda frame: frame.talk)).talk[0]).decode()
            await home.shop.happen(30)
            for client in (ann, bob):
                await hear(client, Batch, lambda frame: frame.position.endswith("-30"))
            await home.hub.stop()
            with pytest.raises(ConnectionClosed) as closed:
                await hear(ann, Pong)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.GOING_AWAY
            assert closed.value.rcvd.reason.startswith("going-away;retry_ms=")

    run(scenario())


@pytest.mark.parametrize("settings", [{}, PLAIN], ids=["transport", "asgi"])
def test_a_refusal_is_read_before_the_close(run: Run, redis_url: str, settings: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with house(redis_url, **settings) as home, connect(home.url, compression=None) as client:
            await client.send(encode(Ping()).decode())
            assert '"slug":"wrong-order"' in str(await client.recv())
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.HELLO_FIRST

    run(scenario())


def test_a_frame_beyond_sixteen_kilobytes_is_refused_while_it_is_read(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with house(redis_url) as home:
            ann = await home.enter("ann")
            await ann.send("x" * (16 * 1024 + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await hear(ann, Pong)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009

    run(scenario())


def test_bytes_that_are_no_text_end_the_connection_cleanly(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with house(redis_url) as home:
            for junk, code in ((b"\xff\xfe", CloseCode.BINARY), ("not utf-8", 1007)):
                ann = await home.enter("ann")
                if isinstance(junk, bytes):
                    await ann.send(junk)
                else:
                    await ann.send(b"\xff\xfe", text=True)
                with pytest.raises(ConnectionClosed) as closed:
                    await hear(ann, Pong)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == code

    run(scenario())


def test_clients_that_never_read_are_cut_and_nobody_waits_for_them(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with house(redis_url, Pace(talk_per_s=None)) as home:
            stalled = [await unread(home.url, f"s{n}") for n in range(5)]
            quick = await home.enter("quick")
            line = b'{"kind":"chat.said","id":"%d","text":"' + b"a" * 8000 + b'"}'
            worst, said = 0.0, 0
            while home.hub.stats.closed_slow < len(stalled):
                at = time.monotonic()
                await home.broker.say(room_topic(ROOM), [line % said])
                await hear(quick, Batch, lambda frame: len(frame.talk) > 0)
                worst, said = max(worst, time.monotonic() - at), said + 1
            assert said * len(line) < 1_000_000  # the kernel's buffers hide nobody for long
            assert len(home.hub.sessions) == 1
            assert worst < 3.0
            for raw in stalled:
                raw.close()
            await quick.close()

    run(scenario())


async def unread(url: str, member: str) -> socket.socket:
    """A client that says hello and then reads nothing, ever."""
    host, port = url.removeprefix("ws://").split(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, (host, int(port)))
    head = f"GET /{member} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    await loop.sock_sendall(raw, (head + key).encode())
    hello = encode(Hello(1))
    await loop.sock_recv(raw, 4096)
    await loop.sock_sendall(raw, struct.pack("!BB4x", 0x81, 0x80 | len(hello)) + hello)  # a mask of zeros
    return raw


def test_a_server_that_ends_tells_its_clients_when_to_come_back(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            home = House(redis_url)
            stack.push_async_callback(home.broker.aclose)
            async with served(home.app) as home.url:
                clients = [await home.enter(f"m{n}") for n in range(3)]
            for client in clients:
                with pytest.raises(ConnectionClosed) as closed:
                    await hear(client, Pong)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == CloseCode.GOING_AWAY
                assert closed.value.rcvd.reason.startswith("going-away;retry_ms=")
            assert not home.hub.sessions
            await home.hub.stop()

    run(scenario())


def test_a_litestar_handler_hands_its_socket_over(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            broker = RedisBroker(redis_url)
            stack.push_async_callback(broker.aclose)
            hub, shop = Hub(broker), Shop(broker)
            stack.push_async_callback(hub.stop)
            seen: list[bool] = []

            @websocket("/ws/rooms/{room:str}")
            async def handler(socket: WebSocket[Any, Any, Any]) -> None:
                seen.append(TRANSPORT in socket.scope["extensions"])  # type: ignore[operator]
                await serve(socket, hub, shop.desk(socket.path_params["room"]))

            url = await stack.enter_async_context(served(Litestar([handler])))
            client = await connect(f"{url}/ws/rooms/ann", compression=None)
            await client.send(encode(Hello(1)).decode())
            await hear(client, Welcome)
            await shop.happen()
            await hear(client, Batch)
            await client.send(b"\x00")
            with pytest.raises(ConnectionClosed) as closed:
                await hear(client, Pong)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.BINARY
            assert seen == [True]

    run(scenario())
