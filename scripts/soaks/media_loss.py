"""A viewer's line loses packets both ways: it plays on without a freeze, and the viewer beside it notices nothing.

Chromium plays real 720p at 1.3 Mbit/s. A freeze is counted by the frames that the page was shown.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.async_api import Page

from live.media.clip import Clip, published
from scripts.benches.media_clip import encoded
from scripts.soaks.promises import Promises
from tests.browser.proxies import UdpProxy
from tests.live.media.stage import TOKEN, Stage, stage
from tests.live.media.tabs import chromium, figures, gaps, more_frames, page, watching

WITHIN_S = (150, 300)
FREEZE_MS = 1_000.0
LAST_S = 10
MOST_KEYFRAMES_ASKED = 2
"""Of the host, on behalf of everybody: what a viewer lost is sent to it again."""


def run(promises: Promises, short: bool) -> None:
    asyncio.run(soak(promises, seconds=20.0 if short else 60.0))


@dataclass(frozen=True)
class Seen:
    """Of one viewer, in one run. `gaps_ms`: between the frames that it was shown, and `last_s_with` of the last seconds
    had some."""

    gaps_ms: list[float]
    last_s_with: int
    frames: int
    nacks: int
    plis: int
    lost: int
    freezes: int

    @property
    def long_freezes(self) -> int:
        return sum(ms > FREEZE_MS for ms in self.gaps_ms)

    def __str__(self) -> str:
        return (
            f"longest gap {max(self.gaps_ms):.0f} ms, {self.frames:,} frames decoded, {self.freezes} short freezes, "
            f"{self.nacks} NACKs, {self.plis} PLIs, {self.lost} packets lost before repair"
        )


class Watch:
    """Begins with its making."""

    def __init__(self, tab: Page, began_ms: float, before: dict[str, int]) -> None:
        self._tab, self._began_ms, self._before = tab, began_ms, before

    @classmethod
    async def begin(cls, tab: Page) -> Watch:
        return cls(tab, await tab.evaluate("performance.now()"), (await figures(tab, "inbound-rtp"))["video"])

    async def seen(self) -> Seen:
        ended_ms: float = await self._tab.evaluate("performance.now()")
        after = (await figures(self._tab, "inbound-rtp"))["video"]
        shown = [(at, ms) for at, ms in await gaps(self._tab) if at > self._began_ms]
        still_ms = ended_ms - shown[-1][0] if shown else ended_ms - self._began_ms
        return Seen(
            gaps_ms=[*(ms for _, ms in shown), still_ms],
            last_s_with=len({int((ended_ms - at) / 1000) for at, _ in shown} & set(range(LAST_S))),
            frames=after["framesDecoded"] - self._before["framesDecoded"],
            nacks=after["nackCount"] - self._before["nackCount"],
            plis=after["pliCount"] - self._before["pliCount"],
            lost=after["packetsLost"] - self._before["packetsLost"],
            freezes=after["freezeCount"] - self._before["freezeCount"],
        )


async def soak(promises: Promises, seconds: float) -> None:
    clip = Clip.load(encoded())
    with tempfile.TemporaryDirectory(prefix="showfloor-soak-") as name:
        async with (
            stage(Path(name), lambda: [page]) as room,
            chromium(Path(name) / "profile") as browser,
            httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10) as client,
            published(client, room.url("whip", "r"), clip),
        ):
            with closing(UdpProxy(("127.0.0.1", 0), ("127.0.0.1", room.node.udp_port))) as line:
                lossy, beside = await watching(browser, room, port=line.port), await watching(browser, room)
                for tab in (lossy, beside):
                    await more_frames(tab, 60)
                for loss in (0.02, 0.05):
                    await lose(promises, room, line, loss, (lossy, beside), seconds)


async def lose(
    promises: Promises, room: Stage, line: UdpProxy, loss: float, tabs: tuple[Page, Page], seconds: float
) -> None:
    line.up.loss = line.down.loss = loss
    asked, dropped = keyframes_asked(room), line.lost
    watches = [await Watch.begin(tab) for tab in tabs]
    await asyncio.sleep(seconds)
    lossy, beside = [await watch.seen() for watch in watches]
    asked, dropped = keyframes_asked(room) - asked, line.lost - dropped
    promises.say(f"{loss:.0%} loss, {dropped} datagrams in {seconds:.0f} s: {lossy}")
    promises.say(f"beside it: {beside}; {asked} keyframes asked of the host")
    if loss <= 0.02:
        promises.count("media_loss.no_freeze_over_1_s_at_2_percent", len(lossy.gaps_ms), lossy.long_freezes)
    promises.count("media_loss.plays_to_the_end", LAST_S, LAST_S - lossy.last_s_with)
    promises.count("media_loss.viewer_beside_has_no_freeze", len(beside.gaps_ms), beside.long_freezes)
    promises.count("media_loss.viewer_beside_loses_nothing", beside.frames, beside.lost + beside.nacks)
    promises.count("media_loss.host_is_left_alone", 1, asked > MOST_KEYFRAMES_ASKED, asked)


def keyframes_asked(room: Stage) -> int:
    ingest = room.node._rooms["r"].ingest
    assert ingest is not None
    return ingest.keyframes_requested
