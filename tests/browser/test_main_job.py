"""The whole job, once, as people do it: a host goes live, a viewer comes by a guide's link, buys, tips, loses the
network, gets everything back; headquarters refunds; the room ends with a report."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from tests.acceptance.demo import Demo, Person, eventually, run_cli
from tests.browser.browser import DESKTOP, PHONE, context, test_id
from tests.browser.conftest import Network

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
UNITS, RIVALS = 5, 20


class Wire:
    """Every fact that the page's room socket carried, and when sockets closed."""

    def __init__(self, page: Page) -> None:
        self.facts: list[tuple[str, int, str]] = []
        self.opened = 0
        self.closed = 0
        page.on("websocket", self._watch)

    def _watch(self, socket: WebSocket) -> None:
        self.opened += 1
        socket.on("close", lambda _: setattr(self, "closed", self.closed + 1))
        socket.on("framereceived", self._read)

    def _read(self, payload: Any) -> None:
        frame = json.loads(payload)
        if frame.get("type") == "batch" and frame["topic"] == "room":
            epoch = frame["position"].split("-")[0] if frame.get("position") else ""
            self.facts += [(epoch, fact["o"], fact["kind"]) for fact in frame.get("facts", [])]

    def kinds(self) -> list[str]:
        return [kind for _, _, kind in self.facts]


def frames(page: Page) -> int:
    return page.evaluate(
        "Math.max(0, ...[...document.querySelectorAll('video')].map(v => v.getVideoPlaybackQuality().totalVideoFrames))"
    )


def lines(page: Page) -> int:
    """Of the picture's shorter side."""
    return page.evaluate(
        "Math.max(...[...document.querySelectorAll('video')].map(v => Math.min(v.videoWidth, v.videoHeight)))"
    )


def loudness(page: Page) -> float:
    """The loudest sample of the picture's sound within a second."""
    return page.evaluate(
        """async () => {
            const video = [...document.querySelectorAll('video')].find(v => v.srcObject)
            const audio = new AudioContext(), meter = audio.createAnalyser()
            audio.createMediaStreamSource(video.srcObject).connect(meter)
            await audio.resume()
            const samples = new Float32Array(meter.fftSize)
            let loudest = 0
            for (let i = 0; i < 20; i++) {
                await new Promise(done => setTimeout(done, 50))
                meter.getFloatTimeDomainData(samples)
                loudest = Math.max(loudest, ...samples.map(Math.abs))
            }
            await audio.close()
            return loudest
        }"""
    )


@contextmanager
def pictures_of_failure(shots: Path, **pages: Page) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for name, page in pages.items():
            page.screenshot(path=shots / f"failed-{name}.png")
        raise


def moving(page: Page) -> None:
    before = frames(page)
    eventually("the picture moves", lambda: frames(page) > before + 10, 20)


def sign_in(page: Page, demo: Demo, role: str) -> None:
    account = demo.keys["accounts"][role]
    page.goto(f"{demo.base_url}/login")
    test_id(page, "login-input").fill(account["login"])
    test_id(page, "password-input").fill(account["password"])
    test_id(page, "login-submit").click()
    page.wait_for_url(lambda url: "/login" not in url)


def pay_at_the_cashier(page: Page, room: str) -> None:
    page.wait_for_url("**/sandbox/payments/**")
    test_id(page, "approve").click()
    page.wait_for_url(f"**/live/{room}**", timeout=30_000)


def close_sheet(page: Page) -> None:
    test_id(page, "sheet-close").first.click()
    expect(test_id(page, "sheet-close")).to_have_count(0)


@pytest.fixture(scope="module")
def stage(network: Network) -> dict[str, str]:
    """A planned room with one product on its shelf, and a guide's link into it."""
    demo = network.demo
    operator = demo.staff("operator")
    room = operator.post("/api/rooms", {"title": "浏览器直播间", "audience": "public"}).json()["id"]
    product = demo.keys["product_id"]
    assert operator.post(f"/api/rooms/{room}/shelf", {"product_id": product}).is_success
    invitation = demo.staff("guide").post("/api/invitations", {"room_id": room})
    assert invitation.status_code == 201, invitation.text
    return {"room": room, "invite": invitation.json()["url"], "product": product}


def test_the_whole_job(network: Network, browser: Browser, stage: dict[str, str], shots: Path) -> None:
    host = context(browser, DESKTOP).new_page()
    phone = context(browser, PHONE).new_page()
    wire = Wire(phone)
    with pictures_of_failure(shots, host=host, phone=phone):
        job(network, browser, stage, shots, host, phone, wire)


def job(
    network: Network,
    browser: Browser,
    stage: dict[str, str],
    shots: Path,
    host: Page,
    phone: Page,
    wire: Wire,
) -> None:
    demo, room = network.demo, stage["room"]

    # The host goes live with a real clip as the camera.
    sign_in(host, demo, "host")
    host.goto(f"{demo.base_url}/control/{room}")
    test_id(host, "start-camera").first.click()
    eventually("the camera is seen", lambda: _spin(host) or frames(host) > 3)
    test_id(host, "go-live").click()
    expect(test_id(host, "room-state").first).to_contain_text("直播中")

    # A viewer comes by the guide's link: moving pictures and sound.
    phone.goto(stage["invite"])
    phone.wait_for_url(f"**/live/{room}**")
    eventually("the picture is there", lambda: frames(phone) > 5, 20)
    moving(phone)
    if test_id(phone, "unmute").is_visible():
        test_id(phone, "unmute").click()
    assert loudness(phone) > 0.01

    # A smaller picture goes out at a press, the phone gets it, and the details tell what arrives.
    full = lines(phone)
    test_id(host, "devices").click()
    test_id(host, "quality-540").click()
    eventually("the phone gets 540 lines", lambda: _spin(phone) or lines(phone) == 540, 20)
    test_id(host, "devices").click()
    test_id(host, "upload-line").click()
    expect(test_id(host, "upload-size")).to_contain_text("540")
    expect(test_id(host, "upload-rate")).to_have_text(re.compile(r"[\d,]{3,}"))
    expect(test_id(host, "upload-viewers")).to_have_text("1")
    host.screenshot(path=shots / "job-control-upload.png")
    test_id(host, "devices").click()
    test_id(host, "quality-720").click()
    eventually("the phone gets them all again", lambda: _spin(phone) or lines(phone) == full, 20)
    test_id(host, "devices").click()

    # Chat: the name is asked for at the first line.
    test_id(phone, "say-input").fill("龙井还有吗？")
    test_id(phone, "say-send").click()
    test_id(phone, "name-input").fill("小明")
    test_id(phone, "name-ok").click()
    expect(test_id(host, "chat-line").filter(has_text="龙井还有吗？").first).to_be_visible()

    # A product is pinned, a sale of five units opens.
    test_id(host, "pin-1").click()
    expect(test_id(phone, "pinned-card").first).to_be_visible()
    test_id(host, "sale-open").first.click()
    test_id(host, "sale-price").locator("input").or_(test_id(host, "sale-price")).last.fill("59.90")
    test_id(host, "sale-stock").locator("input").or_(test_id(host, "sale-stock")).last.fill(str(UNITS))
    test_id(host, "sale-submit").click()
    expect(test_id(phone, "pinned-card").first).to_contain_text("59.90")
    phone.screenshot(path=shots / "job-live-pinned.png")

    # The phone taps while twenty rivals race for the other four: five hold.
    sale = next(
        sale
        for sale in demo.staff("operator").get(f"/api/rooms/{room}/flash-sales").json()
        if sale["state"] == "open"
    )
    rivals = [demo.guest(f"对手{i}") for i in range(RIVALS)]
    test_id(phone, "claim").first.click()
    expect(test_id(phone, "claim-result")).to_be_visible()
    expect(test_id(phone, "pay").first).to_be_visible()

    def race(rival: Person) -> int:
        path = f"/api/rooms/{room}/flash-sales/{sale['sale_id']}/holds"
        return rival.post(path, {"quantity": 1}, key=uuid.uuid4().hex).status_code

    with ThreadPoolExecutor(RIVALS) as pool:
        outcomes = list(pool.map(race, rivals))
    assert (outcomes.count(201), outcomes.count(409)) == (UNITS - 1, RIVALS - UNITS + 1)
    expect(test_id(host, "sale-held")).to_have_text(str(UNITS))
    phone.screenshot(path=shots / "job-live-held.png")
    host.screenshot(path=shots / "job-control-sale.png")

    # The phone pays; ticker, credit, timeline and figures know of it.
    test_id(phone, "pay").first.click()
    pay_at_the_cashier(phone, room)
    expect(test_id(host, "sale-sold")).to_have_text("1", timeout=20_000)
    expect(test_id(host, "ticker-row").filter(has_text="小明").first).to_be_visible()
    expect(test_id(host, "figure-amount")).to_contain_text("59.9")
    guide = context(browser, PHONE).new_page()
    sign_in(guide, demo, "guide")
    guide.goto(f"{demo.base_url}/store/{demo.keys['store_id']}")
    expect(test_id(guide, "credit-row").filter(has_text="小明").first).to_contain_text("59.9")
    guide.context.close()
    orders = (
        demo.staff("owner").get("/api/orders", params={"room_id": room, "status": "paid"}).json()["items"]
    )
    (order,) = orders
    owner = context(browser, DESKTOP).new_page()
    sign_in(owner, demo, "owner")
    owner.goto(f"{demo.base_url}/hq/members")
    test_id(owner, "member-row").filter(has_text="小明").first.click()
    expect(test_id(owner, "timeline-row").first).to_be_visible()
    timeline = (
        demo.staff("owner").get(f"/api/members/{order['member']['member_id']}/timeline").json()["items"]
    )
    assert {"visit", "claim", "order"} <= {entry["kind"] for entry in timeline}
    owner.screenshot(path=shots / "job-member.png")
    owner.context.close()

    # A tip: the wallet is topped up at the same cashier, the host sees the gift.
    expect(test_id(phone, "order-row").first).to_contain_text("59.9")
    phone.screenshot(path=shots / "job-live-orders.png")
    close_sheet(phone)
    test_id(phone, "gift-button").click()
    test_id(phone, "gift-item").first.click()
    test_id(phone, "top-up-open").or_(test_id(phone, "top-up")).first.click()
    if test_id(phone, "top-up").is_visible() and "/sandbox/" not in phone.url:
        test_id(phone, "top-up").click()
    pay_at_the_cashier(phone, room)
    test_id(phone, "gift-item").first.click()  # the sheet is open where it was left
    test_id(phone, "gift-send").click()
    expect(test_id(host, "gift-row").first).to_be_visible(timeout=20_000)
    host.screenshot(path=shots / "job-control-gift.png")
    if test_id(phone, "sheet-close").first.is_visible():
        test_id(phone, "sheet-close").first.click()

    # The line is cut for five seconds; meanwhile somebody buys. Nothing that counts is lost.
    moving(phone)
    seen, closed, opened = len(wire.facts), wire.closed, wire.opened
    buyer = next(rival for rival, outcome in zip(rivals, outcomes, strict=True) if outcome == 201)
    network.cut()
    direct = Person(network.direct, buyer.token)
    held = direct.get("/api/orders").json()["items"][0]["order_id"]
    payment = direct.post(f"/api/orders/{held}/payments", {"provider": "sandbox"}).json()["payment_id"]
    assert Person(network.direct).post(f"/sandbox/payments/{payment}/approve").status_code == 202
    eventually("the socket is seen closed", lambda: _spin(phone) or wire.closed > closed, 10)
    expect(test_id(phone, "reconnecting")).to_be_visible(timeout=10_000)
    phone.screenshot(path=shots / "job-live-reconnecting.png")
    _wait(phone, 5)
    network.mend()
    eventually("the socket is open again", lambda: _spin(phone) or wire.opened > opened, 30)
    eventually("the purchase came", lambda: _spin(phone) or "order.ticker" in wire.kinds()[seen:], 20)
    expect(test_id(phone, "reconnecting")).to_be_hidden(timeout=20_000)
    expect(test_id(host, "sale-sold")).to_have_text("2", timeout=30_000)
    eventually("the picture is back", lambda: _moves(phone), 40)
    last, *came = (fact[:2] for fact in wire.facts[seen - 1 :])
    assert came == [(last[0], last[1] + 1 + number) for number in range(len(came))], (
        "lost, twice or out of order"
    )

    # Headquarters refunds; the credit goes back.
    refund = demo.staff("owner").post(
        f"/api/orders/{order['order_id']}/refunds", {"amount_minor": order["amount_minor"]}
    )
    assert refund.status_code == 201, refund.text
    (credit,) = demo.staff("manager").get(f"/api/orders/{order['order_id']}/credits").json()["items"]
    assert credit["reversed_minor"] == credit["amount_minor"] == order["amount_minor"]

    # The room ends with a report.
    test_id(host, "end-room").click()
    test_id(host, "end-confirm").click()
    expect(test_id(host, "report")).to_be_visible(timeout=20_000)
    expect(test_id(phone, "ended")).to_be_visible(timeout=20_000)
    host.screenshot(path=shots / "job-report.png")
    phone.screenshot(path=shots / "job-live-ended.png")
    proof = json.loads(run_cli(demo.data, "verify", "--json").stdout)
    assert proof["ok"], {name: check for name, check in proof["checks"].items() if not check["ok"]}


def _spin(page: Page) -> None:
    """Let the page's events through: the sync API hears them only while it is called."""
    page.wait_for_timeout(50)


def _wait(page: Page, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        _spin(page)


def _moves(page: Page) -> bool:
    before = frames(page)
    _wait(page, 1)
    return frames(page) > before + 5
