"""WeChat Pay, against a strict fake of it that checks our signatures and signs its answers."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from server.kit.clock import SHOP_ZONE, utc_now
from server.payments.providers import ProviderError
from tests.server.payments.till import PRICE_MINOR
from tests.server.payments.wechat import Refusal


def number(started: dict) -> str:
    return started["payment_id"].replace("-", "")


async def paid(till, wechat_pay):
    _, order_id, started = await till.started("wechat_pay")
    wechat_pay.pay(number(started))
    assert (await till.notify("wechat_pay", wechat_pay.told(number(started)))).json() == {"new": True}
    return order_id, started


async def test_a_desktop_gets_a_code_to_scan_and_the_notice_pays_the_order(till, wechat_pay):
    member, order_id, started = await till.started("wechat_pay")
    assert started["cashier_url"] == f"https://shop.example/pay/{started['payment_id']}"
    assert started["next"]["type"] == "qr"
    shown = (await till.ask(member, "GET", f"/api/payments/{started['payment_id']}")).json()
    assert shown["next"]["content"].startswith("weixin://wxpay/")
    assert shown["qr_svg"].startswith("<?xml")
    trade = wechat_pay.pay(number(started))
    assert trade.order["amount"] == {"total": PRICE_MINOR, "currency": "CNY"}
    assert trade.order["notify_url"] == "https://shop.example/api/payments/webhooks/wechat_pay"
    notice = wechat_pay.told(number(started))
    assert [(await till.notify("wechat_pay", notice)).json()["new"] for _ in range(3)] == [True, False, False]
    assert (await till.read(order_id)).status == "paid"
    payment = await till.payment(started["payment_id"])
    assert (payment.trade_no, payment.succeeded_at) == (trade.transaction_id, trade.paid_at)
    await till.books_are_right()


async def test_a_phone_is_led_to_the_app_and_back(till, wechat_pay):
    _, _, started = await till.started("wechat_pay", scene="phone", return_url="/live/1?a=b")
    assert started["cashier_url"].startswith("https://wx.tenpay.com/")
    assert started["cashier_url"].endswith("&redirect_url=https%3A%2F%2Fshop.example%2Flive%2F1%3Fa%3Db")
    assert wechat_pay.trades[number(started)].order["scene_info"]["payer_client_ip"] == "127.0.0.1"


async def test_within_wechat_the_page_gets_what_the_bridge_takes(till, wechat_pay):
    _, _, started = await till.started("wechat_pay", scene="wechat", openid="oUpF8uMu")
    parameters = started["next"]["parameters"]
    assert set(parameters) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert wechat_pay.trades[number(started)].order["payer"] == {"openid": "oUpF8uMu"}


async def test_a_payment_within_wechat_needs_the_openid(till):
    member = await till.shop.member()
    answer = await till.start(member, await till.order(member), "wechat_pay", scene="wechat")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "openid")


async def test_beginning_again_gives_the_same_payment_and_asks_once(till, wechat_pay):
    member, order_id, first = await till.started("wechat_pay")
    answers = await asyncio.gather(*(till.start(member, order_id, "wechat_pay") for _ in range(5)))
    assert {answer.json()["payment_id"] for answer in answers} == {first["payment_id"]}
    assert len(wechat_pay.asked) == 1


async def test_what_began_before_a_crash_begins_again_at_the_provider(till, wechat_pay):
    member, order_id, first = await till.started("wechat_pay")
    async with till.database.transaction() as session:
        payment = await session.get_one(type(await till.payment(first["payment_id"])), first["payment_id"])
        payment.begun = None
    again = (await till.start(member, order_id, "wechat_pay")).json()
    assert (again["payment_id"], again["next"]["type"]) == (first["payment_id"], "qr")
    assert len(wechat_pay.trades) == 1


async def test_a_desktop_and_a_phone_pay_by_payments_of_their_own_and_the_other_is_closed(till, wechat_pay):
    member, order_id, desktop = await till.started("wechat_pay")
    phone = (await till.start(member, order_id, "wechat_pay", scene="phone")).json()
    assert phone["payment_id"] != desktop["payment_id"]
    wechat_pay.pay(number(phone))
    await till.notify("wechat_pay", wechat_pay.told(number(phone)))
    await till.later(seconds=1)
    assert wechat_pay.trades[number(desktop)].state == "CLOSED"
    assert (await till.payment(desktop["payment_id"])).status == "closed"
    assert (await till.read(order_id)).status == "paid"
    await till.books_are_right()


@pytest.mark.parametrize(
    ("refusal", "status", "slug"),
    [
        (Refusal(500, "SYSTEM_ERROR"), 503, "provider-away"),
        (Refusal(429, "FREQUENCY_LIMITED"), 503, "provider-away"),
        (Refusal(400, "PARAM_ERROR"), 409, "provider-refused"),
        (Refusal(401, "SIGN_ERROR"), 409, "provider-refused"),
        (Refusal(403, "NO_AUTH"), 409, "provider-refused"),
    ],
)
async def test_what_the_provider_refuses_is_told_to_the_buyer_and_the_next_try_may_work(
    till, wechat_pay, refusal, status, slug
):
    member = await till.shop.member()
    order_id = await till.order(member)
    wechat_pay.refuse_next = [refusal]
    answer = await till.start(member, order_id, "wechat_pay")
    assert (answer.status_code, answer.json()["slug"]) == (status, slug)
    assert refusal.code not in answer.text
    assert (await till.start(member, order_id, "wechat_pay")).status_code == 201
    await till.books_are_right()


async def test_an_answer_that_wechat_pay_did_not_sign_is_not_believed(till, wechat_pay):
    member = await till.shop.member()
    wechat_pay.forges_answers = True
    answer = await till.start(member, await till.order(member), "wechat_pay")
    assert (answer.status_code, answer.json()["slug"]) == (503, "provider-away")


async def test_a_clock_that_is_wrong_is_refused_there(till, wechat_pay):
    member = await till.shop.member()
    wechat_pay.clock_ahead_s = 301
    answer = await till.start(member, await till.order(member), "wechat_pay")
    assert answer.json()["slug"] == "provider-refused"


async def test_a_payment_whose_notice_never_came_is_found_after_a_minute(till, wechat_pay):
    _, order_id, started = await till.started("wechat_pay")
    wechat_pay.pay(number(started))
    await till.later(seconds=50)
    assert (await till.read(order_id)).status == "awaiting_payment"
    await till.later(seconds=11)
    assert (await till.read(order_id)).status == "paid"
    assert (await till.notify("wechat_pay", wechat_pay.told(number(started)))).json() == {"new": True}
    assert (await till.read(order_id)).paid_minor == PRICE_MINOR
    await till.books_are_right()


async def test_a_payment_that_still_waits_is_asked_about_less_and_less(till, wechat_pay):
    await till.started("wechat_pay")
    for seconds in (61, 59, 62, 240, 1):
        await till.later(seconds=seconds)
    looks = [path for method, path in wechat_pay.asked if method == "GET"]
    assert len(looks) == 3


async def test_when_the_time_to_pay_is_over_it_is_closed_there(till, wechat_pay):
    _, _, started = await till.started("wechat_pay")
    await till.later(minutes=15, seconds=1)
    assert wechat_pay.trades[number(started)].state == "CLOSED"
    assert (await till.payment(started["payment_id"])).status == "closed"
    await till.books_are_right()


async def test_a_cancelled_order_is_closed_there_at_once(till, wechat_pay):
    member, order_id, started = await till.started("wechat_pay")
    assert (await till.ask(member, "POST", f"/api/orders/{order_id}/cancel")).status_code == 200
    await till.later(seconds=1)
    assert wechat_pay.trades[number(started)].state == "CLOSED"


async def test_money_that_came_before_the_closing_is_booked_by_the_closing(till, wechat_pay):
    member, order_id, started = await till.started("wechat_pay")
    wechat_pay.pay(number(started))
    await till.ask(member, "POST", f"/api/orders/{order_id}/cancel")
    await till.later(seconds=1)
    order = await till.read(order_id)
    assert (order.status, order.refund_due_minor) == ("cancelled", PRICE_MINOR)
    await till.books_are_right()


async def test_paid_there_and_begun_again_here_is_paid(till, wechat_pay):
    member, order_id, started = await till.started("wechat_pay")
    wechat_pay.pay(number(started))
    async with till.database.transaction() as session:
        payment = await session.get_one(
            type(await till.payment(started["payment_id"])), started["payment_id"]
        )
        payment.begun = None
    answer = await till.start(member, order_id, "wechat_pay")
    assert (answer.status_code, answer.json()["slug"]) == (409, "payment-decided")
    assert (await till.read(order_id)).status == "paid"


async def test_a_refund_goes_back_once_however_often_it_is_asked(till, wechat_pay):
    order_id, started = await paid(till, wechat_pay)
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    (refund,) = wechat_pay.refunds.values()
    assert (refund.amount, refund.number) == (1000, refund_id.hex)
    payment, row = await till.payment(started["payment_id"]), await till.refunded(refund_id)
    again = await till.providers["wechat_pay"].refund(payment, row)
    assert (again.status, len(wechat_pay.refunds)) == ("succeeded", 1)
    await till.books_are_right()


async def test_a_refund_under_way_is_finished_by_its_notice(till, wechat_pay):
    order_id, _ = await paid(till, wechat_pay)
    wechat_pay.refunds_become = "PROCESSING"
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "requested"
    wechat_pay.settle_refund(refund_id.hex, "SUCCESS")
    notice = wechat_pay.told_of_refund(refund_id.hex)
    assert [(await till.notify("wechat_pay", notice)).json()["new"] for _ in range(2)] == [True, False]
    assert (await till.refunded(refund_id)).status == "succeeded"
    await till.books_are_right()


async def test_a_refund_under_way_is_finished_by_asking(till, wechat_pay):
    order_id, _ = await paid(till, wechat_pay)
    wechat_pay.refunds_become = "PROCESSING"
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    wechat_pay.settle_refund(refund_id.hex, "SUCCESS")
    await till.later(seconds=31)
    assert (await till.refunded(refund_id)).status == "succeeded"
    assert len(wechat_pay.refunds) == 1


async def test_a_refund_without_cover_waits_for_staff_and_is_sent_again(till, wechat_pay):
    order_id, _ = await paid(till, wechat_pay)
    wechat_pay.balance_minor = 10
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    refused = await till.refunded(refund_id)
    assert (refused.status, refused.failure) == ("failed", "NOT_ENOUGH: 余额不足")
    wechat_pay.balance_minor = 10_000
    assert (
        await till.ask(till.shop.owner, "POST", f"/api/payments/refunds/{refund_id}/retry")
    ).status_code == 202
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    assert sum(refund.amount for refund in wechat_pay.refunds.values()) == 1000
    await till.books_are_right()


@pytest.mark.parametrize("refusal", [Refusal(429, "FREQUENCY_LIMITED"), Refusal(500, "SYSTEM_ERROR")])
async def test_a_refund_that_the_provider_had_no_time_for_is_sent_again_by_itself(till, wechat_pay, refusal):
    order_id, _ = await paid(till, wechat_pay)
    refund_id = await till.refund(order_id)
    wechat_pay.refuse_next = [refusal]
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "requested"
    await till.later(seconds=31)
    assert (await till.refunded(refund_id)).status == "succeeded"


async def test_a_refund_that_was_closed_there_gets_a_new_number(till, wechat_pay):
    order_id, _ = await paid(till, wechat_pay)
    wechat_pay.refunds_become = "CLOSED"
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "failed"
    wechat_pay.refunds_become = "SUCCESS"
    await till.ask(till.shop.owner, "POST", f"/api/payments/refunds/{refund_id}/retry")
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    assert set(wechat_pay.refunds) == {refund_id.hex, f"{refund_id.hex}-1"}
    notice = wechat_pay.told_of_refund(f"{refund_id.hex}-1")
    assert (await till.notify("wechat_pay", notice)).status_code == 200


async def test_a_refund_that_lies_with_a_dead_card_is_never_sent_twice(till, wechat_pay):
    order_id, _ = await paid(till, wechat_pay)
    wechat_pay.refunds_become = "ABNORMAL"
    refund_id = await till.refund(order_id)
    for _ in range(3):
        await till.later(seconds=1)
        assert (await till.refunded(refund_id)).failure.startswith("ABNORMAL")
        await till.ask(till.shop.owner, "POST", f"/api/payments/refunds/{refund_id}/retry")
    wechat_pay.settle_refund(refund_id.hex, "SUCCESS")  # by hand, on WeChat Pay's own page
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    assert len(wechat_pay.refunds) == 1


async def test_the_days_bill_is_fetched_and_read(till, wechat_pay):
    order_id, started = await paid(till, wechat_pay)
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    provider = till.providers["wechat_pay"]
    today = utc_now().astimezone(SHOP_ZONE).date()
    lines = provider.read_statement(await provider.statement(today))
    assert [(line.kind, line.number, line.amount_minor) for line in lines] == [
        ("payment", number(started), PRICE_MINOR),
        ("refund", refund_id.hex, 1000),
    ]
    assert provider.read_statement(await provider.statement(date(2020, 1, 1))) == []
    wechat_pay.refuse_next = [Refusal(400, "STATEMENT_CREATING", "账单生成中")]
    with pytest.raises(ProviderError):
        await provider.statement(today)
