"""The worker's look at a media node, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from live.events import Position, room_topic
from live.media.health import Health
from live.media.node import Figures, MediaNode
from server.rooms.media_node import MediaReport, create_media_app
from server.rooms.media_watch import watch_media
from tests.live.media.offers import BROWSER_OFFER, PLAYER_OFFER
from tests.live.media.stage import served
from tests.server.rooms.stage import settings_for


class Node:
    """Answers `GET /rooms` as the media role does."""

    def __init__(self) -> None:
        counts = dict.fromkeys(Figures.__struct_fields__, 0)
        self.report = MediaReport(Figures(**{**counts, "draining": False, "accelerated": False}), {})
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = await reader.readuntil(b"\r\n\r\n")
            body = b"[]" if b"/viewers " in asked else msgspec.json.encode(self.report)
            writer.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
            writer.close()
            self.asked.set()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            yield f"{host}:{port}"


async def test_of_two_workers_one_tells_the_room_that_its_picture_plays(stage, broker, redis_url):
    node, stop = Node(), asyncio.Event()
    topic = room_topic(stage.room_id)
    node.report = MediaReport(node.report.node, {str(stage.room_id): Health(state="playing", viewers=1)})
    before = await broker.tail(topic)
    async with node.serving() as address:
        settings = settings_for(stage.database, redis_url, media_http=address)
        workers = [asyncio.create_task(watch_media(settings, stage.database, broker, stop)) for _ in range(2)]
        for _ in range(2):
            node.asked.clear()
            await asyncio.wait_for(node.asked.wait(), 20)
        stop.set()
        await asyncio.gather(*workers)
    facts = (await broker.since(topic, Position(before.epoch, 0))).events
    assert [(fact.kind, msgspec.json.decode(fact.data)) for fact in facts] == [
        ("media.state", {"state": "playing"})
    ]


async def test_an_ended_rooms_host_and_viewers_are_sent_away_from_the_node(stage, broker, redis_url):
    ended, going_on = await stage.room(state="ended"), str(stage.room_id)
    stop = asyncio.Event()
    media_app = create_media_app(settings_for(stage.database, redis_url))
    async with served(media_app) as address:
        node: MediaNode = media_app.state.node
        for room_id in (str(ended), going_on):
            await node.publish(room_id, BROWSER_OFFER)
            await node.play(room_id, PLAYER_OFFER)
        settings = settings_for(stage.database, redis_url, media_http=address)
        worker = asyncio.create_task(watch_media(settings, stage.database, broker, stop))
        async with asyncio.timeout(20):
            while str(ended) in node.rooms():
                await asyncio.sleep(0.01)
        assert list(node.rooms()) == [going_on]
        assert node.figures().agents == 2
        stop.set()
        await worker


async def test_a_worker_that_ends_leaves_the_watch_to_the_next(stage, broker, redis_url):
    node = Node()
    async with node.serving() as address:
        settings = settings_for(stage.database, redis_url, media_http=address)
        for _ in range(2):
            stop = asyncio.Event()
            node.asked.clear()
            worker = asyncio.create_task(watch_media(settings, stage.database, broker, stop))
            await asyncio.wait_for(node.asked.wait(), 20)
            stop.set()
            await worker
