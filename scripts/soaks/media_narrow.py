"""A host's upload becomes narrow for a while: its encoder backs off by what the node tells it, and comes back after.

Chromium hosts 720p of a real film; a proxy lets 600 kbit/s of it pass, behind a queue of 0.3 s, then everything.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from playwright.async_api import Page

from scripts.soaks.promises import Promises
from tests.browser.camera import make_camera
from tests.browser.proxies import UdpProxy
from tests.live.media.stage import stage
from tests.live.media.tabs import chromium, figures, gaps, hosting, more_frames, page, watching

WITHIN_S = (200, 600)
NARROW_KBPS = 600
AT_MOST_KBPS, WIDE_KBPS = 700, 1_500
RISES_WITHIN_S, FALLS_WITHIN_S = 60.0, 20.0
STAYS_S = 10.0
FREEZE_MS = 4_000.0


def run(promises: Promises, short: bool) -> None:
    asyncio.run(soak(promises, times=1 if short else 5))


async def soak(promises: Promises, times: int) -> None:
    with tempfile.TemporaryDirectory(prefix="showfloor-soak-") as name:
        folder = Path(name)
        async with (
            stage(folder, lambda: [page]) as room,
            chromium(folder / "profile", make_camera(folder)) as browser,
        ):
            with closing(UdpProxy(("127.0.0.1", 0), ("127.0.0.1", room.node.udp_port))) as line:
                host = await hosting(browser, room, "H264", port=line.port)
                viewer = await watching(browser, room)
                await more_frames(viewer, 30)
                await takes_s(host, lambda kbps: kbps > WIDE_KBPS, RISES_WITHIN_S)
                for _ in range(times):
                    await narrow(promises, host, line)
                shown = await gaps(viewer)
        longest = max(ms for _, ms in shown)
        promises.say(f"viewer: {len(shown):,} frames, longest gap {longest:.0f} ms")
        promises.count("media_narrow.viewer_plays_on", 1, longest > FREEZE_MS, longest)


async def narrow(promises: Promises, host: Page, line: UdpProxy) -> None:
    line.up.kbps = NARROW_KBPS
    fell_s = await takes_s(host, lambda kbps: kbps < AT_MOST_KBPS, FALLS_WITHIN_S)
    during = [await target_kbps(host)]
    for _ in range(round(STAYS_S)):
        await asyncio.sleep(1)
        during.append(await target_kbps(host))
    line.up.kbps = None
    rose_s = await takes_s(host, lambda kbps: kbps > WIDE_KBPS, RISES_WITHIN_S)
    promises.say(
        f"behind {NARROW_KBPS} kbit/s: below {AT_MOST_KBPS} after {told(fell_s)}, then {min(during):.0f} to "
        f"{max(during):.0f} kbit/s; past {WIDE_KBPS} {told(rose_s)} after it was wide again"
    )
    promises.count("media_narrow.host_backs_off_within_20_s", 1, fell_s is None)
    promises.count("media_narrow.host_comes_back_within_60_s", 1, rose_s is None)


def told(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


async def target_kbps(host: Page) -> float:
    return float((await figures(host, "outbound-rtp"))["video"]["targetBitrate"]) / 1000


async def takes_s(host: Page, good: Callable[[float], bool], within_s: float) -> float | None:
    """Until the host's target bitrate is `good`; None if it isn't in time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not good(await target_kbps(host)):
        if loop.time() - began > within_s:
            return None
        await asyncio.sleep(0.1)
    return loop.time() - began
