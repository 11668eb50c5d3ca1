"""End to end in one process: real hosts and viewers over real sockets."""

from __future__ import annotations

import asyncio
import gc
import random
import struct
import weakref
from contextlib import AsyncExitStack

import pytest

from live.media.clip import published
from live.media.errors import Busy, Draining, MediaError, UnknownResource
from live.media.ingest import Ingest
from live.media.sessions import MOST
from tests.live.media.junk import mutated_offer
from tests.live.media.offers import BROWSER_OFFER, PLAYER_OFFER
from tests.live.media.players import player


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def watches(show, client, room_id="r"):
    async def signal(offer: str) -> str:
        headers = {"Content-Type": "application/sdp"}
        response = await client.post(show.url("whep", room_id), content=offer, headers=headers)
        assert response.status_code == 201, response.text
        return response.text

    return player(signal)


async def test_host_by_whip_and_viewers_by_whep_see_each_other(show, client, small_clip):
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(published(client, show.url("whip", "r"), small_clip))
        viewers = [await stack.enter_async_context(watches(show, client)) for _ in range(4)]
        await asyncio.gather(*(viewer.receives(30) for viewer in viewers))
        await asyncio.gather(*(viewer.receives(10, "audio") for viewer in viewers))
        picture = await viewers[0].frame()
        assert (picture.width, picture.height) == (320, 180)
        assert (await viewers[0].frame("audio")).sample_rate == 48000
        health = show.node.rooms()["r"]
        assert (health.state, health.viewers, health.codec) == ("playing", 4, "H264")
    await until(lambda: show.node.figures().rooms == 0)
    assert show.node.figures().agents == 0


async def test_viewer_that_comes_before_the_host_sees_it_when_it_comes(show, client, small_clip):
    async with watches(show, client) as viewer:
        await until(lambda: show.node.figures().viewers == 1)
        assert show.node.rooms()["r"].state == "away"
        async with published(client, show.url("whip", "r"), small_clip):
            await viewer.frame()


async def test_host_returns_and_the_viewers_stream_goes_on_unbroken(show, client, small_clip):
    async with watches(show, client) as viewer:
        async with published(client, show.url("whip", "r"), small_clip):
            await viewer.receives(40)
        await until(lambda: show.node.rooms()["r"].state == "away")
        async with published(client, show.url("whip", "r"), small_clip):
            await viewer.receives(40)
            await viewer.frame()
        streams = [
            report
            for report in (await viewer.connection.getStats()).values()
            if report.type == "inbound-rtp" and report.kind == "video"
        ]
        assert len(streams) == 1
        assert streams[0].packetsLost == 0


async def test_second_host_takes_the_room_and_the_first_learns_why(show, client, small_clip):
    url = show.url("whip", "r")
    async with watches(show, client) as viewer:
        async with published(client, url, small_clip) as first:
            await viewer.receives(20)
            async with published(client, url, small_clip) as second:
                async with asyncio.timeout(10):
                    await first.ended.wait()
                await viewer.receives(20)
                assert show.node.figures().hosts == 1
        assert first.replaced
        assert not second.replaced


async def test_host_whose_take_over_fails_leaves_the_room_to_the_next(show, client, small_clip, monkeypatch):
    def broken(_):
        monkeypatch.undo()
        raise struct.error

    monkeypatch.setattr(Ingest, "begin", broken)
    url = show.url("whip", "r")
    async with published(client, url, small_clip) as failed:
        async with asyncio.timeout(10):
            await failed.ended.wait()
        assert (show.node.figures().hosts, show.node.figures().rooms) == (0, 0)
    async with published(client, url, small_clip), watches(show, client) as viewer:
        await viewer.receives(10)


async def test_crowd_that_never_connects_keeps_no_host_out(node, monkeypatch):
    monkeypatch.setitem(MOST, "whep", (4, 2))
    for _ in range(2):
        await node.play("r", PLAYER_OFFER)
    with pytest.raises(Busy):
        await node.play("r", PLAYER_OFFER)
    await node.publish("r", BROWSER_OFFER)


async def test_cleared_room_sends_its_host_and_viewers_away_and_no_others(node):
    for room_id in ("r", "other"):
        await node.publish(room_id, BROWSER_OFFER)
        await node.play(room_id, PLAYER_OFFER)
    await node.clear("r")
    assert list(node.rooms()) == ["other"]
    assert node.figures().agents == 2


async def test_viewer_that_vanishes_is_cleaned_away(node):
    async def signal(offer: str) -> str:
        return (await node.play("r", offer)).answer

    async with player(signal) as viewer:
        await until(lambda: node.figures().viewers == 1)
        await viewer.vanish()
        await until(lambda: node.figures().agents == 0)
    figures = node.figures()
    assert (figures.rooms, figures.viewers, figures.connecting) == (0, 0, 0)
    assert node.mux.by_address == {}


async def test_viewer_that_says_goodbye_is_gone_at_once(node):
    async def signal(offer: str) -> str:
        return (await node.play("r", offer)).answer

    async with player(signal) as viewer:
        await until(lambda: node.figures().viewers == 1 and viewer.connection.connectionState == "connected")
    async with asyncio.timeout(0.5):
        while node.figures().rooms:
            await asyncio.sleep(0.01)


async def test_ended_viewer_is_freed_at_once_without_the_collector(node):
    resources = []

    async def signal(offer: str) -> str:
        resources.append(await node.play("r", offer))
        return resources[0].answer

    async with player(signal):
        await until(lambda: node.figures().viewers == 1)
        peer = weakref.ref(node._sessions.get(resources[0].id).peer)
        gc.disable()
        try:
            await node.close(resources[0].id)
            await asyncio.sleep(0)
            assert peer() is None
        finally:
            gc.enable()


async def test_offer_that_nobody_follows_up_is_cleaned_away(node):
    await node.play("r", PLAYER_OFFER)
    await node.publish("r", BROWSER_OFFER)
    assert node.figures().agents == 2
    await until(lambda: node.figures().rooms == 0)
    assert (node.figures().agents, node.figures().connecting) == (0, 0)
    assert node.figures().failed == 2


async def test_closing_before_the_connection_stands_leaves_nothing(node):
    resource = await node.publish("r", BROWSER_OFFER)
    await node.close(resource.id)
    assert (node.figures().agents, node.figures().rooms, node.figures().connecting) == (0, 0, 0)
    with pytest.raises(UnknownResource):
        await node.close(resource.id)


async def test_mutated_offers_leave_no_connection_behind(node):
    rng = random.Random(11)
    statuses = set()
    for number in range(400):
        text = mutated_offer(rng, (BROWSER_OFFER, PLAYER_OFFER)[number % 2])
        try:
            resource = await (node.publish, node.play)[number % 2]("r", text)
            await node.close(resource.id)
        except MediaError as error:
            statuses.add(error.status)
    figures = node.figures()
    assert statuses == {400, 406}
    assert (figures.rooms, figures.agents, figures.connecting, figures.viewers) == (0, 0, 0, 0)


async def test_answer_that_fails_leaves_no_connection_behind(node, monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("live.media.answer.write", broken)
    with pytest.raises(RuntimeError):
        await node.play("r", PLAYER_OFFER)
    assert (node.figures().agents, node.figures().rooms, node.figures().connecting) == (0, 0, 0)


async def test_draining_node_takes_no_new_room_and_keeps_those_it_has(node):
    await node.play("here", PLAYER_OFFER)
    node.drain()
    await node.play("here", PLAYER_OFFER)
    with pytest.raises(Draining):
        await node.publish("new", BROWSER_OFFER)
    assert node.figures().draining


async def test_stopping_ends_every_session(show, client, small_clip):
    async with (
        published(client, show.url("whip", "r"), small_clip) as host,
        watches(show, client) as viewer,
    ):
        await viewer.receives(5)
        await show.node.stop()
        async with asyncio.timeout(20):
            await host.ended.wait()
    await show.node.stop()


async def test_ids_are_past_guessing_and_tags_new_for_each_session(node):
    resources = [await node.play("r", PLAYER_OFFER) for _ in range(3)]
    assert len({resource.id for resource in resources} | {resource.etag for resource in resources}) == 6
    assert all(len(resource.id) >= 32 for resource in resources)
