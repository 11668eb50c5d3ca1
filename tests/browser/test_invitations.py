"""An invitation counts whatever the browser keeps: by the address alone, by a code typed in, and where all is over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.demo import Demo, eventually
from tests.browser.browser import PHONE, context, test_id
from tests.browser.test_main_job import _spin, frames, pictures_of_failure

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

REFUSED = """
    const refuse = () => { throw new DOMException('The browser keeps nothing', 'SecurityError') }
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])
        Object.defineProperty(window, name, { get: refuse })
"""


def carried(demo: Demo, name: str) -> list[str]:
    """Names of guides who carry viewers of this name."""
    arrivals = demo.staff("manager").get(f"/api/stores/{demo.keys['store_id']}/arrivals").json()["items"]
    return [one["guide"]["name"] for one in arrivals if one["name"] == name and one["guide"]]


def take_name(page: Page, name: str) -> None:
    test_id(page, "share-button").click()
    test_id(page, "name-input").fill(name)
    test_id(page, "name-ok").click()
    expect(test_id(page, "share-link")).to_have_value(re.compile(r"/i/[0-9A-Z]{14}$"))


def test_a_link_counts_where_cookies_and_storage_are_refused(
    demo: Demo, browser: Browser, shots: Path
) -> None:
    made = context(browser, PHONE)
    made.add_init_script(REFUSED)
    page = made.new_page()
    made.new_cdp_session(page).send("Emulation.setDocumentCookieDisabled", {"disabled": True})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with pictures_of_failure(shots, forgetful=page):
        page.goto(f"{demo.keys['invite_url']}?lang=en&from=singlemessage")
        code = demo.keys["invite_url"].rsplit("/", 1)[1]
        assert page.url.endswith(f"?i={code}&lang=en&from=singlemessage")
        kept = "() => { try { return localStorage.length } catch { return 'refused' } }"
        assert (page.evaluate(kept), page.evaluate("document.cookie")) == ("refused", "")
        expect(test_id(page, "room-state")).to_have_text("Live")
        eventually("the picture is there", lambda: _spin(page) or frames(page) > 3, 30)
        take_name(page, "无痕小王")
        assert eventually("the guide carries them", lambda: carried(demo, "无痕小王")) == [guide_of(demo)]
        assert made.cookies() == []  # so none was ever sent
        assert errors == []
        page.screenshot(path=shots / "invited-without-storage.png")


def guide_of(demo: Demo) -> str:
    return demo.staff("guide").get("/api/guide").json()["guide"]["name"]


def test_a_code_typed_in_counts_in_another_browser(demo: Demo, browser: Browser, shots: Path) -> None:
    page = context(browser, PHONE).new_page()
    with pictures_of_failure(shots, typing=page):
        page.goto(f"{demo.base_url}/live/{demo.room}")
        take_name(page, "另一个浏览器")
        assert carried(demo, "另一个浏览器") == []
        test_id(page, "have-code").click()
        test_id(page, "code-input").fill("wrong code")
        test_id(page, "code-submit").click()
        expect(test_id(page, "code-wrong")).to_be_visible()
        code = demo.keys["invite_url"].rsplit("/", 1)[1]
        test_id(page, "code-input").fill(f" {code[:7].lower()} {code[7:].lower()} ")
        page.screenshot(path=shots / "invited-by-code.png")
        test_id(page, "code-submit").click()
        expect(test_id(page, "share-link")).to_have_count(0)
        assert eventually("the guide carries them", lambda: carried(demo, "另一个浏览器"))


def test_a_link_into_a_room_that_is_over_leads_to_the_next(demo: Demo, browser: Browser, shots: Path) -> None:
    operator = demo.staff("operator")
    room = operator.post("/api/rooms", {"title": "昨天的直播", "audience": "public"}).json()["id"]
    link = demo.staff("guide").post("/api/invitations", {"room_id": room}).json()["url"]
    for action in ("warm", "start", "end"):
        assert operator.post(f"/api/rooms/{room}/state", {"action": action}).is_success
    page = context(browser, PHONE).new_page()
    with pictures_of_failure(shots, over=page):
        page.goto(link)
        expect(test_id(page, "ended")).to_be_visible()
        expect(test_id(page, "next-room")).to_be_visible()
        page.screenshot(path=shots / "invited-too-late.png")
        test_id(page, "next-room").click()
        page.wait_for_url(f"**/live/{demo.room}**")
        expect(test_id(page, "room-state")).to_have_text("直播中")
