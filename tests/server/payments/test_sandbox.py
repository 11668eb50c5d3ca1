"""The sandbox behaves as a provider does, also when it is told to misbehave."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text

from server.kit import facts
from server.kit.clock import SHOP_ZONE, utc_now
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.payments.facts import PaymentFailed
from server.payments.providers.sandbox import Sandbox
from server.payments.routes import ROUTES
from tests.server.payments.till import PRICE_MINOR
from tests.server.wallets.serving import Served


async def approve(till, started, **how):
    return await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve", params=how)


async def notices_are_due(till) -> None:
    async with till.database.transaction() as session:
        await session.execute(text("UPDATE sandbox_notice SET due_at = now()"))


async def test_a_payment_is_approved_without_any_setting_and_pays_its_order(till):
    _, order_id, started = await till.started("sandbox")
    assert started["cashier_url"] == f"https://shop.example/sandbox/payments/{started['payment_id']}"
    answers = [await approve(till, started) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert [answer.status_code for answer in await till.sandbox_notices()] == [200]
    assert (await till.read(order_id)).status == "paid"
    assert (await approve(till, started)).json()["status"] == "succeeded"
    await till.books_are_right()


async def test_a_notice_that_comes_many_times_pays_once(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started, copies=4)
    await notices_are_due(till)
    told = [answer.json()["new"] for answer in await till.sandbox_notices()]
    assert sorted(told) == [False, False, False, True]
    assert (await till.read(order_id)).paid_minor == PRICE_MINOR


async def test_a_late_notice_comes_in_its_own_time(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started, delay_s=30)
    assert await till.sandbox_notices() == []
    async with till.database.transaction() as session:
        (due,) = (await session.execute(text("SELECT due_at FROM sandbox_notice"))).scalars()
    assert 25 < (due - utc_now()).total_seconds() <= 30
    await notices_are_due(till)
    await till.sandbox_notices()
    assert (await till.read(order_id)).status == "paid"


async def test_a_notice_that_never_comes_is_found_by_asking(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started, silent=True)
    assert await till.sandbox_notices() == []
    await till.later(seconds=61)
    assert (await till.read(order_id)).status == "paid"


async def test_word_of_an_earlier_failure_after_the_success_changes_nothing(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started, failure_after=True)
    await notices_are_due(till)
    assert [answer.status_code for answer in await till.sandbox_notices()] == [200, 200]
    assert (await till.read(order_id)).status == "paid"
    await till.books_are_right()


async def test_a_notice_that_was_not_taken_comes_again(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started)
    assert [answer.status_code for answer in await till.sandbox_notices(lost=1)] == [503]
    assert (await till.read(order_id)).status == "awaiting_payment"
    await notices_are_due(till)
    await till.sandbox_notices()
    assert (await till.read(order_id)).status == "paid"


async def test_a_declined_payment_is_told_to_its_buyer_and_can_be_tried_again(till):
    member, order_id, started = await till.started("sandbox")
    await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/decline")
    await till.sandbox_notices()
    assert (await till.payment(started["payment_id"])).status == "failed"
    async with till.database.transaction() as session:
        (fact,) = (
            await session.execute(text("SELECT body FROM outbox WHERE kind = 'payment.failed'"))
        ).scalars()
    assert (fact["member_id"], fact["payable_id"]) == (str(member.id), str(order_id))
    again = (await till.start(member, order_id, "sandbox")).json()
    assert again["payment_id"] != started["payment_id"]
    await approve(till, again)
    await till.sandbox_notices()
    assert (await till.read(order_id)).status == "paid"
    await till.books_are_right()


async def test_a_refund_that_is_refused_waits_for_staff_who_send_it_again(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started, refunds="refuses")
    await till.sandbox_notices()
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    finance, path = till.staff(Role.FINANCE), f"/api/payments/refunds/{refund_id}/retry"
    (row,) = (await till.ask(finance, "GET", "/api/payments/refunds?status=failed")).json()["items"]
    assert (row["refund_id"], row["payable_id"], row["amount_minor"]) == (str(refund_id), str(order_id), 1000)
    assert "refuse" in row["failure"]
    again = await till.ask(finance, "POST", path)
    assert (again.status_code, again.json()["status"]) == (202, "requested")
    twice = await till.ask(finance, "POST", path)
    assert (twice.status_code, twice.json()["slug"]) == (409, "refund-not-refused")
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "succeeded"
    assert (await till.ask(finance, "GET", "/api/payments/refunds")).json()["items"] == []
    await till.books_are_right()


async def test_a_slow_refund_is_finished_by_asking_again(till, monkeypatch):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started, refunds="slow")
    await till.sandbox_notices()
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    assert (await till.refunded(refund_id)).status == "requested"
    monkeypatch.setattr("server.payments.providers.sandbox.utc_now", till.now)
    await till.later(seconds=31)
    assert (await till.refunded(refund_id)).status == "succeeded"


@pytest.mark.parametrize(
    ("role", "lists", "retries"),
    [
        (Role.OWNER, 200, 404),
        (Role.OPERATOR, 200, 404),
        (Role.FINANCE, 200, 404),
        (Role.READ_ONLY, 200, 403),
        (Role.MANAGER, 403, 403),
        (Role.HOST, 403, 403),
        (Role.GUIDE, 403, 403),
    ],
)
async def test_who_sees_refunds_and_sends_them_again(till, role, lists, retries):
    staff, nothing = till.staff(role), "00000000-0000-7000-8000-000000000000"
    assert (await till.ask(staff, "GET", "/api/payments/refunds")).status_code == lists
    answer = await till.ask(staff, "POST", f"/api/payments/refunds/{nothing}/retry")
    assert answer.status_code == retries


async def test_another_brands_refund_is_not_there(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started, refunds="refuses")
    await till.sandbox_notices()
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    other = till.staff(Role.OWNER, brand_id=order_id)
    assert (await till.ask(other, "POST", f"/api/payments/refunds/{refund_id}/retry")).status_code == 404
    assert (await till.ask(other, "GET", "/api/payments/refunds")).json()["items"] == []


@pytest.mark.parametrize("how", [{"delay_s": 601}, {"copies": 0}, {"copies": 6}, {"refunds": "never"}])
async def test_a_rehearsal_out_of_bounds_is_refused(till, how):
    _, _, started = await till.started("sandbox")
    assert (await approve(till, started, **how)).status_code == 422


async def test_the_sandbox_can_only_decide_its_own_payments_and_only_where_it_is(till, wechat_pay):
    _, order_id, started = await till.started("wechat_pay")
    assert (await approve(till, started)).status_code == 404
    off = msgspec.structs.replace(till.settings, sandbox=False)
    served = Served(till.database, ROUTES, settings=off)
    async with served.as_(None) as client:
        answer = await client.post(f"/sandbox/payments/{started['payment_id']}/approve")
        offers = (await client.get("/api/payments/providers")).json()
    assert answer.status_code == 404
    assert [offer["name"] for offer in offers["items"]] == ["wechat_pay", "stripe"]
    assert (await till.read(order_id)).status == "awaiting_payment"


async def test_a_paid_top_up_asked_for_again_with_its_key_is_the_same(till):
    member = await till.shop.member()
    headers = {"Idempotency-Key": "tap"}
    body = {"amount_minor": 5000, "provider": "sandbox"}

    async def top_up(**more):
        path = "/api/wallet/top-ups"
        return await till.ask(member, "POST", path, json={**body, **more}, headers=headers)

    first = (await top_up()).json()
    await approve(till, first)
    await till.sandbox_notices()
    again = (await top_up()).json()
    assert again["payment_id"] == first["payment_id"]
    for other in ({"amount_minor": 5001}, {"provider": "stripe"}):
        assert (await top_up(**other)).json()["slug"] == "idempotency-key-reused"
    wallet = (await till.ask(member, "GET", "/api/wallet")).json()
    assert wallet["balance_minor"] == 5000


async def test_its_statement_has_what_moved_that_day(till):
    _, order_id, started = await till.started("sandbox")
    await approve(till, started)
    await till.sandbox_notices()
    refund_id = await till.refund(order_id)
    await till.later(seconds=1)
    sandbox = Sandbox(till.settings, till.database)
    today = utc_now().astimezone(SHOP_ZONE).date()
    lines = sandbox.read_statement(await sandbox.statement(today))
    assert [(x.kind, x.number, x.amount_minor) for x in lines] == [
        ("payment", started["payment_id"].replace("-", ""), PRICE_MINOR),
        ("refund", refund_id.hex, 1000),
    ]
    assert sandbox.read_statement(await sandbox.statement(today - timedelta(days=1))) == []


async def test_taps_with_one_key_at_once_are_one_top_up(till):
    member = await till.shop.member()
    headers, body = {"Idempotency-Key": "tap"}, {"amount_minor": 5000, "provider": "sandbox"}
    answers = await asyncio.gather(
        *(till.ask(member, "POST", "/api/wallet/top-ups", json=body, headers=dict(headers)) for _ in range(6))
    )
    assert len({answer.json()["payment_id"] for answer in answers}) == 1


def test_the_buyer_hears_of_a_failure_on_the_own_topic() -> None:
    about = {"brand_id": uuid7(), "payment_id": uuid7(), "payable_id": uuid7(), "member_id": uuid7()}
    for payable, order_id in (("order", str(about["payable_id"])), ("top_up", None)):
        (event,) = facts.announcements(PaymentFailed(payable=payable, **about))
        assert (event.topic, event.kind) == (f"member:{about['member_id']}", "payment.failed")
        assert event.data == {"payment_id": str(about["payment_id"]), "order_id": order_id}
