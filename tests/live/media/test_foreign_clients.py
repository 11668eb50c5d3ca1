"""WHIP and WHEP libraries that others wrote, as they come from npm, on a page of another origin."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from litestar import Litestar, MediaType, get
from playwright.async_api import BrowserContext, Page, Response

from scripts._setup import has_node, node_modules
from tests.live.media.stage import TOKEN, served
from tests.live.media.tabs import PATIENCE, chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CLIENTS = Path(__file__).with_name("clients")
BUNDLE = ["node_modules/.bin/esbuild", "clients.js", "--bundle"]
SHOWN = "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames >= 30"
ENDS_WITH = {"eyevinn": 200, "medooze": 404}
"""Of DELETE. Medooze's closes its connection first, whose goodbye ends the session."""
FORGOTTEN_TAG = "Request rejected with status 428"
"""Medooze's WHEP client trickles without the entity tag that it was given, and plays on."""


@pytest.fixture(scope="module")
def script() -> str:
    if not has_node():
        pytest.skip("needs Node 20.19 or newer and npm: apt-get install nodejs npm")
    return subprocess.run(
        BUNDLE, cwd=node_modules(CLIENTS), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@pytest.fixture
async def elsewhere(script: str) -> AsyncIterator[str]:
    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def page() -> str:
        return (CLIENTS / "clients.html").read_text()

    @get("/clients.js", media_type="text/javascript", sync_to_thread=False)
    def code() -> str:
        return script

    async with served(Litestar([page, code], openapi_config=None)) as address:
        yield f"http://{address}"


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    async with chromium(tmp_path / "profile") as context:
        yield context


@dataclass
class Tab:
    """`answers` are those of the WHIP or WHEP server; `complaints` what the library threw and nobody caught."""

    page: Page
    library: str
    answers: list[tuple[str, int]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @classmethod
    async def opened(cls, browser: BrowserContext, elsewhere: str, library: str) -> Tab:
        tab = cls(await browser.new_page(), library)
        await tab.page.goto(elsewhere)
        tab.page.on("response", tab._answered)
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        return tab

    def _answered(self, response: Response) -> None:
        self.answers.append((response.request.method, response.status))

    async def does(self, act: str, *given: str) -> None:
        await self.page.evaluate(f"given => clients.{self.library}.{act}(...given)", given)


async def until(good: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not good():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("publishes", "plays"), [("eyevinn", "medooze"), ("medooze", "eyevinn")])
async def test_library_plays_what_another_publishes_and_both_leave_nothing(
    show, elsewhere, browser, publishes, plays
):
    host = await Tab.opened(browser, elsewhere, publishes)
    await host.does("publish", show.url("whip", "r"), TOKEN)
    viewer = await Tab.opened(browser, elsewhere, plays)
    await viewer.does("watch", show.url("whep", "r"), TOKEN)
    await viewer.page.wait_for_function(SHOWN, timeout=PATIENCE * 1000)
    await viewer.does("stop")
    await until(lambda: show.node.figures().agents == 1)
    await host.does("stop")
    await until(lambda: (show.node.figures().agents, show.node.figures().rooms) == (0, 0))
    for tab in (host, viewer):
        assert ("POST", 201) in tab.answers
        assert tab.answers[-1] == ("DELETE", ENDS_WITH[tab.library])
        assert set(tab.complaints) <= {FORGOTTEN_TAG}
