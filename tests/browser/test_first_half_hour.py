"""A merchant's first half hour, by pages alone: from the one-time link to a shipped order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import APIResponse, Browser, Page, expect
from websockets.exceptions import ConnectionClosed

from tests.acceptance.demo import Bare, eventually, running_bare
from tests.acceptance.seat import Seat
from tests.browser.browser import DESKTOP, PHONE, context, test_id
from tests.browser.test_main_job import _spin, close_sheet, frames, pay_at_the_cashier, pictures_of_failure

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    with running_bare({"SHOWFLOOR_SANDBOX": "1"}) as bare:
        yield bare


def test_from_the_owners_link_to_a_shipped_order(bare: Bare, browser: Browser, shots: Path) -> None:
    owner, phone = context(browser, DESKTOP).new_page(), context(browser, PHONE).new_page()
    with pictures_of_failure(shots, owner=owner, viewer=phone):
        # Brand and store.
        owner.goto(bare.owner_link)
        for field, text in (
            ("brand", "山间集"),
            ("store", "杭州店"),
            ("name", "周总"),
            ("login", "zhou"),
            ("password", "a long password"),
        ):
            test_id(owner, f"setup-{field}").fill(text)
        test_id(owner, "setup-submit").click()
        owner.wait_for_url("**/hq**")
        expect(test_id(owner, "first-steps")).to_be_visible()
        owner.screenshot(path=shots / "first-steps.png")
        token = bare.owner_link.rsplit("/", 1)[1]
        used = {
            "token": token,
            "brand_name": "x",
            "store_name": "x",
            "name": "x",
            "login": "xx",
            "password": "x" * 9,
        }
        assert httpx.post(f"{bare.base_url}/api/setup", json=used).status_code == 410

        # A product and a room.
        test_id(owner, "nav-products").click()
        test_id(owner, "new-product").first.click()
        test_id(owner, "product-title").fill("明前龙井")
        test_id(owner, "sku-price").first.fill("128")
        test_id(owner, "sku-stock").first.fill("50")
        test_id(owner, "product-submit").click()
        expect(test_id(owner, "product-row").first).to_contain_text("明前龙井")
        test_id(owner, "nav-rooms").click()
        test_id(owner, "new-room").first.click()
        test_id(owner, "room-title").fill("第一场直播")
        test_id(owner, "room-submit").click()
        owner.wait_for_url("**/control/*")
        room = owner.url.rsplit("/", 1)[1].split("?")[0]

        # On the shelf, and live.
        test_id(owner, "shelf-add").first.click()
        test_id(owner, "picker-row").first.click()
        test_id(owner, "picker-add").click()
        expect(test_id(owner, "shelf-row").first).to_be_visible()
        test_id(owner, "start-camera").first.click()
        eventually("the camera is seen", lambda: _spin(owner) or frames(owner) > 3)
        test_id(owner, "go-live").click()
        expect(test_id(owner, "room-state").first).to_contain_text("直播中")

        # A viewer says something rude; the line goes, its writer is muted.
        phone.goto(f"{bare.base_url}/live/{room}")
        eventually("the picture is there", lambda: _spin(phone) or frames(phone) > 5, 30)
        test_id(phone, "say-input").fill("骗人的")
        test_id(phone, "say-send").click()
        test_id(phone, "name-input").fill("路人")
        test_id(phone, "name-ok").click()
        rude = test_id(owner, "chat-line").filter(has_text="骗人的")
        expect(rude.first).to_be_visible()
        expect(test_id(phone, "chat-line").filter(has_text="骗人的").first).to_be_visible()
        rude.first.hover()
        rude.first.locator('[data-test="chat-mute"]').click()
        owner.locator('[data-test^="chat-mute-"]:visible').first.click()
        rude.first.hover()
        rude.first.locator('[data-test="chat-delete"]').click()
        expect(test_id(phone, "chat-line").filter(has_text="骗人的")).to_have_count(0)
        expect(test_id(phone, "say-input")).to_be_disabled()
        phone.screenshot(path=shots / "first-muted.png")

        # A flash sale; the viewer buys.
        test_id(owner, "sale-open").first.click()
        test_id(owner, "sale-price").locator("input").or_(test_id(owner, "sale-price")).last.fill("99")
        test_id(owner, "sale-submit").click()
        test_id(phone, "claim").first.click()
        expect(test_id(phone, "claim-result")).to_be_visible()
        test_id(phone, "pay").first.click()
        pay_at_the_cashier(phone, room)
        expect(test_id(phone, "order-row").first).to_contain_text("99")
        test_id(phone, "order-delivery").first.click()
        test_id(phone, "way-delivery").click()
        test_id(phone, "delivery-name").fill("王小姐")
        test_id(phone, "delivery-phone").fill("13800000001")
        test_id(phone, "delivery-region").fill("浙江省杭州市上城区")
        test_id(phone, "delivery-address").fill("湖滨路 1 号")
        phone.screenshot(path=shots / "first-delivery.png")
        test_id(phone, "delivery-save").click()
        expect(test_id(phone, "order-row").first).to_contain_text("待发货")
        close_sheet(phone)

        # Headquarters sees the order and ships it.
        owner.goto(f"{bare.base_url}/hq")
        test_id(owner, "nav-orders").click()
        test_id(owner, "order-row").first.click()
        test_id(owner, "ship").first.click()
        test_id(owner, "ship-carrier").fill("顺丰")
        test_id(owner, "ship-tracking").fill("SF1234567890")
        test_id(owner, "ship-confirm").click()
        expect(test_id(owner, "order-detail")).to_contain_text("SF1234567890")
        owner.screenshot(path=shots / "first-shipped.png")
        test_id(phone, "orders-button").click()
        expect(test_id(phone, "order-row").first).to_contain_text("已发货")
        test_id(phone, "order-row").first.get_by_role("button").first.click()
        expect(test_id(phone, "order-row").first).to_contain_text("SF1234567890")
        phone.screenshot(path=shots / "first-tracking.png")
        close_sheet(phone)

        # The viewer helps now: what waits for review is theirs to let through.
        at, api = f"/api/rooms/{room}", Desk(owner, bare.base_url)
        (viewer,) = api.get(f"{at}/viewers")["items"]
        api.send("DELETE", f"{at}/mutes/{viewer['member_id']}")
        api.send("PUT", f"{at}/moderators/{viewer['member_id']}")
        api.send("PATCH", f"{at}/chat-setting", {"pre_review": True})
        stranger = httpx.post(f"{bare.base_url}/api/guests", json={"name": "新来的"}).json()["token"]
        seat = Seat(f"{bare.base_url.replace('http', 'ws')}/ws/rooms/{room}", stranger)
        seat.send({"type": "say", "ref": "r1", "text": "茶香吗"})
        expect(test_id(phone, "held-badge")).to_contain_text("1")
        test_id(phone, "held-badge").click()
        expect(test_id(phone, "held-line")).to_contain_text("茶香吗")
        phone.screenshot(path=shots / "first-review.png")
        test_id(phone, "held-approve").click()
        seat.until(lambda _: any(line.get("text") == "茶香吗" for line in seat.talk))
        expect(test_id(phone, "held-empty")).to_be_visible()
        close_sheet(phone)

        # Members only, from now on: whoever is none is told how to become one, and the picture stops.
        api.send("PATCH", at, {"title": "会员专场", "audience": "members"})
        expect(test_id(phone, "gate")).to_have_attribute("data-why", "members-only")
        expect(phone.locator("video")).to_have_count(0)
        expect(phone).to_have_title(re.compile("会员专场"))
        phone.screenshot(path=shots / "first-gate.png")
        with pytest.raises(ConnectionClosed):
            seat.until(lambda _: False)


class Desk:
    """What the owner's page may ask, asked with its cookie."""

    def __init__(self, owner: Page, base_url: str) -> None:
        self._request = owner.request
        self._base_url = base_url

    def get(self, path: str) -> Any:
        return self.send("GET", path).json()

    def send(self, method: str, path: str, body: Any = None) -> APIResponse:
        answer = self._request.fetch(f"{self._base_url}{path}", method=method, data=body)
        assert answer.ok, answer.text()
        return answer
