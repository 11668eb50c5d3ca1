"""A real Chromium, a real film as its camera: publishes by WHIP, plays by WHEP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page

from live.media.clip import published
from tests.browser.camera import make_camera
from tests.browser.proxies import UdpProxy
from tests.live.media.players import make_clapping_clip
from tests.live.media.stage import Stage, stage
from tests.live.media.tabs import PATIENCE, chromium, gaps, hosting, more_frames, page, reaches, watching

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_camera(tmp_path_factory.mktemp("camera"))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, lambda: [page]) as running:
        yield running


@pytest.fixture
async def browser(camera: Path, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    async with chromium(tmp_path / "profile", camera) as context:
        yield context


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_chromium_sends_a_sharp_picture_and_another_tab_plays_it(room, browser, codec):
    host = await hosting(browser, room, codec)
    viewer = await watching(browser, room)
    await viewer.wait_for_function("window.firstFrameAfter", timeout=PATIENCE * 1000)
    print(f"\n{codec}: first frame after {await viewer.evaluate('window.firstFrameAfter'):.0f} ms")
    played = await more_frames(viewer, 30)
    assert (played["video"]["frameWidth"], played["video"]["frameHeight"]) == (1280, 720)
    assert played["video"]["packetsLost"] == 0
    await reaches(viewer, "inbound-rtp", lambda now: now["audio"]["totalAudioEnergy"] > 0)
    sent = await reaches(host, "outbound-rtp", lambda now: now["video"]["targetBitrate"] >= 2_000_000)
    assert (sent["video"]["frameWidth"], sent["video"]["frameHeight"]) == (1280, 720)
    assert room.node.rooms()["r"].codec == codec


async def test_viewer_plays_on_when_the_host_reloads_and_when_another_takes_over(room, browser):
    host = await hosting(browser, room, "H264")
    viewer = await watching(browser, room)
    await more_frames(viewer, 15)
    await host.close()
    deadline = time.monotonic() + PATIENCE
    while room.node.rooms()["r"].state != "away":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    again = await hosting(browser, room, "H264")
    await more_frames(viewer, 30)
    await hosting(browser, room, "VP8")
    played = await more_frames(viewer, 30)
    assert played["video"]["packetsLost"] == 0
    await again.wait_for_function(
        "connection.getSenders()[0].transport.state === 'closed'", timeout=PATIENCE * 1000
    )
    assert room.node.figures().hosts == 1


async def test_viewer_whose_network_changes_plays_on_without_a_reload(room, browser, client, small_clip):
    with closing(UdpProxy(("127.0.0.1", 0), ("127.0.0.1", room.node.udp_port))) as proxy:
        async with published(client, room.url("whip", "r"), small_clip):
            viewer = await watching(browser, room, port=proxy.port)
            for source in ("127.0.0.1", "127.0.0.2"):
                await more_frames(viewer, 15)
                proxy.move(source)
                await more_frames(viewer, 30)
            assert "127.0.0.2" in {agent.address[0] for agent in room.node.mux.agents}
            assert room.node.figures().joins == 2
            assert max(ms for _, ms in await gaps(viewer)) < 8_000


async def test_lips_and_voice_are_together_for_the_viewer(room, browser, client, tmp_path):
    clip = make_clapping_clip(tmp_path / "claps.mkv")
    async with published(client, room.url("whip", "r"), clip):
        viewer = await watching(browser, room)
        await more_frames(viewer, 15)
        await viewer.evaluate("listenForClaps()")
        deadline = time.monotonic() + PATIENCE
        while (apart := await apart_ms(viewer)) is None or apart > 80:
            assert time.monotonic() < deadline, apart
            await asyncio.sleep(0.1)


async def apart_ms(viewer: Page) -> float | None:
    """How far flash and beep of the last two claps are from each other, once there were two. Browsers bring them
    together in steps."""
    flashes, beeps = await viewer.evaluate("[flashes, beeps]")
    if min(len(flashes), len(beeps)) < 2:
        return None
    return max(min(abs(flash - beep) for beep in beeps) for flash in flashes[-2:])
