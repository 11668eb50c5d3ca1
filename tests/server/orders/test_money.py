"""Money that comes once, twice, too late; and goes back, whole or in parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select

import server.reactions  # noqa: F401
from server.attribution import checks as attribution
from server.attribution.models import Credit
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.settings import Settings
from server.orders import checks, placing, refunding, releasing
from server.orders.models import Order
from server.payments import service as payments
from server.payments.models import Refund
from server.payments.providers import Notice
from server.stock import service as stock
from server.stock.rules import Pool
from server.stock.service import OutOfStock, Taking
from tests.server.shop import Shop


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = Database(database_url)
    yield await Shop.open(database, stock_units=10)
    await database.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        redis_url="redis://unused",
        data=tmp_path,
        secret="5" * 64,
        base_url="http://shop.test",
        sandbox=True,
    )


async def placed(shop: Shop, member, key: str = "k", quantity: int = 1):
    async with shop.database.transaction() as session:
        lines = [Taking(shop.sku_id, quantity)]
        asked = f"{quantity}".encode()
        return await placing.place(session, member, shop.room_id, lines, key, asked, utc_now())


async def pay(shop: Shop, settings: Settings, order: Order, member, *, event: str = "e1") -> None:
    async with shop.database.transaction() as session:
        payment = await payments.create(
            session, settings, brand_id=shop.brand_id, member_id=member.id, payable="order",
            payable_id=order.id, provider="sandbox", amount_minor=order.amount_minor, title="tea", return_url="/",
        )  # fmt: skip
        await payments.receive(
            session, "sandbox", Notice(event, payment.id, True, payment.amount_minor), utc_now()
        )


async def read(shop: Shop, order_id) -> Order:
    async with shop.database.transaction() as session:
        return (await session.exec(select(Order).where(Order.id == order_id))).one()


async def refund(shop: Shop, order_id, amount: int, key: str | None = None) -> UUID:
    async with shop.database.transaction() as session:
        return await refunding.refund(
            session, shop.owner, order_id, amount, key or uuid7().hex, "", utc_now()
        )


async def books_are_right(shop: Shop) -> None:
    async with shop.database.transaction() as session:
        for verify in (stock.verify, checks.verify, payments.verify, attribution.verify):
            assert {name: rows for name, rows in (await verify(session)).items() if rows} == {}


async def test_a_basket_of_more_than_is_left_is_told_what_is_left(shop):
    first, second = await shop.members(2)
    await placed(shop, first, quantity=9)
    with pytest.raises(OutOfStock) as refused:
        await placed(shop, second, quantity=2)
    assert refused.value.data == {"left": 1, "lines": {str(shop.sku_id): 1}}


async def test_the_same_key_at_once_places_one_order(shop):
    member = await shop.member()
    outcomes = await asyncio.gather(*(placed(shop, member) for _ in range(8)))
    assert len({outcome.order_id for outcome in outcomes}) == 1
    with pytest.raises(KeyReused):
        await placed(shop, member, quantity=2)


async def test_a_notice_told_twice_pays_once(shop, settings):
    member = await shop.member(brought_by_guide=True)
    order = await read(shop, (await placed(shop, member)).order_id)
    await asyncio.gather(*(pay(shop, settings, order, member) for _ in range(3)), return_exceptions=True)
    paid = await read(shop, order.id)
    assert (paid.status, paid.paid_minor, paid.refund_due_minor) == ("paid", 9900, 0)
    await books_are_right(shop)


async def test_money_that_comes_twice_is_due_back_and_takes_no_credit_with_it(shop, settings):
    member = await shop.member(brought_by_guide=True)
    order = await read(shop, (await placed(shop, member)).order_id)
    await pay(shop, settings, order, member)
    await refund(shop, order.id, 1000)
    await pay(shop, settings, order, member, event="e2")
    twice = await read(shop, order.id)
    assert (twice.paid_minor, twice.refund_due_minor, twice.goods_refunded_minor) == (19800, 9900, 1000)
    await refund(shop, order.id, 9900)
    back = await read(shop, order.id)
    assert (back.refund_due_minor, back.refunded_minor, back.goods_refunded_minor) == (0, 10900, 1000)
    async with shop.database.transaction() as session:
        credit = (await session.exec(select(Credit))).one()
    assert (credit.amount_minor, credit.reversed_minor) == (9900, 1000)
    await books_are_right(shop)


async def test_money_for_an_expired_order_is_due_back_whole(shop, settings):
    member = await shop.member()
    order = await read(shop, (await placed(shop, member)).order_id)
    async with shop.database.transaction() as session:
        assert await releasing.expire_due(session, order.pay_by + timedelta(seconds=1)) == 1
    await pay(shop, settings, order, member)
    late = await read(shop, order.id)
    assert (late.status, late.refund_due_minor) == ("expired", 9900)
    await refund(shop, order.id, 9900)
    await books_are_right(shop)


async def test_parallel_refunds_never_send_back_more_than_was_paid(shop, settings):
    member = await shop.member(brought_by_guide=True)
    order = await read(shop, (await placed(shop, member)).order_id)
    await pay(shop, settings, order, member)
    outcomes = await asyncio.gather(*(refund(shop, order.id, 3300) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(outcome, UUID) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, payments.RefundTooLarge) for outcome in outcomes) == 3
    closed = await read(shop, order.id)
    assert (closed.status, closed.refunded_minor) == ("closed", 9900)
    async with shop.database.transaction() as session:
        free = await stock.free(session, [shop.sku_id], [(Pool.HEADQUARTERS, shop.brand_id)])
    assert free == {shop.sku_id: 10}
    await books_are_right(shop)


async def test_the_same_refund_key_books_once(shop, settings):
    member = await shop.member()
    order = await read(shop, (await placed(shop, member)).order_id)
    await pay(shop, settings, order, member)
    first = await refund(shop, order.id, 3000, "same")
    assert await refund(shop, order.id, 3000, "same") == first
    assert (await read(shop, order.id)).refunded_minor == 3000


async def test_the_same_refund_key_for_another_amount_is_refused(shop, settings):
    member = await shop.member()
    order = await read(shop, (await placed(shop, member)).order_id)
    await pay(shop, settings, order, member)
    await refund(shop, order.id, 100, "same")
    with pytest.raises(KeyReused):
        await refund(shop, order.id, 5000, "same")
    assert (await read(shop, order.id)).refunded_minor == 100


async def test_a_refund_over_two_payments_is_the_same_when_it_is_asked_again(shop, settings):
    member = await shop.member()
    order = await read(shop, (await placed(shop, member)).order_id)
    for event in ("e1", "e2"):
        await pay(shop, settings, order, member, event=event)
    first = await refund(shop, order.id, 15000, "same")
    assert {await refund(shop, order.id, 15000, "same") for _ in range(3)} == {first}
    async with shop.database.transaction() as session:
        parts = (await session.exec(select(Refund).order_by(Refund.id))).all()
    assert ([part.amount_minor for part in parts], parts[0].id) == ([9900, 5100], first)
    await books_are_right(shop)


async def test_a_payment_races_the_sweeper_and_one_of_them_wins(shop, settings):
    """Whichever wins, the books are right: paid and sold, or expired and due back."""
    for number in range(6):
        member = await shop.member()
        order = await read(shop, (await placed(shop, member, key=f"race {number}")).order_id)

        async def sweep(order=order) -> None:
            async with shop.database.transaction() as session:
                await releasing.expire_due(session, order.pay_by + timedelta(seconds=1))

        await asyncio.gather(pay(shop, settings, order, member, event=f"race {number}"), sweep())
        after = await read(shop, order.id)
        assert (after.status, after.refund_due_minor) in {("paid", 0), ("expired", 9900)}
    await books_are_right(shop)
