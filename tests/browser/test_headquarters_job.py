"""Headquarters' job, once: stores and people from lists, prices that no store can touch, the board of a show as it is
sold, and a guide's appeal about a credit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.demo import Demo, eventually, is_problem
from tests.browser.browser import DESKTOP, PHONE, context, test_id
from tests.browser.test_main_job import pictures_of_failure, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

STORES = (
    "门店名称,门店编码,区域\n"
    + "".join(f"华东 {n} 店,HD{n:02},华东\n" for n in range(40))
    + "没有编码的店,,华东\n"
)
PEOPLE = (
    "姓名,手机号,角色,门店编码\n"
    + "".join(f"导购{n},1390000{n:04},导购,HD{n % 40:02}\n" for n in range(120))
    + "查无此店,13900009999,导购,XX99\n"
)


def imported(page: Page, what: str, text: str, rows: int, wrong: str) -> None:
    """By the page, as Excel in China writes it; the report counts every row and names the wrong one."""
    test_id(page, f"import-{what}").first.click()
    sheet = {"name": f"{what}.csv", "mimeType": "text/csv", "buffer": text.encode("gb18030")}
    test_id(page, "import-file").set_input_files(files=[sheet])
    done = page.locator("[data-test=import-job][data-state=done]").first
    expect(done).to_contain_text(f"共 {rows} 行", timeout=60_000)
    expect(page.get_by_role("dialog")).to_contain_text(wrong)
    test_id(page, "import-ok").first.click()


def test_headquarters_job(demo: Demo, browser: Browser, shots: Path) -> None:
    owner = context(browser, DESKTOP).new_page()
    manager, guide = (context(browser, PHONE).new_page() for _ in range(2))
    with pictures_of_failure(shots, owner=owner, manager=manager, guide=guide):
        sign_in(owner, demo, "owner")
        lists(demo, owner)
        locked_prices(demo, manager, shots)
        order = board(demo, owner, shots)
        appeal(demo, owner, guide, order, shots)


def lists(demo: Demo, owner: Page) -> None:
    owner.goto(f"{demo.base_url}/hq#/stores")
    imported(owner, "stores", STORES, 41, "编码")
    test_id(owner, "stores-tab-people").click()
    imported(owner, "people", PEOPLE, 121, "没有这个门店编码")
    test_id(owner, "stores-tab-stores").click()
    test_id(owner, "stores-search").locator("input").or_(test_id(owner, "stores-search")).last.fill("HD07")
    expect(test_id(owner, "store-card")).to_have_count(1)
    expect(test_id(owner, "store-card")).to_contain_text("华东 7 店")


def locked_prices(demo: Demo, manager: Page, shots: Path) -> None:
    """A store says its own greeting in headquarters' room; no way that it has changes a price there."""
    sign_in(manager, demo, "manager")
    manager.goto(f"{demo.base_url}/store/{demo.keys['store_id']}")
    test_id(manager, "carry-open").first.click()
    expect(test_id(manager, "carry-product").first).to_contain_text("总部定价")
    greeting = (
        test_id(manager, "carry-greeting").locator("textarea, input").or_(test_id(manager, "carry-greeting"))
    )
    greeting.last.fill("周末来店里喝茶")
    greeting.last.blur()
    viewer = demo.touched_guest("喝茶的人")
    manager.screenshot(path=shots / "headquarters-carrying.png")
    carried = f"/api/rooms/{demo.room}/carried"
    expect(test_id(manager, "carry-sheet")).to_be_visible()
    manager.wait_for_function(
        """async ([path, token]) => {
            const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } })
            return (await answer.json()).greeting === '周末来店里喝茶'
        }""",
        arg=[carried, viewer.token],
    )
    staff, product = demo.staff("manager"), demo.keys["product_id"]
    shown = demo.nobody.get(f"/api/rooms/{demo.room}/public").json()["shelf"]
    sku = next(card for card in shown if card["product_id"] == product)["skus"][0]
    cheaper = {"skus": [{"sku_id": sku["sku_id"], "price_minor": 1}]}
    refused = [
        staff.http.patch(f"/api/products/{product}", json=cheaper),
        staff.put(f"/api/rooms/{demo.room}/shelf", {"product_ids": []}),
        staff.post(f"/api/rooms/{demo.room}/shelf/import", None, content=b"title,price\nTea,1\n"),
        staff.post(
            f"/api/rooms/{demo.room}/flash-sales",
            {"sku_id": sku["sku_id"], "title": "Ours", "price_minor": 1, "stock": 1, "limit_per_buyer": 1},
        ),
    ]
    assert {answer.status_code for answer in refused} <= {403, 404}, [answer.text for answer in refused]
    assert demo.nobody.get(f"/api/rooms/{demo.room}/public").json()["shelf"] == shown


def board(demo: Demo, owner: Page, shots: Path) -> dict[str, str]:
    """What is sold stands on the open board without a reload."""
    owner.goto(f"{demo.base_url}/hq#/boards/{demo.room}")
    row = test_id(owner, "board-row").filter(has_text="导购小李")
    expect(row).to_be_visible()

    def orders() -> int:
        return int(re.search(r"(\d+) 单", row.inner_text())[1])  # type: ignore[index]

    before = orders()
    order = demo.bought(demo.touched_guest("爱茶的赵姐"))
    eventually("the board counts it", lambda: orders() > before)
    adds_up(demo)
    owner.screenshot(path=shots / "headquarters-board.png")
    return order


def adds_up(demo: Demo) -> None:
    """The guides' lines sum to the room's paid orders, as everybody else counts them; somebody buys all the time."""

    def same() -> bool:
        owner = demo.staff("owner")
        room = owner.get(f"/api/rooms/{demo.room}/board", params={"by": "guides"}).json()
        sold = owner.get(f"/api/rooms/{demo.room}/figures").json()
        return (room["totals"]["orders"], room["totals"]["amount_minor"]) == (
            sold["orders_paid"],
            sold["amount_minor"],
        )

    eventually("the board equals the orders", same)


def appeal(demo: Demo, owner: Page, guide: Page, order: dict[str, str], shots: Path) -> None:
    """A guide of another store appeals, headquarters gives the credit to them, and the board follows."""
    number = demo.staff("owner").get(f"/api/orders/{order['order_id']}").json()["number"]
    sign_in(guide, demo, "other_guide")
    guide.goto(f"{demo.base_url}/store/{demo.keys['other_store_id']}")
    test_id(guide, "tab-credits").click()
    test_id(guide, "appeal-missing").click()
    test_id(guide, "appeal-number").locator("input").or_(test_id(guide, "appeal-number")).last.fill(number)
    words = test_id(guide, "appeal-words").locator("textarea").or_(test_id(guide, "appeal-words"))
    words.last.fill("赵姐是我在店里接待的，当天加了微信")
    test_id(guide, "appeal-send").click()
    expect(test_id(guide, "appeal-form")).to_have_count(0)

    owner.goto(f"{demo.base_url}/hq#/attribution")
    card = test_id(owner, "dispute-waiting").filter(has_text=number)
    card.locator("[data-test=dispute-grant]").click()
    reason = card.locator("[data-test=decision-reason]")
    reason.locator("textarea").or_(reason).last.fill("店内监控和聊天记录相符")
    owner.screenshot(path=shots / "headquarters-appeal.png")
    card.locator("[data-test=decision-send]").click()
    expect(test_id(owner, "dispute-waiting").filter(has_text=number)).to_have_count(0)

    credit = test_id(guide, "credit-row").filter(has_text="爱茶的赵姐").first
    expect(credit).to_be_visible(timeout=30_000)
    credit.click()
    expect(test_id(guide, "credit-whose")).to_contain_text("导购小赵")
    expect(test_id(guide, "credit-detail")).to_contain_text("店内监控和聊天记录相符")
    guide.screenshot(path=shots / "headquarters-appeal-granted.png")
    adds_up(demo)
    (standing,) = demo.staff("owner").get(f"/api/orders/{order['order_id']}/credits").json()["items"]
    assert standing["store"]["store_id"] == demo.keys["other_store_id"]
    is_problem(demo.staff("other_brand_owner").get(f"/api/credits/{standing['credit_id']}"), 404)
