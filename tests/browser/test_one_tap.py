"""A store manager goes live from a phone at one tap, and somebody on another phone sees it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.demo import Demo, eventually
from tests.browser.browser import PHONE, context, test_id
from tests.browser.conftest import Network
from tests.browser.test_main_job import frames, pictures_of_failure, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ASKED_S, GENEROUS_S = 10, 20
"""What is promised from the tap to a viewer's frame, and what a crowded machine is given for it."""


def _spin(page: Page) -> None:
    page.wait_for_timeout(30)


@pytest.fixture(scope="module")
def template(network: Network) -> dict[str, Any]:
    made = network.demo.staff("manager").post(
        "/api/session-templates",
        {"name": "每晚上新", "title": "{门店}今晚上新", "product_ids": [network.demo.keys["product_id"]]},
    )
    assert made.status_code == 201, made.text
    return made.json()


def test_from_one_tap_to_a_viewers_frame(
    network: Network, browser: Browser, template: dict[str, Any], shots: Path
) -> None:
    host = context(browser, PHONE).new_page()
    viewer = context(browser, PHONE).new_page()
    with pictures_of_failure(shots, host=host, viewer=viewer):
        room = one_tap(network.demo, host, viewer, template, shots)
        one_handed(network.demo, host, viewer, room, shots)
    host.context.close()
    viewer.context.close()


def one_tap(demo: Demo, host: Page, viewer: Page, template: dict[str, Any], shots: Path) -> str:
    manager = demo.staff("manager")
    sign_in(host, demo, "manager")
    host.goto(f"{demo.base_url}/store/{demo.keys['store_id']}")
    expect(test_id(host, "store-go-live")).to_be_visible()
    host.screenshot(path=shots / "tap-store.png")

    tapped = time.monotonic()
    test_id(host, "store-go-live").click()
    host.wait_for_url("**/control/**#go")
    eventually("the host sees themselves", lambda: _spin(host) or frames(host) > 1, 20)
    seen = time.monotonic()
    expect(test_id(host, "go-title")).to_have_value("杭州湖滨店今晚上新")
    expect(host.locator(f'[data-template="{template["id"]}"]')).to_have_attribute("aria-checked", "true")
    room = host.url.split("/control/")[1].split("#")[0]
    assert room not in [one["id"] for one in manager.get("/api/rooms").json()["items"]]
    host.screenshot(path=shots / "tap-go.png")

    viewer.goto(f"{demo.base_url}/live/{room}")  # was sent the link before, and waits
    expect(test_id(viewer, "say-input")).to_be_visible()
    waited = time.monotonic()
    test_id(host, "go-start").click()
    eventually("the viewer has a frame", lambda: _spin(viewer) or frames(viewer) > 0, 30)
    there = time.monotonic()
    split = f"tap to own picture {seen - tapped:.1f} s, red button to viewer's frame {there - waited:.1f} s"
    took = (seen - tapped) + (there - waited)
    print(f"\nfrom the tap to a viewer's decoded frame: {took:.1f} s of {ASKED_S} s ({split})")
    assert took <= GENEROUS_S, split

    before = frames(viewer)
    eventually("the picture moves", lambda: _spin(viewer) or frames(viewer) > before + 10, 20)
    made = manager.get(f"/api/rooms/{room}").json()
    assert (made["state"], made["store"]["store_id"]) == ("live", demo.keys["store_id"])
    assert [card["product_id"] for card in made["shelf"]] == template["product_ids"]
    assert made["session_template_id"] == template["id"]
    assert room in [one["id"] for one in manager.get("/api/rooms").json()["items"]]
    return room


def one_handed(demo: Demo, host: Page, viewer: Page, room: str, shots: Path) -> None:
    """What a busy host does with a thumb, without leaving the picture."""
    expect(test_id(host, "go-view")).to_have_count(0)
    assert host.url.endswith(f"/control/{room}")
    before = frames(host)
    eventually("the host still sees themselves", lambda: _spin(host) or frames(host) > before + 5, 20)
    guest = demo.guest("小明")
    expect(test_id(host, "figure-watching")).to_be_visible()
    test_id(viewer, "say-input").fill("这款还有吗？")
    test_id(viewer, "say-send").click()
    test_id(viewer, "name-input").fill(f"小红{guest.token[-2:]}")
    test_id(viewer, "name-ok").click()
    expect(test_id(host, "stage-talk")).to_contain_text("这款还有吗？")
    test_id(host, "hand-next").click()
    expect(test_id(viewer, "pinned-card").first).to_be_visible()
    test_id(host, "hand-sell").click()
    expect(test_id(host, "sale-submit")).to_be_visible()
    host.screenshot(path=shots / "tap-sale.png")
    host.keyboard.press("Escape")
    expect(test_id(host, "sale-submit")).to_be_hidden()
    host.screenshot(path=shots / "tap-live.png")
    viewer.screenshot(path=shots / "tap-viewer.png")
    test_id(host, "end-room").click()
    test_id(host, "end-confirm").click()
    expect(test_id(host, "report")).to_be_visible()
    host.screenshot(path=shots / "tap-report.png")


def test_a_training_sells_nothing(network: Network, browser: Browser, shots: Path) -> None:
    demo, manager = network.demo, network.demo.staff("manager")
    room = manager.post("/api/rooms", {"kind": "training", "title": "新员工培训"}).json()
    assert not room["shows"]["shelf"]
    refused = manager.post(f"/api/rooms/{room['id']}/shelf", {"product_id": demo.keys["product_id"]})
    assert (refused.status_code, refused.json()["slug"]) == (409, "no-shelf")
    assert manager.post(f"/api/rooms/{room['id']}/state", {"action": "start"}).is_success
    invitation = manager.post("/api/invitations", {"room_id": room["id"]}).json()

    pupil, host = context(browser, PHONE).new_page(), context(browser, PHONE).new_page()
    with pictures_of_failure(shots, pupil=pupil, host=host):
        pupil.goto(invitation["url"])
        expect(test_id(pupil, "share-button")).to_be_visible()
        expect(test_id(pupil, "shelf-button")).to_have_count(0)
        expect(test_id(pupil, "say-input")).to_have_attribute("placeholder", "想问什么，尽管问…")
        pupil.screenshot(path=shots / "training-live.png")
        sign_in(host, demo, "manager")
        host.goto(f"{demo.base_url}/control/{room['id']}")
        expect(test_id(host, "tab-questions")).to_be_visible()
        expect(test_id(host, "tab-show")).to_have_count(0)
        host.screenshot(path=shots / "training-control.png")
    pupil.context.close()
    host.context.close()
