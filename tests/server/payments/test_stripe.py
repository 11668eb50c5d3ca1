"""Stripe, against localstripe with Checkout sessions."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from aiohttp import web
from localstripe.errors import UserError

from server.kit.clock import SHOP_ZONE, utc_now
from server.payments.models import Payment, Refund
from tests.server.payments.stripe_server import DECLINED_CARD
from tests.server.payments.till import PRICE_MINOR


async def session_of(till, started) -> str:
    return (await till.payment(started["payment_id"])).provider_ref


async def paid(till, stripe):
    _, order_id, started = await till.started("stripe")
    session = stripe.pay(await session_of(till, started))
    notice = stripe.told("checkout.session.completed", session)
    assert (await till.notify("stripe", notice)).json() == {"new": True}
    return order_id, started


async def changed(till, row: type, key, **values) -> None:
    async with till.database.transaction() as session:
        found = await session.get_one(row, key)
        for name, value in values.items():
            setattr(found, name, value)


async def test_the_buyer_pays_on_stripes_own_page_and_the_notice_pays_the_order(till, stripe):
    _, order_id, started = await till.started("stripe", return_url="/live/1")
    assert started["cashier_url"].startswith("https://checkout.stripe.com/")
    session = stripe.session(await session_of(till, started))
    assert (session["amount_total"], session["currency"]) == (PRICE_MINOR, "cny")
    assert session["success_url"] == session["cancel_url"] == "https://shop.example/live/1"
    notice = stripe.told("checkout.session.completed", stripe.pay(session["id"]))
    assert [(await till.notify("stripe", notice)).json()["new"] for _ in range(2)] == [True, False]
    assert (await till.read(order_id)).status == "paid"
    assert (await till.payment(started["payment_id"])).trade_no.startswith("pi_")
    await till.books_are_right()


async def test_a_notice_as_the_server_itself_sends_it_is_taken(till, stripe):
    heard: asyncio.Queue = asyncio.Queue()

    async def hear(request: web.Request) -> web.Response:
        heard.put_nowait((await request.read(), dict(request.headers)))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stripe.sends_notices_to(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/")
    _, order_id, started = await till.started("stripe")
    stripe.pay(await session_of(till, started))
    new: list[bool | None] = []
    async with asyncio.timeout(10):
        while (
            True not in new
        ):  # the intent's own events concern nobody here, those of other tests nobody any more
            raw, headers = await heard.get()
            kept = {name: value for name, value in headers.items() if name.lower() == "stripe-signature"}
            new.append((await till.notify("stripe", (raw, kept))).json().get("new"))
    await runner.cleanup()
    assert (await till.read(order_id)).status == "paid"


async def test_beginning_again_is_the_same_session_also_after_a_crash(till, stripe):
    member, order_id, first = await till.started("stripe")
    session = await session_of(till, first)
    await changed(till, Payment, first["payment_id"], begun=None, provider_ref=None)
    again = (await till.start(member, order_id, "stripe")).json()
    assert again["payment_id"] == first["payment_id"]
    assert await session_of(till, again) == session


async def test_a_declined_card_leaves_the_payment_open_for_another(till, stripe):
    _, order_id, started = await till.started("stripe")
    session = await session_of(till, started)
    with pytest.raises(UserError):
        stripe.pay(session, DECLINED_CARD)
    assert (await till.read(order_id)).status == "awaiting_payment"
    await till.notify("stripe", stripe.told("checkout.session.completed", stripe.pay(session)))
    assert (await till.read(order_id)).status == "paid"


async def test_a_payment_whose_notice_never_came_is_found_after_a_minute(till, stripe):
    _, order_id, started = await till.started("stripe")
    stripe.pay(await session_of(till, started))
    await till.later(seconds=61)
    assert (await till.read(order_id)).status == "paid"
    await till.books_are_right()


async def test_when_the_time_to_pay_is_over_the_session_is_closed(till, stripe):
    _, _, started = await till.started("stripe")
    await till.later(minutes=15, seconds=1)
    assert stripe.session(await session_of(till, started))["status"] == "expired"
    assert (await till.payment(started["payment_id"])).status == "closed"
    till.ahead = timedelta()
    notice = stripe.told("checkout.session.expired", stripe.session(await session_of(till, started)))
    assert (await till.notify("stripe", notice)).status_code == 200
    await till.books_are_right()


async def test_a_session_that_ended_there_is_a_failed_payment_and_the_buyer_may_try_again(till, stripe):
    member, order_id, started = await till.started("stripe")
    session = stripe.session(await session_of(till, started)) | {"status": "expired"}
    assert (await till.notify("stripe", stripe.told("checkout.session.expired", session))).json()["new"]
    assert (await till.payment(started["payment_id"])).status == "failed"
    again = (await till.start(member, order_id, "stripe")).json()
    assert again["payment_id"] != started["payment_id"]


async def test_an_amount_that_stripe_does_not_take_is_told(till, stripe):
    member = await till.shop.member()
    small = {"amount_minor": 1, "provider": "stripe"}
    answer = await till.ask(member, "POST", "/api/wallet/top-ups", json=small)
    assert (answer.status_code, answer.json()["slug"]) == (409, "provider-refused")


async def test_while_stripe_is_down_the_buyer_is_told_to_come_again(till, stripe):
    member = await till.shop.member()
    order_id = await till.order(member)
    stripe.down = True
    assert (await till.start(member, order_id, "stripe")).json()["slug"] == "provider-away"
    stripe.down = False
    assert (await till.start(member, order_id, "stripe")).status_code == 201


async def test_a_refund_goes_back_once_however_often_it_is_asked(till, stripe):
    order_id, started = await paid(till, stripe)
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    # A process died before it could write down the answer, and Stripe has forgotten the key since:
    stripe.keys.clear()
    lost = {"status": "requested", "settled_at": None, "provider_ref": None, "check_at": till.now()}
    await changed(till, Refund, refund_id, **lost)
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    assert len(stripe.refunds_of((await till.payment(started["payment_id"])).trade_no)) == 1
    await till.books_are_right()


async def test_a_refund_under_way_is_finished_by_notice_or_by_asking(till, stripe):
    for ends in ("notice", "asking"):
        order_id, started = await paid(till, stripe)
        stripe.refund_status = "pending"
        refund_id = await till.refund(order_id)
        await till.later(seconds=1)
        assert (await till.refunded(refund_id)).status == "requested"
        (refund,) = stripe.refunds_of((await till.payment(started["payment_id"])).trade_no)
        refund.status = "succeeded"
        if ends == "notice":
            assert (await till.notify("stripe", stripe.told("refund.updated", refund._export()))).json()[
                "new"
            ]
        else:
            await till.later(seconds=31)
        assert (await till.refunded(refund_id)).status == "succeeded"
    await till.books_are_right()


async def test_a_refund_that_failed_later_waits_for_staff_and_is_sent_again(till, stripe):
    order_id, started = await paid(till, stripe)
    stripe.refund_status = "pending"
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    (refund,) = stripe.refunds_of((await till.payment(started["payment_id"])).trade_no)
    refund.status = "failed"
    thing = refund._export() | {"failure_reason": "expired_or_canceled_card"}
    await till.notify("stripe", stripe.told("refund.failed", thing))
    assert (await till.refunded(refund_id)).failure == "Stripe: expired_or_canceled_card"
    stripe.refund_status = "succeeded"
    await till.ask(till.shop.owner, "POST", f"/api/payments/refunds/{refund_id}/retry")
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    await till.books_are_right()


async def test_money_that_went_back_by_hand_is_refused_a_second_time(till, stripe):
    order_id, started = await paid(till, stripe)
    intent = (await till.payment(started["payment_id"])).trade_no
    client = till.providers["stripe"]._client
    await client.v1.refunds.create_async({"payment_intent": intent, "amount": PRICE_MINOR})
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    refused = await till.refunded(refund_id)
    assert (refused.status, refused.failure.partition(":")[0]) == ("failed", "charge_already_refunded")


async def test_the_days_statement_is_fetched_and_read(till, stripe):
    order_id, started = await paid(till, stripe)
    await till.refund(order_id)
    await till.later(seconds=1)
    provider, today = till.providers["stripe"], utc_now().astimezone(SHOP_ZONE).date()
    lines = provider.read_statement(await provider.statement(today))
    intent = (await till.payment(started["payment_id"])).trade_no
    (refund,) = stripe.refunds_of(intent)
    assert ("payment", intent, PRICE_MINOR) in [(x.kind, x.trade_no, x.amount_minor) for x in lines]
    assert ("refund", refund.id, 1000) in [(x.kind, x.trade_no, x.amount_minor) for x in lines]
    assert provider.read_statement(await provider.statement(today - timedelta(days=9))) == []


async def test_a_downloaded_balance_export_is_read_by_its_own_names(till):
    raw = (
        "id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),payment_id (metadata)\n"
        "txn_1,charge,ch_1,29.90,1.17,28.73,cny,2025-06-01 04:00,0199f3c2-0000-7000-8000-000000000001\n"
        "txn_2,payout,po_1,-100.00,0,-100.00,cny,2025-06-01 04:00,\n"
    )
    (line,) = till.providers["stripe"].read_statement(raw.encode())
    assert (line.kind, line.amount_minor) == ("payment", 2990)
    assert (line.number, line.at.hour) == ("0199f3c2000070008000000000000001", 4)


async def test_sessions_that_somebody_else_made_in_the_account_concern_nobody(till, stripe):
    _, _, started = await till.started("stripe")
    session = stripe.session(await session_of(till, started)) | {
        "client_reference_id": None, "status": "complete", "payment_status": "paid",
    }  # fmt: skip
    answer = await till.notify("stripe", stripe.told("checkout.session.completed", session))
    assert (answer.status_code, json.loads(answer.content)) == (200, {"new": False})
