"""The worker's rounds: what hangs holds up nobody, what a process lost is taken again, late money goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text

from server.kit.facts import Fact, record
from server.kit.outbox import Relay
from server.orders import late_money
from server.payments.models import Refund
from server.payments.providers.port import Returned
from tests.server.payments.till import PRICE_MINOR


class TickerShown(Fact, kw_only=True, frozen=True, tag="test.ticker-shown"):
    pass


async def bought(till, **how):
    """An order that was paid at the sandbox."""
    member, order_id, started = await till.started("sandbox")
    await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve", params=how)
    await till.sandbox_notices()
    return member, order_id, started["payment_id"]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_refund_that_hangs_delays_neither_facts_nor_other_refunds(till, stripe, monkeypatch):
    _, order_id, _ = await bought(till)
    _, other_order, started = await till.started("stripe")
    session = stripe.pay((await till.payment(started["payment_id"])).provider_ref)
    await till.notify("stripe", stripe.told("checkout.session.completed", session))
    hangs, asked = asyncio.Event(), []

    async def hang(payment, refund) -> Returned:
        asked.append(refund.id)
        await hangs.wait()
        return Returned("succeeded", "late")

    monkeypatch.setattr(till.providers["sandbox"], "refund", hang)
    hanging = [await till.refund(order_id, 100) for _ in range(3)]
    through = await till.refund(other_order)
    heard = []

    async def publish(events) -> None:
        heard.extend(events)

    async def remember(_session, facts) -> None:
        heard.extend(fact for fact in facts if isinstance(fact, TickerShown))

    stop = asyncio.Event()
    running = [
        asyncio.create_task(till.rounds.run(stop)),
        asyncio.create_task(Relay(till.database, publish, remember).run(stop)),
    ]
    await until(lambda: len(asked) == 3)
    async with till.database.transaction() as session:
        await record(session, TickerShown(brand_id=till.shop.brand_id))
    await until(lambda: any(isinstance(one, TickerShown) for one in heard))
    async with asyncio.timeout(10):
        while (await till.refunded(through)).status != "succeeded":
            await asyncio.sleep(0.02)
    assert not hangs.is_set()
    assert [(await till.refunded(one)).status for one in hanging] == ["requested"] * 3
    hangs.set()
    async with asyncio.timeout(10):
        while {(await till.refunded(one)).status for one in hanging} != {"succeeded"}:
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*running)
    await till.books_are_right()


async def test_two_workers_never_take_the_same_refund(till):
    _, order_id, _ = await bought(till)
    for _ in range(20):
        await till.refund(order_id, 10)
    sandbox = till.providers["sandbox"]
    takes = await asyncio.gather(*(till.rounds.due_refunds(sandbox, 8) for _ in range(4)))
    taken = [refund.id for take in takes for _, refund in take]
    assert len(taken) == len(set(taken)) == 20


async def test_what_a_process_took_and_lost_is_due_again(till):
    _, order_id, _ = await bought(till)
    refund_id = await till.refund(order_id)
    ((_, taken),) = await till.rounds.due_refunds(till.providers["sandbox"], 8)
    assert taken.id == refund_id
    assert await till.rounds.due_refunds(till.providers["sandbox"], 8) == []
    await till.later(seconds=31)
    assert (await till.refunded(refund_id)).status == "succeeded"


async def test_a_refund_of_a_provider_that_was_switched_off_waits(till):
    _, order_id, payment_id = await bought(till)
    refund_id = await till.refund(order_id)
    async with till.database.transaction() as session:
        await session.execute(text("UPDATE payment SET provider = 'gone' WHERE id = :id"), {"id": payment_id})
    await till.later(hours=1)
    assert (await till.refunded(refund_id)).status == "requested"
    listed = (await till.ask(till.shop.owner, "GET", "/api/payments/refunds")).json()["items"]
    assert [(row["refund_id"], row["status"]) for row in listed] == [(str(refund_id), "requested")]


async def test_late_money_goes_back_by_itself_once_and_touches_no_goods(till):
    member, order_id, started = await till.started("sandbox")
    await till.ask(member, "POST", f"/api/orders/{order_id}/cancel")
    await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve")
    await till.sandbox_notices()
    assert (await till.read(order_id)).refund_due_minor == PRICE_MINOR
    assert await late_money.return_due(till.database, till.now()) == 0  # staff may still do it
    soon = till.now() + timedelta(seconds=61)
    await asyncio.gather(*(late_money.return_due(till.database, soon) for _ in range(4)))
    order = await till.read(order_id)
    assert (order.refund_due_minor, order.refunded_minor, order.goods_refunded_minor) == (0, PRICE_MINOR, 0)
    assert (order.status, len(await refunds(till))) == ("cancelled", 1)
    await till.later(seconds=1)
    assert {row.status for row in await refunds(till)} == {"succeeded"}
    await till.books_are_right()


async def test_an_order_that_is_paid_twice_keeps_its_goods_and_gets_the_second_payment_back(till, wechat_pay):
    member, order_id, sandbox = await till.started("sandbox")
    wechat = (await till.start(member, order_id, "wechat_pay")).json()
    wechat_pay.pay(wechat["payment_id"].replace("-", ""))
    await till.ask(None, "POST", f"/sandbox/payments/{sandbox['payment_id']}/approve")
    await till.sandbox_notices()
    await till.notify("wechat_pay", wechat_pay.told(wechat["payment_id"].replace("-", "")))
    await late_money.return_due(till.database, till.now() + timedelta(seconds=61))
    order = await till.read(order_id)
    assert (order.status, order.refund_due_minor, order.goods_refunded_minor) == ("paid", 0, 0)
    await till.later(seconds=1)
    assert {row.status for row in await refunds(till)} == {"succeeded"}
    await till.books_are_right()


async def test_staff_and_the_automatic_return_never_send_the_same_money_twice(till):
    member, order_id, started = await till.started("sandbox")
    await till.ask(member, "POST", f"/api/orders/{order_id}/cancel")
    await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve")
    await till.sandbox_notices()
    soon = till.now() + timedelta(seconds=61)
    await asyncio.gather(
        till.refund(order_id, PRICE_MINOR),
        *(late_money.return_due(till.database, soon) for _ in range(3)),
        return_exceptions=True,
    )
    order = await till.read(order_id)
    assert (order.refunded_minor, order.refund_due_minor) == (PRICE_MINOR, 0)
    await till.books_are_right()


async def test_two_payments_of_one_order_that_succeed_at_once_wait_for_each_other_in_no_ring(till):
    for _ in range(4):
        member, order_id, first = await till.started("sandbox")
        second = (await till.start(member, order_id, "sandbox", scene="phone")).json()
        for payment in (first, second):
            await till.ask(None, "POST", f"/sandbox/payments/{payment['payment_id']}/approve")
        answers = await asyncio.gather(till.sandbox_notices(), till.sandbox_notices())
        assert {answer.status_code for batch in answers for answer in batch} == {200}
        order = await till.read(order_id)
        assert (order.paid_minor, order.refund_due_minor) == (2 * PRICE_MINOR, PRICE_MINOR)
    await till.books_are_right()


async def refunds(till) -> list[Refund]:
    async with till.database.transaction() as session:
        rows = await session.execute(text("SELECT id FROM refund"))
        return [await session.get_one(Refund, row) for row in rows.scalars()]
