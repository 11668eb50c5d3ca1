"""A buyer within WeChat: WeChat says once who it is, and from then on the server knows whom a payment names."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from sqlalchemy import text

from server.kit.facts import record
from server.members.facts import MembersMerged
from server.payments import openids
from tests.server.payments.official_account import refusal

BUYER = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
LIVE = "/live/1?i=AbC#here"


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


class Browser:
    """One within WeChat, in which this member's page is open."""

    def __init__(self, till, member) -> None:
        self.till, self.member = till, member
        self.cookies: dict[str, str] = {}

    async def sets_out(self, to: str = LIVE) -> str:
        answer = await self.till.ask(
            self.member, "POST", "/api/payments/wechat/visits", json={"return_url": to}
        )
        assert answer.status_code == 201, answer.text
        kept = answer.headers["set-cookie"]
        assert all(part in kept for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/wechat/openid"))
        self.cookies = {"showfloor_wechat": kept.partition("=")[2].partition(";")[0].strip('"')}
        return answer.json()["url"]

    async def comes_back(self, path: str) -> Any:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return await self.till.ask(None, "GET", path, headers={"Cookie": cookie})

    async def visits(self, official_account, openid: str = BUYER) -> str:
        """Where the visit ends."""
        answer = await self.comes_back(official_account.visited(await self.sets_out(), openid))
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


@pytest.fixture
async def browser(wechat_till) -> Browser:
    return Browser(wechat_till, await wechat_till.shop.member())


async def kept(till) -> list[tuple[str, str]]:
    async with till.database.transaction() as session:
        rows = await session.execute(text("SELECT member_id::text, openid FROM buyer_openid ORDER BY id"))
        return [tuple(row) for row in rows]


def why(location: str) -> str:
    return parse_qs(urlsplit(location).query).get("wechat", [""])[0]


async def pays(till, member, order_id=None, **body: Any):
    order_id = order_id or await till.order(member)
    return await till.start(member, order_id, "wechat_pay", scene="wechat", **body)


async def test_a_visit_to_wechat_comes_back_to_the_same_place_and_lets_the_payment_begin(
    wechat_till, wechat_pay, official_account, browser
):
    order_id = await wechat_till.order(browser.member)
    refused = await pays(wechat_till, browser.member, order_id)
    assert (refused.status_code, refused.json()["slug"]) == (422, "openid-needed")
    assert await browser.visits(official_account) == LIVE
    started = await pays(wechat_till, browser.member, order_id)
    assert started.status_code == 201, started.text
    assert started.json()["next"]["parameters"]["package"].startswith("prepay_id=")
    [trade] = wechat_pay.trades.values()
    assert trade.order["payer"] == {"openid": BUYER}
    assert BUYER not in started.text
    shown = await wechat_till.ask(browser.member, "GET", f"/api/payments/{started.json()['payment_id']}")
    assert BUYER not in shown.text
    assert len(official_account.asked) == 1


async def test_the_openid_that_a_client_sends_goes_before_the_one_that_is_known(
    wechat_till, wechat_pay, official_account, browser
):
    await browser.visits(official_account)
    assert (await pays(wechat_till, browser.member, openid="oOfAClient")).status_code == 201
    [trade] = wechat_pay.trades.values()
    assert trade.order["payer"] == {"openid": "oOfAClient"}


async def test_from_another_wechat_account_the_payment_is_another_and_the_first_is_closed(
    wechat_till, wechat_pay, official_account, browser
):
    order_id = await wechat_till.order(browser.member)
    await browser.visits(official_account, "oFirst")
    first = (await pays(wechat_till, browser.member, order_id)).json()
    wechat_till.ahead = minutes(1)
    await browser.visits(official_account, "oSecond")
    second = (await pays(wechat_till, browser.member, order_id)).json()
    assert second["payment_id"] != first["payment_id"]
    assert (await wechat_till.payment(first["payment_id"])).status == "closing"
    assert [trade.order["payer"]["openid"] for trade in wechat_pay.trades.values()] == ["oFirst", "oSecond"]
    assert await kept(wechat_till) == [(str(browser.member.id), "oSecond")]


async def test_another_way_to_pay_within_wechat_needs_no_openid(wechat_till):
    member = await wechat_till.shop.member()
    answer = await wechat_till.start(member, await wechat_till.order(member), "stripe", scene="wechat")
    assert answer.status_code == 201


async def test_without_the_secret_nothing_is_offered_within_wechat(till, wechat_till, official_account):
    offers = (await till.ask(None, "GET", "/api/payments/providers")).json()["items"]
    assert {"name": "wechat_pay"} in offers
    without = msgspec.structs.replace(till.settings.wechat_pay, app_secret="")
    till.settings = msgspec.structs.replace(till.settings, wechat_pay=without)
    offers = (await till.ask(None, "GET", "/api/payments/providers")).json()["items"]
    assert {"name": "wechat_pay", "within_wechat": False} in offers
    member = await till.shop.member()
    answer = await till.ask(member, "POST", "/api/payments/wechat/visits", json={"return_url": "/"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/\t/elsewhere", ""]
)
async def test_a_visit_ends_on_this_site_only(wechat_till, path):
    member = await wechat_till.shop.member()
    answer = await wechat_till.ask(member, "POST", "/api/payments/wechat/visits", json={"return_url": path})
    assert answer.status_code == 422


async def test_nobody_but_a_member_sets_out(wechat_till):
    for who, status in ((None, 401), (wechat_till.shop.owner, 403)):
        answer = await wechat_till.ask(who, "POST", "/api/payments/wechat/visits", json={"return_url": "/"})
        assert answer.status_code == status


async def test_a_state_that_was_changed_or_leads_elsewhere_is_refused(wechat_till, official_account, browser):
    path = official_account.visited(await browser.sets_out("/live/1"), BUYER)
    state = parse_qs(urlsplit(path).query)["state"][0]
    for changed in (
        path.replace("to=%2Flive%2F1", "to=https%3A%2F%2Felsewhere.example"),
        path.replace("to=%2Flive%2F1", "to=%2Flive%2F2"),
        *(path.replace(state, _flipped(state, at)) for at in range(0, len(state), 7)),
    ):
        assert changed != path
        assert (await browser.comes_back(changed)).json()["slug"] == "forged-state"
    for malformed in (state[:-1], state + "0", "", "g" * len(state)):
        assert (await browser.comes_back(path.replace(state, malformed))).status_code in {400, 422}
    assert (official_account.asked, await kept(wechat_till)) == ([], [])


async def test_another_browser_cannot_end_a_visit(wechat_till, official_account, browser):
    """Whoever lures a buyer to a way back of his own would have the buyer named in his payments."""
    path = official_account.visited(await browser.sets_out(), BUYER)
    other = Browser(wechat_till, await wechat_till.shop.member())
    assert why((await other.comes_back(path)).headers["location"]) == "stale"
    await other.sets_out()
    assert why((await other.comes_back(path)).headers["location"]) == "stale"
    assert (official_account.asked, await kept(wechat_till)) == ([], [])


async def test_a_visit_is_over_after_ten_minutes(wechat_till, official_account, browser):
    path = official_account.visited(await browser.sets_out(), BUYER)
    wechat_till.ahead = minutes(10)
    assert why((await browser.comes_back(path)).headers["location"]) == "stale"
    assert official_account.asked == []


async def test_a_browser_that_comes_back_twice_asks_once_and_finds_it_done(
    wechat_till, official_account, browser
):
    path = official_account.visited(await browser.sets_out(), BUYER)
    first = await browser.comes_back(path)
    assert "Max-Age=0" in first.headers["set-cookie"]
    browser.cookies = {}
    assert (await browser.comes_back(path)).headers["location"] == LIVE
    assert len(official_account.asked) == 1


async def test_a_code_is_used_once(wechat_till, official_account, browser):
    code = official_account.code_for(BUYER)
    official_account.codes[code].used = True
    path = official_account.visited(await browser.sets_out(), BUYER)
    used = path.replace(parse_qs(urlsplit(path).query)["code"][0], code)
    assert why((await browser.comes_back(used)).headers["location"]) == "stale"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refusal(40029, "invalid code"), "stale"),
        (refusal(40163, "code been used"), "stale"),
        (refusal(45011, "api minute-quota reach limit"), "away"),
        (refusal(-1, "system error"), "away"),
        (refusal(40125, "invalid appsecret"), "refused"),
        (503, "away"),
        (200, "away"),
        ({"openid": 7}, "away"),
        ({}, "refused"),
    ],
)
async def test_what_wechat_answers_instead_is_told_to_the_page(
    wechat_till, official_account, browser, answer, told
):
    official_account.answer_next = [answer]
    location = await browser.visits(official_account)
    assert location == f"/live/1?i=AbC&wechat={told}#here"
    assert await kept(wechat_till) == []
    assert (await pays(wechat_till, browser.member)).json()["slug"] == "openid-needed"
    assert await browser.visits(official_account) == LIVE


async def test_a_wrong_secret_an_old_code_and_a_previews_account_are_no_success(
    wechat_till, official_account, browser
):
    official_account.is_snapshot = True
    assert why(await browser.visits(official_account)) == "refused"
    official_account.is_snapshot, official_account.ahead_s = False, 301
    assert why(await browser.visits(official_account)) == "stale"
    official_account.ahead_s, official_account.secret = 0, "another"
    assert why(await browser.visits(official_account)) == "refused"
    assert await kept(wechat_till) == []


async def test_wechat_that_hangs_or_is_away_delays_a_moment(
    wechat_till, official_account, browser, monkeypatch
):
    monkeypatch.setattr(openids, "PATIENCE_S", 0.2)
    official_account.hangs = True
    assert why(await browser.visits(official_account)) == "away"
    path = official_account.visited(await browser.sets_out(), BUYER)
    await official_account.stop()
    assert why((await browser.comes_back(path)).headers["location"]) == "away"


async def test_a_guest_who_is_known_brings_the_openid_along(wechat_till, official_account, browser):
    known = Browser(wechat_till, await wechat_till.shop.member("Li"))
    await known.visits(official_account, "oOld")
    wechat_till.ahead = minutes(1)
    await browser.visits(official_account, "oNew")
    path = official_account.visited(await browser.sets_out(), "oNewest")
    await _merge(wechat_till, browser.member, known.member)
    assert await kept(wechat_till) == [(str(known.member.id), "oNew")]
    wechat_till.ahead = minutes(2)
    assert (await browser.comes_back(path)).headers["location"] == LIVE
    assert [who for who, _ in await kept(wechat_till)] == [str(known.member.id)]


async def test_a_members_newer_openid_stays_when_a_guest_is_merged(wechat_till, official_account, browser):
    known = Browser(wechat_till, await wechat_till.shop.member("Li"))
    await browser.visits(official_account, "oOld")
    wechat_till.ahead = minutes(1)
    await known.visits(official_account, "oNew")
    await _merge(wechat_till, browser.member, known.member)
    assert await kept(wechat_till) == [(str(known.member.id), "oNew")]


async def test_visits_at_once_leave_one_openid(wechat_till, official_account, browser):
    browsers = [Browser(wechat_till, browser.member) for _ in range(6)]
    ends = await asyncio.gather(*(one.visits(official_account) for one in browsers))
    assert set(ends) == {LIVE}
    assert await kept(wechat_till) == [(str(browser.member.id), BUYER)]


async def test_a_top_up_within_wechat_works_the_same(wechat_till, wechat_pay, official_account, browser):
    asked = {"amount_minor": 1000, "provider": "wechat_pay", "scene": "wechat"}
    refused = await wechat_till.ask(browser.member, "POST", "/api/wallet/top-ups", json=asked)
    assert refused.json()["slug"] == "openid-needed"
    await browser.visits(official_account)
    assert (
        await wechat_till.ask(browser.member, "POST", "/api/wallet/top-ups", json=asked)
    ).status_code == 201
    [trade] = wechat_pay.trades.values()
    assert trade.order["payer"] == {"openid": BUYER}


async def _merge(till, guest, member) -> None:
    async with till.database.transaction() as session:
        await session.execute(
            text("UPDATE member SET merged_into = :member WHERE id = :guest"),
            {"member": member.id, "guest": guest.id},
        )
        fact = MembersMerged(brand_id=till.shop.brand_id, guest_id=guest.id, member_id=member.id)
        await record(session, fact)


def _flipped(state: str, at: int) -> str:
    return state[:at] + ("0" if state[at] != "0" else "1") + state[at + 1 :]
