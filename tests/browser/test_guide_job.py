"""A guide's job, once, on phones: link and poster, a friend who passes it on, a stranger who buys, the credit with its
reasons, and what a refund takes back of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.demo import ROOT, Demo, eventually
from tests.browser.browser import PHONE, context, test_id
from tests.browser.test_main_job import close_sheet, pay_at_the_cashier, pictures_of_failure, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

READ_CODE = """
    async ([image, reader]) => {
        const picture = document.querySelector(image)
        await picture.decode()
        const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight)
        const pen = canvas.getContext('2d')
        pen.drawImage(picture, 0, 0)
        const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height)
        const { default: jsQR } = await import(reader)
        return (jsQR.default ?? jsQR)(data, width, height)?.data
    }
"""


def code_on(page: Page, image: str) -> str:
    """What the QR code of a picture on the page says, read by the reader that the store page has."""
    (reader,) = (ROOT / "static" / "dist" / "assets").glob("jsQR-*.js")
    return page.evaluate(READ_CODE, [f'[data-test="{image}"]', f"/assets/{reader.name}"])


def take_name(page: Page, name: str) -> None:
    test_id(page, "name-input").fill(name)
    test_id(page, "name-ok").click()


def test_a_guides_job(demo: Demo, browser: Browser, shots: Path) -> None:
    guide, friend, buyer = (context(browser, PHONE).new_page() for _ in range(3))
    campaign = demo.staff("operator").post(
        "/api/campaigns", {"name": "周年庆", "product_id": demo.keys["product_id"]}
    )
    assert campaign.status_code == 201, campaign.text
    with pictures_of_failure(shots, guide=guide, friend=friend, buyer=buyer):
        # The guide chooses what for and where to, and gets a poster whose code is the link.
        sign_in(guide, demo, "guide")
        guide.goto(f"{demo.base_url}/store/{demo.keys['store_id']}")
        card = guide.locator('[data-test="invite-card"]').first
        link = card.locator('[data-test="my-link"]')
        plain = link.get_attribute("href")
        card.locator('[data-test="way-open"]').click()
        card.locator('[data-test="way-campaign"]').filter(has_text="周年庆").click()
        card.locator('[data-test="way-moments"]').click()
        expect(card.locator('[data-test="way-open"]')).to_contain_text("周年庆 · 朋友圈")
        expect(link).not_to_have_attribute("href", plain or "")
        expect(card.locator('[data-test="way-moments"]')).to_have_attribute("aria-pressed", "true")
        made = demo.staff("guide").post(
            "/api/invitations",
            {
                "room_id": demo.room,
                "channel": "moments",
                "campaign_id": campaign.json()["campaign_id"],
            },
        )
        url = made.json()["url"]
        expect(link).to_have_attribute("href", url)
        card.locator('[data-test="my-poster"]').click()
        expect(test_id(guide, "poster-image")).to_be_visible()
        assert code_on(guide, "poster-image") == url
        guide.screenshot(path=shots / "guide-poster.png")
        expect(test_id(guide, "save-poster")).to_have_attribute("href", re.compile("poster.png"))
        guide.keyboard.press("Escape")

        # A friend opens it and passes it on from the share sheet.
        friend.goto(url)
        friend.wait_for_url(f"**/live/{demo.room}**")
        test_id(friend, "share-button").click()
        take_name(friend, "热心阿姨")
        expect(test_id(friend, "share-link")).to_have_value(re.compile(r"/i/[0-9A-Z]{14}$"))
        shared = test_id(friend, "share-link").input_value()
        assert shared != url
        assert code_on(friend, "share-qr") == shared
        close_sheet(friend)

        # A stranger comes by that and buys from the flash sale.
        buyer.goto(shared)
        buyer.wait_for_url(f"**/live/{demo.room}**")
        test_id(buyer, "claim").first.click()
        expect(test_id(buyer, "name-input").or_(test_id(buyer, "claim-result")).first).to_be_visible()
        if test_id(buyer, "name-input").is_visible():
            take_name(buyer, "新来的小陈")
        expect(test_id(buyer, "claim-result")).to_have_attribute("data-outcome", re.compile("."))
        test_id(buyer, "pay").first.click()
        pay_at_the_cashier(buyer, demo.room)

        # The friend sees that somebody came, the guide the credit and why it is theirs.
        test_id(friend, "share-button").click()
        expect(test_id(friend, "share-friends")).to_contain_text("1")
        friend.screenshot(path=shots / "guide-friend-shared.png")
        test_id(guide, "tab-credits").click()
        credit = test_id(guide, "credit-row").filter(has_text="新来的小陈").first
        expect(credit).to_be_visible(timeout=30_000)
        credit.click()
        expect(test_id(guide, "credit-chain")).to_have_text(re.compile("导购小李.*热心阿姨.*新来的小陈"))
        expect(test_id(guide, "credit-touch").first).to_be_visible()
        expect(test_id(guide, "credit-rule")).to_have_text(re.compile(r"\d"))
        expect(test_id(guide, "credit-sums").first).to_contain_text("¥")
        guide.screenshot(path=shots / "guide-why.png")

        # Headquarters refunds; the credit is taken back before the guide's eyes, and in the campaign's figures.
        owner = demo.staff("owner")
        orders = owner.get("/api/orders", params={"room_id": demo.room, "status": "paid"}).json()["items"]
        (order,) = (one for one in orders if one["member"]["name"] == "新来的小陈")
        before = came(demo)
        assert (before["orders"], before["net_minor"]) == (1, order["amount_minor"])
        refund = owner.post(
            f"/api/orders/{order['order_id']}/refunds", {"amount_minor": order["amount_minor"]}
        )
        assert refund.status_code == 201, refund.text
        guide.keyboard.press("Escape")
        expect(credit).to_have_attribute("data-reversed", "true", timeout=30_000)
        expect(credit).to_contain_text("已退款")
        guide.screenshot(path=shots / "guide-reversed.png")
        eventually("the campaign gives it back", lambda: came(demo)["net_minor"] == 0)


def came(demo: Demo) -> dict[str, int]:
    return demo.staff("owner").get("/api/campaigns").json()["items"][0]["totals"]
