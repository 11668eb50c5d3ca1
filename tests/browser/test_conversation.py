"""A viewer and their guide talk beside the show: a line, a product and a picture, each seen at once by the other."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.browser import PHONE, context, test_id
from tests.browser.conftest import Network

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (600, 800), "seagreen").save(out, format="JPEG")
    return out.getvalue()


def test_a_viewer_and_their_guide_exchange_a_line_a_product_and_a_picture(
    network: Network, browser: Browser
) -> None:
    keys = network.demo.keys
    with context(browser, PHONE) as viewer_context, context(browser, PHONE) as guide_context:
        guide, viewer = guide_context.new_page(), viewer_context.new_page()
        account = keys["accounts"]["guide"]
        signed_in = guide_context.request.post(
            f"{keys['base_url']}/api/session",
            data={"login": account["login"], "password": account["password"]},
            headers={"Origin": keys["base_url"]},
        )
        assert signed_in.ok
        guide.goto(f"{keys['base_url']}/store/{keys['store_id']}")
        expect(test_id(guide, "talks")).to_have_attribute("data-unread", "1")  # the demo's own customer waits
        viewer.goto(keys["invite_url"])
        test_id(viewer, "guide-button").click()
        expect(test_id(viewer, "talk-empty")).to_be_visible()
        test_id(viewer, "talk-text").fill("有礼盒装吗？")
        test_id(viewer, "talk-send").click()
        expect(test_id(guide, "talks")).to_have_attribute("data-unread", "2")

        test_id(guide, "talks").click()
        test_id(guide, "talk-row").first.click()
        expect(test_id(guide, "talk-line").first).to_contain_text("有礼盒装吗？")
        test_id(guide, "talk-text").fill("有的，您看这款")
        test_id(guide, "talk-send").click()
        expect(test_id(viewer, "talk-line").nth(1)).to_contain_text("有的，您看这款")
        test_id(guide, "talk-send-product").click()
        guide.locator('.choice [data-test="talk-product"]').first.click()
        expect(test_id(viewer, "talk-product")).to_be_visible()
        test_id(viewer, "talk-file").set_input_files(
            {"name": "tea.jpg", "mimeType": "image/jpeg", "buffer": photo()}
        )
        expect(guide.locator('[data-test="talk-picture"] img')).to_be_visible()

        test_id(viewer, "talk-recall").last.click()
        expect(test_id(guide, "talk-recalled")).to_be_visible()
        test_id(viewer, "talk-block").click()
        expect(test_id(guide, "talk-closed")).to_be_visible()
        test_id(viewer, "talk-unblock").click()
        expect(test_id(guide, "talk-closed")).to_have_count(0)
        test_id(viewer, "talk-product").click()
        expect(test_id(viewer, "sheet-close")).to_be_visible()
