"""What has broken other programs is said and shown in a room: as the text that it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from live.protocol import Ack
from server.brands.names import clean
from tests.acceptance.demo import Demo, eventually, running_demo
from tests.browser.browser import DESKTOP, PHONE, context
from tests.browser.test_pages import EXPECTED
from tests.crowd.nasty import TRAPS, kept_lines, kept_names, strings
from tests.crowd.seats import Seat

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

VIEWERS_PER_S = 40
"""Below what a room shows of viewers' talk, so that nothing is left out."""
AT_ONCE = 50
"""Fewer lines than the live page shows, so that a slow browser draws each of them."""

WATCH = """
window.__csp = []; window.__shown = new Set(); window.__wide = 0
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  window.__csp.push(`${violatedDirective} ${blockedURI}`))

function note(line) {
  for (const part of line.querySelectorAll('*')) window.__shown.add(part.textContent)
  const { left, right } = line.getBoundingClientRect()
  window.__wide = Math.max(window.__wide, right - innerWidth, -left)
}

new MutationObserver((changes) => {
  for (const node of changes.flatMap((change) => [...change.addedNodes])) {
    if (!(node instanceof Element)) continue
    if (node.matches('[data-test="chat-line"]')) note(node)
    node.querySelectorAll('[data-test="chat-line"]').forEach(note)
  }
  const page = document.documentElement
  window.__wide = Math.max(window.__wide, page.scrollWidth - page.clientWidth)
}).observe(document, { childList: true, subtree: true })
"""
"""Keeps the text of every part of every line that is ever shown, and by how much anything is too wide."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo() as demo:
        yield demo


class Looked:
    """A page that is open while things are said; `wrong` is whatever it does beside showing them."""

    def __init__(
        self, demo: Demo, browser: Browser, size: dict[str, Any], path: str, role: str | None = None
    ) -> None:
        visit = context(browser, size)
        if role:
            account = demo.keys["accounts"][role]
            body = {"login": account["login"], "password": account["password"]}
            assert visit.request.post(f"{demo.base_url}/api/session", data=body).ok
        self.wrong: list[str] = []
        self.page: Page = visit.new_page()
        self.page.add_init_script(WATCH)
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("popup", lambda popup: self.wrong.append(f"opens {popup.url}"))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self._request(demo, request.url))
        self._url = demo.base_url + path
        with self.page.expect_websocket(lambda socket: "/ws/rooms/" in socket.url):
            self.page.goto(self._url)

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        if message.type == "error" and not any(code in message.text for code in EXPECTED):
            self.wrong.append(message.text)

    def _request(self, demo: Demo, url: str) -> None:
        if not url.startswith((demo.base_url, demo.base_url.replace("http", "ws"), "data:", "blob:")):
            self.wrong.append(f"asks {url}")

    def lacks(self, texts: list[str]) -> list[str]:
        """Those of the texts that were never shown."""
        missing: list[str] = self.page.evaluate(
            "texts => texts.filter(text => !window.__shown.has(text))", texts
        )
        return missing

    def must_have_held(self) -> None:
        assert self.page.evaluate("window.__pwned") is None
        assert self.page.evaluate("window.__csp") == []
        assert self.page.evaluate("window.__wide") <= 0
        assert self.page.url == self._url
        assert self.wrong == []


def test_nasty_strings_are_shown_as_the_text_they_are(demo: Demo, browser: Browser) -> None:
    operator = demo.staff("operator")
    room = operator.post("/api/rooms", {"title": TRAPS[2], "audience": "public"}).json()["id"]
    for action in ("warm", "start"):
        assert operator.post(f"/api/rooms/{room}/state", {"action": action}).is_success
    phone = Looked(demo, browser, PHONE, f"/live/{room}")
    control = Looked(demo, browser, DESKTOP, f"/control/{room}", "host")

    lines, names = kept_lines(), kept_names()
    assert len(strings()) >= 500
    assert len(lines) >= 485
    with ThreadPoolExecutor(1) as thread:  # it runs an event loop of its own
        for some in range(0, len(lines), AT_ONCE):
            said = list(lines)[some : some + AT_ONCE]
            say = say_some(demo, operator.token or "", room, said, names[some : some + AT_ONCE])
            spoke = thread.submit(asyncio.run, say).result()
            shown = [*(lines[line] for line in said), *map(clean, spoke)]
            for looked in (phone, control):
                eventually("all are shown", lambda page=looked, texts=shown: not page.lacks(texts), 30)
    for looked in (phone, control):
        looked.must_have_held()


async def say_some(demo: Demo, staff_token: str, room: str, lines: list[str], names: list[str]) -> list[str]:
    """Each name says one line; staff say the others, and those that viewers may not say (links). The names that did."""
    url = demo.keys["ws_url"].replace(demo.room, room)
    staff = {"Authorization": f"Bearer {staff_token}"}
    spoke, unsaid = [], lines[len(names) :]
    places, loop = asyncio.Semaphore(8), asyncio.get_running_loop()
    async with httpx.AsyncClient(base_url=demo.base_url, timeout=20) as web:
        began = loop.time()

        async def as_guest(number: int, name: str, line: str) -> None:
            await asyncio.sleep(began + number / VIEWERS_PER_S - loop.time())
            guest = await web.post("/api/guests", json={"name": name, "room_id": room})
            assert guest.status_code == 201, (name, guest.text)
            seat = Seat(f"{url}?token={guest.json()['token']}")
            await seat.enter()
            answer = await seat.say(line)
            await seat.leave()
            if isinstance(answer, Ack):
                spoke.append(name)
            else:
                unsaid.append(line)

        async def as_staff(line: str) -> None:
            async with places:
                said = await web.post(f"/api/rooms/{room}/messages", json={"text": line}, headers=staff)
            assert said.status_code == 201, (line, said.text)

        await asyncio.gather(*(as_guest(n, *both) for n, both in enumerate(zip(names, lines, strict=False))))
        await asyncio.gather(*map(as_staff, unsaid))
    return spoke
