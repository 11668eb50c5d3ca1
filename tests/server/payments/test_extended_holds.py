"""A buyer who was given more time pays in it: what began before goes on, or makes way for a new payment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.orders import extending, releasing
from server.payments.models import Payment
from tests.server.payments.till import Till


async def extend(till: Till, order_id: UUID, seconds: int = 300) -> None:
    async with till.database.transaction() as session:
        await extending.extend(session, till.shop.owner, order_id, seconds, uuid7().hex, till.now())


async def time_to_pay(till: Till, order_id: UUID) -> timedelta:
    return (await till.read(order_id)).pay_by - till.now()


def in_real_time(till: Till) -> None:
    """Notices bear it, and may not be old."""
    till.ahead = timedelta()


async def sweep(till: Till) -> int:
    async with till.database.transaction() as session:
        return await releasing.expire_due(session, till.now())


async def until_paid(till: Till, order_id: UUID) -> None:
    order = await till.read(order_id)
    assert (order.status, order.paid_minor, order.refund_due_minor) == ("paid", order.amount_minor, 0)
    await till.books_are_right()


def number(started: dict) -> str:
    return started["payment_id"].replace("-", "")


async def test_over_http_only_whoever_runs_the_room_extends_and_with_a_key(till):
    member = await till.shop.member()
    order_id = await till.order(member)
    path, keyed = f"/api/orders/{order_id}/extensions", {"Idempotency-Key": "more"}
    owner = till.shop.owner
    answer = await till.ask(owner, "POST", path, json={"seconds": 120}, headers=keyed)
    again = await till.ask(owner, "POST", path, json={"seconds": 120}, headers=keyed)
    assert (answer.status_code, again.json()) == (201, answer.json())
    assert answer.json()["extended_seconds"] == 120
    assert (await till.ask(owner, "POST", path, json={"seconds": 120})).status_code == 422
    for seconds in (9, 601, "60"):
        refused = await till.ask(owner, "POST", path, json={"seconds": seconds}, headers=keyed)
        assert refused.status_code == 422
    too_long = await till.ask(owner, "POST", path, json={"seconds": 600}, headers={"Idempotency-Key": "b"})
    assert too_long.status_code == 201
    assert (await till.ask(member, "POST", path, json={"seconds": 60}, headers=keyed)).status_code == 403


async def test_a_payment_at_a_provider_without_a_deadline_waits_as_long_as_the_hold(till):
    _, order_id, started = await till.started("sandbox")
    left = await time_to_pay(till, order_id)
    await extend(till, order_id)
    await till.later(seconds=left.total_seconds() + 1)
    assert await sweep(till) == 0
    assert (await till.payment(started["payment_id"])).status == "pending"
    in_real_time(till)
    await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve")
    await till.sandbox_notices()
    await until_paid(till, order_id)


async def test_stripe_s_page_stays_open_for_the_time_that_was_added(till, stripe):
    _, order_id, started = await till.started("stripe")
    left = await time_to_pay(till, order_id)
    await extend(till, order_id)
    await till.later(seconds=left.total_seconds() + 1)
    in_real_time(till)
    session = stripe.pay((await till.payment(started["payment_id"])).provider_ref)
    await till.notify("stripe", stripe.told("checkout.session.completed", session))
    await until_paid(till, order_id)


async def test_wechat_keeps_its_deadline_so_the_buyer_who_asks_again_gets_a_new_payment(till, wechat_pay):
    member, order_id, first = await till.started("wechat_pay")
    told = wechat_pay.trades[number(first)].order["time_expire"]
    await extend(till, order_id)
    second, same = [(await till.start(member, order_id, "wechat_pay")).json() for _ in range(2)]
    assert second == same
    assert second["payment_id"] != first["payment_id"]
    assert wechat_pay.trades[number(second)].order["time_expire"] > told
    await till.later(seconds=1)
    assert wechat_pay.trades[number(first)].state == "CLOSED"
    assert (await till.payment(first["payment_id"])).status == "closed"
    wechat_pay.pay(number(second))
    await till.notify("wechat_pay", wechat_pay.told(number(second)))
    await until_paid(till, order_id)


async def test_money_by_the_earlier_payment_counts_all_the_same(till, wechat_pay):
    member, order_id, first = await till.started("wechat_pay")
    await extend(till, order_id)
    second = (await till.start(member, order_id, "wechat_pay")).json()
    wechat_pay.pay(number(first))
    await till.notify("wechat_pay", wechat_pay.told(number(first)))
    await until_paid(till, order_id)
    await till.later(seconds=1)
    assert wechat_pay.trades[number(second)].state == "CLOSED"


async def test_a_payment_that_began_before_and_is_left_alone_goes_on_till_its_own_deadline(till, wechat_pay):
    member, order_id, first = await till.started("wechat_pay")
    left = await time_to_pay(till, order_id)
    await extend(till, order_id)
    shown = (await till.ask(member, "GET", f"/api/payments/{first['payment_id']}")).json()
    assert shown["expires_at"] == (await till.payment(first["payment_id"])).begun["ends_at"].replace(
        "+00:00", "Z"
    )
    await till.later(seconds=left.total_seconds() - 1)
    in_real_time(till)
    wechat_pay.pay(number(first))
    await till.notify("wechat_pay", wechat_pay.told(number(first)))
    await until_paid(till, order_id)


async def test_what_the_worker_closed_at_the_old_time_is_begun_anew(till, wechat_pay):
    """The worker came between the old time and the extension."""
    member, order_id, first = await till.started("wechat_pay")
    async with till.database.transaction() as session:
        await session.execute(
            text("UPDATE payment SET expires_at = now(), check_at = now() WHERE id = :id"),
            {"id": UUID(first["payment_id"])},
        )
    await till.later(seconds=1)
    assert wechat_pay.trades[number(first)].state == "CLOSED"
    await extend(till, order_id)
    second = (await till.start(member, order_id, "wechat_pay")).json()
    wechat_pay.pay(number(second))
    await till.notify("wechat_pay", wechat_pay.told(number(second)))
    await until_paid(till, order_id)


async def test_an_extension_never_waits_for_a_notice_nor_the_notice_for_it_for_good(till):
    """The notice locks the payment and then the order, an extension the order alone."""
    for _ in range(5):
        _, order_id, started = await till.started("sandbox")
        await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve")
        outcomes = await asyncio.gather(
            till.sandbox_notices(), extend(till, order_id), return_exceptions=True
        )
        assert not isinstance(outcomes[0], BaseException)
        await until_paid(till, order_id)


async def test_a_new_payment_beside_one_that_is_being_decided_is_the_same_payment(till, wechat_pay):
    member, order_id, first = await till.started("wechat_pay")
    await extend(till, order_id)
    async with till.database.transaction() as session:
        await session.get_one(Payment, UUID(first["payment_id"]), with_for_update=True)
        again = await till.start(member, order_id, "wechat_pay")
    assert again.json()["payment_id"] == first["payment_id"]
    assert (await till.read(order_id)).pay_by > utc_now()
