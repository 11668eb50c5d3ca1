"""Every page in both languages: opens without an error, holds its width, and is photographed for people to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.acceptance.demo import Demo, running_demo
from tests.browser.browser import DESKTOP, PHONE, context

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WALL = {"viewport": {"width": 1920, "height": 1080}}
PAGES = {
    "home": ("/", PHONE, None),
    "login": ("/login", DESKTOP, None),
    "live": ("/live/{room}", PHONE, None),
    "live-desktop": ("/live/{room}", DESKTOP, None),
    "control": ("/control/{room}", DESKTOP, "host"),
    "control-phone": ("/control/{room}", PHONE, "host"),
    "store-guide": ("/store/{store}", PHONE, "guide"),
    "store-manager": ("/store/{store}", PHONE, "manager"),
    "store-screen": ("/store/{store}/screen/{room}", WALL, "manager"),
    "hq": ("/hq", DESKTOP, "owner"),
    "hq-products": ("/hq#/products", DESKTOP, "owner"),
    "hq-orders": ("/hq#/orders", DESKTOP, "owner"),
    "members": ("/hq/members", DESKTOP, "owner"),
    "screen": ("/hq/screen", WALL, "owner"),
    "reference": ("/reference", DESKTOP, None),
    "missing": ("/nowhere", DESKTOP, None),
}
EXPECTED = ("401", "404")
"""Answers that a page asks for and understands: nobody is signed in; the page that isn't there."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo() as demo:
        yield demo


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_pages_open_clean_and_hold_their_width(
    demo: Demo, browser: Browser, shots: Path, language: str
) -> None:
    wrong: list[str] = []
    for name, (path, size, role) in PAGES.items():
        visit = context(browser, size, language)
        if role:
            account = demo.keys["accounts"][role]
            signed_in = visit.request.post(
                f"{demo.base_url}/api/session",
                data={"login": account["login"], "password": account["password"]},
            )
            assert signed_in.ok
        page = visit.new_page()
        page.on("pageerror", lambda error, name=name: wrong.append(f"{name}: {error}"))
        page.on(
            "console",
            lambda message, name=name: (
                wrong.append(f"{name}: {message.text}")
                if message.type == "error" and not any(code in message.text for code in EXPECTED)
                else None
            ),
        )
        page.on(
            "request",
            lambda request, name=name: (
                None
                if request.url.startswith((demo.base_url, "data:", "blob:"))
                else wrong.append(f"{name}: asks {request.url}")
            ),
        )
        page.goto(demo.base_url + path.format(room=demo.room, store=demo.keys["store_id"]))
        page.wait_for_timeout(800)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            wrong.append(f"{name}: {wide} px too wide")
        page.screenshot(path=shots / f"{name}-{language}.png")
        visit.close()
    assert wrong == []
