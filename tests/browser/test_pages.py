"""Every page in both languages: opens without an error, holds its width, and is photographed for people to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.acceptance.demo import Demo
from tests.browser.browser import DESKTOP, PHONE, context, test_id

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
    "hq-stores": ("/hq#/stores", PHONE, "owner"),
    "hq-campaigns": ("/hq#/campaigns", DESKTOP, "owner"),
    "hq-orders": ("/hq#/orders", DESKTOP, "owner"),
    "members": ("/hq/members", DESKTOP, "owner"),
    "screen": ("/hq/screen", WALL, "owner"),
    "reference": ("/reference", DESKTOP, None),
    "missing": ("/nowhere", DESKTOP, None),
}
EXPECTED = ("401", "404")
"""Answers that a page asks for and understands: nobody is signed in; the page that isn't there."""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_pages_open_clean_and_hold_their_width(
    demo: Demo, browser: Browser, shots: Path, language: str
) -> None:
    wrong: list[str] = []
    visits: dict[tuple[int, str | None], BrowserContext] = {}
    for name, (path, size, role) in PAGES.items():
        who = (size["viewport"]["width"], role)
        if who not in visits:
            visits[who] = signed_in(browser, demo, size, role, language)
        visit = visits[who]
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
        page.close()
    assert wrong == []
    for visit in visits.values():
        visit.close()


def signed_in(
    browser: Browser, demo: Demo, size: dict[str, Any], role: str | None, language: str
) -> BrowserContext:
    visit = context(browser, size, language)
    if role:
        account = demo.keys["accounts"][role]
        body = {"login": account["login"], "password": account["password"]}
        assert visit.request.post(f"{demo.base_url}/api/session", data=body).ok
    return visit


def test_an_import_is_found_again_with_its_report_when_the_page_is_loaded_anew(
    demo: Demo, browser: Browser
) -> None:
    visit = signed_in(browser, demo, PHONE, "other_brand_owner", "zh-CN")
    page = visit.new_page()
    page.goto(f"{demo.base_url}/hq#/products")
    test_id(page, "import-products").first.click()
    rows = "标题,价格,编码\n" + "".join(f"春茶 {at},{at or '面议'},SPRING{at}\n" for at in range(500))
    sheet = {"name": "春茶.csv", "mimeType": "text/csv", "buffer": rows.encode("gb18030")}
    test_id(page, "import-file").set_input_files(files=[sheet])
    test_id(page, "import-job").wait_for()
    page.reload()
    done = page.locator("[data-test=import-card] [data-test=import-job][data-state=done]")
    done.wait_for()
    assert "导入完成，共 500 行" in done.inner_text()
    test_id(page, "import-look").click()
    report = page.get_by_role("dialog")
    assert "填一个金额" in report.get_by_role("row").last.inner_text()
    test_id(page, "import-ok").click()
    assert test_id(page, "product-row").count() > 0
    page.reload()
    test_id(page, "product-row").first.wait_for()
    assert test_id(page, "import-card").count() == 0
    visit.close()


def test_a_new_guide_asks_to_join_the_manager_admits_them_and_they_invite(
    demo: Demo, browser: Browser
) -> None:
    guide, manager = (context(browser, PHONE, "zh-CN").new_page() for _ in range(2))

    def by_phone() -> None:
        test_id(guide, "staff-phone-input").fill("13800138321")
        test_id(guide, "phone-submit").click()
        shown = test_id(guide, "staff-demo-code").inner_text()
        test_id(guide, "staff-code").fill("".join(c for c in shown if c.isdigit()))
        test_id(guide, "phone-submit").click()

    guide.goto(f"{demo.base_url}/login?join=HZ01")
    by_phone()
    test_id(guide, "join-name").fill("小新")
    test_id(guide, "phone-submit").click()
    expect(test_id(guide, "join-asked")).to_be_visible()

    account = demo.keys["accounts"]["manager"]
    body = {"login": account["login"], "password": account["password"]}
    assert manager.request.post(f"{demo.base_url}/api/session", data=body).ok
    manager.goto(f"{demo.base_url}/store/{demo.keys['store_id']}")
    request = test_id(manager, "join-request").filter(has_text="小新")
    request.locator("[data-test=join-admit]").click()
    expect(request).to_have_count(0)

    test_id(guide, "way-phone").click()
    by_phone()
    guide.wait_for_url(f"**/store/{demo.keys['store_id']}")
    expect(test_id(guide, "my-code").first).to_be_visible()
    for page in (guide, manager):
        page.context.close()
