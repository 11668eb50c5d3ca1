from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import psutil
import pytest

from live.broker.redis import RedisBroker
from live.events import Position, RoomEvent, feed_topic
from live.protocol import Batch, Fact
from live.room import Pause, Resume
from server.feeds import stream
from server.kit.ids import uuid7
from tests.live.servers import lose_everything, written_through
from tests.server.feeds.show import Event, Show, numbers, told
from tests.server.rooms.floor import open_floor

KINDS = {
    *("chat.said", "chat.deleted", "chat.restored", "viewer.entered", "tip.given"),
    *("order.paid", "order.refunded", "room.state"),
}


def is_live(event: Event) -> bool:
    return event.kind == "room.state" and event.data["state"] == "live"


def is_live_again(frame) -> bool:
    return any(
        fact["kind"] == "room.state" and fact["data"]["state"] == "live" for fact in frame.get("facts", ())
    )


async def test_every_kind_arrives_once_and_in_order_on_both_roads_while_two_hundred_lines_a_second_are_said(
    show: Show,
) -> None:
    token = await show.token()
    async with show.stream(token) as events, show.socket(token) as tool:
        await tool.hello()
        (first,) = await show.talk(1, 200)
        _, ids = await asyncio.gather(show.everything_else(first), show.talk(600, 200))
        await show.direct(Pause())
        await show.direct(Resume())
        recorded = await show.recorded()
        last = recorded[-1][1]["at"]
        await events.until(lambda event: is_live(event) and event.data["at"] == last)
        await tool.until(lambda frame: any(f["data"].get("at") == last for f in frame.get("facts", ())))
        assert events.told == told(tool)
    # Transactions that commit at the same moment may be told in either order.
    assert sorted(map(repr, events.told)) == sorted(map(repr, recorded))
    assert {kind for kind, _ in recorded} == KINDS
    assert [line["id"] for kind, data in events.told if kind == "chat.said" for line in data["lines"]] == [
        str(message_id) for message_id in (first, *ids)
    ]
    assert numbers(tool) == list(range(1, len(recorded) + 1))
    assert [Position.parse(event.id).offset for event in events.heard] == numbers(tool)


async def test_nothing_personal_but_ids_and_names_and_what_was_said_is_told(show: Show) -> None:
    token = await show.token()
    (first,) = await show.talk(1, 200)
    async with show.stream(token) as events:
        await show.everything_else(first)
        await events.until(is_live)
    fields = {name for event in events.heard for name in event.data}
    assert not fields & {"phone", "delivery", "tags", "device", "balance_minor"}


async def test_whoever_drops_out_comes_back_to_exactly_what_was_missed(show: Show) -> None:
    token = await show.token()
    heard, ids = [], []
    async with show.stream(token) as events:
        at = events.last_id
    for n in range(3):
        await show.talk(5 + n, 500)
        await show.direct(Pause())
        async with show.stream(token, after=at) as events:
            await show.talk(5, 500)
            await show.direct(Resume())
            await events.until(is_live)
        assert "reset" not in {event.kind for event in events.heard}
        heard += events.told
        ids += [event.id for event in events.heard]
        at = events.last_id
    assert heard == await show.recorded()
    assert len(set(ids)) == len(ids)


async def test_a_socket_that_drops_out_comes_back_to_exactly_what_was_missed(show: Show) -> None:
    token = await show.token()
    async with show.socket(token) as tool:
        welcome = await tool.hello()
        assert set(welcome["positions"]) == {"feed"}
        assert welcome["snapshot"]["room"]["title"] == "Spring tea"
        at = welcome["positions"]["feed"]
    await show.talk(20, 500)
    await show.direct(Pause())
    async with show.socket(token) as tool:
        assert (await tool.hello(feed=at))["resumed"] == {"feed": True}
        await show.direct(Resume())
        await tool.until(is_live_again)
        assert told(tool) == await show.recorded()
        await tool.send(type="say", ref="c1", text="hm")
        assert (await tool.answer("c1"))["problem"]["slug"] == "forbidden"


@pytest.mark.parametrize("after", ["1-1", "nonsense", "9" * 100, "999999999999999-999999999999999"])
async def test_whom_no_position_brings_back_is_told_where_it_stands(show: Show, after: str) -> None:
    token = await show.token()
    async with show.stream(token) as events:
        await show.talk(1, 500)
        await events.until(lambda event: event.kind == "chat.said")
    for path, header in ((None, after), (f"{show.path}?after={after}", None)):
        async with show.stream(token, after=header, path=path) as events:
            reset = await events.until(lambda event: event.kind == "reset")
            assert reset.data["position"] == reset.id == events.last_id
            assert reset.data["room"]["state"] == "live"
            await show.direct(Pause())
            await show.direct(Resume())
            await events.until(is_live)
            assert [event.kind for event in events.heard] == ["reset", "room.state", "room.state"]


async def test_a_newcomer_hears_no_event_but_knows_where_to_come_back_to(show: Show) -> None:
    async with show.stream(await show.token()) as events:
        assert events.heard == []
        assert Position.parse(events.last_id)
        assert events.retry_ms > 0
        assert events.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"


async def test_the_header_stands_before_the_address_as_when_a_browser_comes_back(show: Show) -> None:
    token = await show.token()
    async with show.stream(token) as events:
        at = events.last_id
    await show.direct(Pause())
    async with show.stream(token, after=at, path=f"{show.path}?after=1-1") as events:
        assert (await events.until(lambda event: True)).kind == "room.state"


async def test_a_quiet_stream_shows_that_it_lives(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    async with show.stream(await show.token()) as events:
        async with asyncio.timeout(20):
            while len(events.comments) < 3:
                await events.read()
        assert events.heard == []


async def test_facts_keep_their_numbers_where_one_epoch_ends_and_the_next_begins() -> None:
    def ids(before: str, position: str, *numbered: int) -> list[str]:
        batch = Batch("feed", position, [Fact(o, "room.state", None) for o in numbered], [])
        return [str(at) for at, _ in stream.numbered(Position.parse(before), batch)]

    assert ids("7-3", "7-5", 4, 5) == ["7-4", "7-5"]
    assert ids("7-3", "9-2", 4, 5, 1, 2) == ["7-4", "7-5", "9-1", "9-2"]
    assert ids("7-0", "9-1", 1) == ["9-1"]
    assert ids("7-0", "9-1", 1, 1) == ["7-1", "9-1"]
    assert ids("7-3", "9-40", 39, 40) == ["9-39", "9-40"]


async def test_a_server_that_is_lost_with_what_it_knew_is_told_in_the_stream_which_goes_on(
    stage, valkey_server
) -> None:
    server = written_through(valkey_server())
    async with open_floor(stage, server.url) as floor:
        show = Show(floor)
        async with show.stream(await show.token()) as events:
            await show.direct(Pause())
            await events.until(lambda event: event.kind == "room.state")
            lose_everything(server)
            await asyncio.to_thread(server.start)
            reset = await events.until(lambda event: event.kind == "reset")
            await show.direct(Resume())
            after = await events.until(lambda event: is_live(event) and event.id != reset.id)
            assert Position.parse(after.id) > Position.parse(reset.data["position"])


# A reader who takes nothing, one who leaves, and the end of the process


async def stalled(show: Show, token: str) -> socket.socket:
    """A reader that asks, and reads no further than the greeting."""
    loop = asyncio.get_running_loop()
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    await loop.sock_connect(reader, ("127.0.0.1", show.floor.settings.port))
    asked = f"GET {show.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    await loop.sock_sendall(reader, asked.encode())
    greeting = b""
    while b"id: " not in greeting:
        greeting += await loop.sock_recv(reader, 4096)
    return reader


def connections(port: int) -> int:
    """Of this process's server."""
    return sum(
        one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED
        for one in psutil.Process().net_connections("tcp")
    )


async def everything(reader: socket.socket) -> bytes:
    loop, found = asyncio.get_running_loop(), b""
    try:
        while piece := await loop.sock_recv(reader, 65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


async def test_a_reader_who_takes_nothing_is_cut_off_and_costs_no_more_than_its_buffers(show: Show) -> None:
    token, port = await show.token(), show.floor.settings.port
    await show.floor.web.aclose()  # its own connection
    reader = await stalled(show, token)
    assert connections(port) == 1
    broker, topic, written = RedisBroker(show.floor.settings.redis_url), feed_topic(show.stage.room_id), 0
    async with asyncio.timeout(20):
        while connections(port) or written < 2_000_000:
            events = [
                RoomEvent(topic, "chat.said", {"lines": ["x" * 20_000]}, str(uuid7())) for _ in range(2)
            ]
            await broker.append(events)
            written += 40_000
            await asyncio.sleep(0.05)
    await broker.aclose()
    kept = await everything(reader)
    reader.close()
    assert len(kept) < 500_000
    assert not kept.endswith(b"0\r\n\r\n")


async def test_a_reader_who_leaves_is_forgotten(show: Show) -> None:
    token, port = await show.token(), show.floor.settings.port
    await show.floor.web.aclose()
    reader = await stalled(show, token)
    reader.close()
    async with asyncio.timeout(20):
        while connections(port):
            await asyncio.sleep(0.01)


async def test_a_stream_ends_in_order_with_its_process(stage, redis_url) -> None:
    running = AsyncExitStack()
    floor = await running.enter_async_context(open_floor(stage, redis_url))
    async with httpx.AsyncClient(base_url=floor.settings.base_url) as outside:
        show = Show(replace(floor, web=outside))
        async with show.stream(await show.token()) as events, asyncio.timeout(3):
            stopped = asyncio.create_task(running.aclose())
            await events.to_the_end()
            await stopped
    assert events.comments[-1] == "going-away"
    assert events.retry_ms >= 100
