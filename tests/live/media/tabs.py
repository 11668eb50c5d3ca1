"""Chromium's tabs as the host and the viewers of a room: a real film as the camera, WHIP out, WHEP in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from litestar import MediaType, get
from playwright.async_api import BrowserContext, Page, async_playwright

from live.media.sessions import Scope
from tests.browser.browser import FLAGS, chromium_path
from tests.live.media.stage import TOKEN, Stage

PAGE = Path(__file__).with_name("page.html").read_text()
PATIENCE = 60.0  # seconds; a busy machine encodes 720p slowly


@get("/page", media_type=MediaType.HTML, sync_to_thread=False)
def page() -> str:
    return PAGE


@asynccontextmanager
async def chromium(profile: Path, camera: Path | None = None) -> AsyncIterator[BrowserContext]:
    """With a profile of its own, so that its tabs share one process tree that ends with it."""
    flags = ["--no-sandbox", *FLAGS]
    if camera is not None:
        flags.append(f"--use-file-for-fake-video-capture={camera}")
    async with async_playwright() as driver:
        context = await driver.chromium.launch_persistent_context(
            profile, executable_path=chromium_path(), args=flags
        )
        try:
            yield context
        finally:
            await context.close()


async def hosting(browser: BrowserContext, room: Stage, codec: str, *, port: int = 0) -> Page:
    """`port`: of a UDP proxy that its packets shall take instead of the node's own."""
    return await _opened(browser, room, "whip", codec=codec, port=port)


async def watching(
    browser: BrowserContext, room: Stage, *, port: int = 0, ice: dict[str, Any] | None = None
) -> Page:
    """`ice`: the configuration of the tab's RTCPeerConnection."""
    return await _opened(browser, room, "whep", port=port, ice=ice or {})


async def _opened(browser: BrowserContext, room: Stage, scope: Scope, **more: Any) -> Page:
    tab = await browser.new_page()
    await tab.goto(f"{room.base_url}/page")
    act = "publish" if scope == "whip" else "watch"
    await tab.evaluate(f"given => {act}(given)", {"url": room.url(scope, "r"), "token": TOKEN, **more})
    return tab


async def figures(tab: Page, type_: str) -> dict[str, Any]:
    """Its reports of this type, by kind."""
    found: dict[str, Any] = await tab.evaluate("type => figures(type)", type_)
    return found


async def reaches(tab: Page, type_: str, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The tab's figures once they are `good`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        now = await figures(tab, type_)
        if {"audio", "video"} <= now.keys() and good(now):
            return now
        assert time.monotonic() < deadline, now
        await asyncio.sleep(0.1)


async def more_frames(tab: Page, count: int) -> dict[str, Any]:
    before = await figures(tab, "inbound-rtp")
    wanted = before.get("video", {}).get("framesDecoded", 0) + count
    return await reaches(tab, "inbound-rtp", lambda now: now["video"]["framesDecoded"] >= wanted)


async def gaps(tab: Page) -> list[tuple[float, float]]:
    """Between the frames that a viewer's tab has shown: (when the later came, in ms of the page; how long it took)."""
    shown: list[float] = await tab.evaluate("shownAt")
    return [(after, after - before) for before, after in pairwise(shown)]
