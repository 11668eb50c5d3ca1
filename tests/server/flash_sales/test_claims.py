from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

import server.flash_sales.reactions
import server.orders.reactions
import server.stock.reactions  # noqa: F401
from server.flash_sales import selling, service
from server.flash_sales.claims import ClaimDesk, Tap
from server.flash_sales.gate import Gate
from server.flash_sales.models import FlashSaleLine
from server.flash_sales.rules import Ended, LimitReached, NotOpen
from server.kit.clock import utc_now
from server.kit.idempotency import KeyReused, request_hash
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.problems import Problem
from server.orders import releasing
from server.orders import service as orders
from server.orders.service import Placed
from server.stock import service as stock
from server.stock.rules import Pool
from server.stock.service import OutOfStock
from tests.server.shop import Shop


async def tap(desk, shop: Shop, sale_id: UUID, member: Principal, key: str = "tap", quantity: int = 1):
    lines = ((shop.sku_id, quantity),)
    asked = request_hash("hold", sale_id, lines)
    return placed(await desk.claim(sale_id, Tap(member.id, key, asked, quantity, lines)))


def placed(outcome: Placed | Problem) -> Placed:
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


async def units(shop: Shop, sale_id: UUID) -> tuple[int, int, int, int]:
    async with shop.database.transaction() as session:
        (row,) = (await stock.units(session, Pool.SALE, [sale_id]))[sale_id]
    return row.total, row.free, row.held, row.sold


async def nothing_is_broken(shop: Shop) -> None:
    async with shop.database.transaction() as session:
        for checks in (stock.verify, orders.verify, service.verify):
            assert {name: rows for name, rows in (await checks(session)).items() if rows} == {}


async def test_a_claim_holds_a_unit_and_makes_an_order(shop, desk, lay):
    sale_id = await shop.sale(5)
    await lay(sale_id)
    placed = await tap(desk, shop, sale_id, await shop.member())
    assert placed.amount_minor == 2990
    assert placed.pay_by > utc_now()
    assert await units(shop, sale_id) == (5, 4, 1, 0)
    await nothing_is_broken(shop)


async def test_second_tap_with_same_key_takes_no_more_stock(shop, desk, lay):
    sale_id = await shop.sale(5, limit=3)
    await lay(sale_id)
    member = await shop.member()
    first = await tap(desk, shop, sale_id, member)
    assert await tap(desk, shop, sale_id, member) == first
    assert await units(shop, sale_id) == (5, 4, 1, 0)


async def test_same_key_for_another_request_is_refused(shop, desk, lay):
    sale_id = await shop.sale(5, limit=3)
    await lay(sale_id)
    member = await shop.member()
    await tap(desk, shop, sale_id, member, quantity=1)
    with pytest.raises(KeyReused):
        await tap(desk, shop, sale_id, member, quantity=2)
    assert await units(shop, sale_id) == (5, 4, 1, 0)


@pytest.mark.parametrize("gate", ["laid", "lost"])
async def test_a_crowd_never_gets_more_than_there_is(shop, desk, lay, gate):
    """400 buyers race for 37 units, each tapping twice with one key, with the gate and with PostgreSQL alone."""
    sale_id = await shop.sale(37)
    if gate == "laid":
        await lay(sale_id)
    crowd = await shop.members(400)
    answers = await asyncio.gather(
        *(tap(desk, shop, sale_id, member) for member in crowd for _ in range(2)), return_exceptions=True
    )
    got = {answer.hold_id for answer in answers if isinstance(answer, Placed)}
    assert len(got) == 37
    assert Counter(type(a) for a in answers) == {Placed: 74, OutOfStock: 726}
    assert await units(shop, sale_id) == (37, 0, 37, 0)
    await nothing_is_broken(shop)


async def test_two_desks_never_sell_more_than_there_is(shop, desk, lay, redis):
    sale_id = await shop.sale(25)
    await lay(sale_id)
    other = ClaimDesk(shop.database.url, redis, utc_now, lay)
    await other.start()
    crowd = await shop.members(200)
    answers = await asyncio.gather(
        *(tap(d, shop, sale_id, m, f"tap-{i}") for m in crowd for i, d in enumerate((desk, other))),
        return_exceptions=True,
    )
    await other.stop()
    assert sum(isinstance(answer, Placed) for answer in answers) == 25
    assert await units(shop, sale_id) == (25, 0, 25, 0)
    await nothing_is_broken(shop)


async def test_a_buyer_gets_no_more_than_the_limit_however_fast_they_tap(shop, desk, lay):
    sale_id = await shop.sale(50, limit=3)
    await lay(sale_id)
    member = await shop.member()
    answers = await asyncio.gather(
        *(tap(desk, shop, sale_id, member, f"tap {i}") for i in range(20)), return_exceptions=True
    )
    assert Counter(type(a) for a in answers) == {Placed: 3, LimitReached: 17}
    refusal = next(a for a in answers if isinstance(a, LimitReached))
    assert refusal.data == {"limit": 3, "has": 3}


async def test_a_gate_that_promises_too_much_is_overruled_and_gets_its_units_back(shop, desk, lay, redis):
    sale_id = await shop.sale(3)
    await lay(sale_id)
    await redis.hincrby(f"{{sale:{sale_id}}}:gate", f"free:{shop.sku_id}", 10)
    answers = await asyncio.gather(
        *(tap(desk, shop, sale_id, m) for m in await shop.members(8)), return_exceptions=True
    )
    assert sum(isinstance(a, Placed) for a in answers) == 3
    assert sum(isinstance(a, OutOfStock) for a in answers) == 5
    _, at_gate = await Gate(redis, sale_id).free()
    assert at_gate == {shop.sku_id: 10}


async def test_same_key_gives_the_same_answer_after_redis_lost_everything(shop, desk, lay, redis):
    sale_id = await shop.sale(3)
    await lay(sale_id)
    member = await shop.member()
    first = await tap(desk, shop, sale_id, member)
    await redis.flushall()
    assert await tap(desk, shop, sale_id, member) == first
    await lay(sale_id)
    assert await tap(desk, shop, sale_id, member) == first
    assert await units(shop, sale_id) == (3, 2, 1, 0)
    _, at_gate = await Gate(redis, sale_id).free()
    assert at_gate == {shop.sku_id: 2}


async def test_a_lost_gate_is_reported(shop, desk, lost_gates):
    sale_id = await shop.sale(3)
    await tap(desk, shop, sale_id, await shop.member())
    assert lost_gates == [sale_id]


async def test_claims_wait_for_the_opening_and_end_with_the_sale(shop, desk, lay):
    member = await shop.member()
    async with shop.database.transaction() as session:
        new = shop.new_sale(5)
        sale = await service.create(session, shop.owner, shop.room_id, new)
    await lay(sale.id)
    with pytest.raises(NotOpen):
        await tap(desk, shop, sale.id, member)
    async with shop.database.transaction() as session:
        sale = await service.get(session, shop.brand_id, shop.room_id, sale.id)
        await service.open_sale(session, sale, utc_now())
    await lay(sale.id)
    first = await tap(desk, shop, sale.id, member)
    async with shop.database.transaction() as session:
        sale = await service.get(session, shop.brand_id, shop.room_id, sale.id)
        await service.close(session, sale, "called", utc_now())
    await lay(sale.id)
    with pytest.raises(Ended):
        await tap(desk, shop, sale.id, await shop.member())
    assert await tap(desk, shop, sale.id, member) == first
    assert await units(shop, sale.id) == (1, 0, 1, 0)


async def test_two_hosts_opening_at_once_open_it_once(shop):
    async with shop.database.transaction() as session:
        new = shop.new_sale(5)
        sale_id = (await service.create(session, shop.owner, shop.room_id, new)).id

    async def press() -> None:
        async with shop.database.transaction() as session:
            sale = await service.get(session, shop.brand_id, shop.room_id, sale_id)
            await service.open_sale(session, sale, utc_now())

    outcomes = await asyncio.gather(press(), press(), return_exceptions=True)
    assert Counter(type(o) for o in outcomes) == {type(None): 1, selling.SaleState: 1}


async def test_expired_holds_are_free_for_the_next_buyer(shop, desk, lay, redis):
    sale_id = await shop.sale(1, hold_seconds=60)
    await lay(sale_id)
    first, second = await shop.members(2)
    placed = await tap(desk, shop, sale_id, first)
    with pytest.raises(OutOfStock):
        await tap(desk, shop, sale_id, second)
    async with shop.database.transaction() as session:
        assert await releasing.expire_due(session, placed.pay_by + timedelta(seconds=1)) == 1
    await Gate(redis, sale_id).release([(first.id, "tap")], ordered=True)
    assert isinstance(await tap(desk, shop, sale_id, second), Placed)
    assert await units(shop, sale_id) == (1, 0, 1, 0)
    await nothing_is_broken(shop)


async def test_two_sweepers_release_each_hold_once(shop, desk, lay):
    sale_id = await shop.sale(40)
    await lay(sale_id)
    for member in await shop.members(40):
        placed = await tap(desk, shop, sale_id, member)

    async def sweep() -> int:
        async with shop.database.transaction() as session:
            return await releasing.expire_due(session, placed.pay_by + timedelta(minutes=1), limit=15)

    swept = 0
    while taken := sum(await asyncio.gather(sweep(), sweep())):
        swept += taken
    assert swept == 40
    assert await units(shop, sale_id) == (40, 40, 0, 0)
    await nothing_is_broken(shop)


async def test_lines_of_a_claim_are_taken_all_or_none(shop, desk, lay):
    sale_id = await shop.sale(5, limit=10)
    second_sku = uuid7()
    async with shop.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO sku (id, brand_id, product_id, code, title, price_minor, position) "
                "VALUES (:id, :brand, :product, 'LJ2', 'tin', 5000, 1)"
            ),
            {"id": second_sku, "brand": shop.brand_id, "product": shop.product_id},
        )
        balance = await stock.balance_of(session, shop.brand_id, second_sku, Pool.SALE, sale_id)
        await stock.adjust(session, shop.brand_id, second_sku, Pool.SALE, sale_id, 2, uuid7())
        session.add(
            FlashSaleLine(
                sale_id=sale_id, sku_id=second_sku, balance_id=balance, product_id=shop.product_id,
                title="tin", price_minor=4000,
            )
        )  # fmt: skip
    await lay(sale_id)

    async def basket(member: Principal, tea: int, tins: int) -> Placed | Problem:
        lines = ((shop.sku_id, tea), (second_sku, tins))
        asked = request_hash("hold", sale_id, lines)
        try:
            return await desk.claim(
                sale_id, Tap(member.id, "basket", asked, sum(q for _, q in lines), tuple(lines))
            )
        except Problem as problem:
            return problem

    members = await shop.members(3)
    first = await basket(members[0], 1, 2)
    assert isinstance(first, Placed)
    assert first.amount_minor == 2990 + 2 * 4000
    assert isinstance(await basket(members[1], 1, 1), OutOfStock)
    async with shop.database.transaction() as session:
        found = {u.sku_id: u.free for u in (await stock.units(session, Pool.SALE, [sale_id]))[sale_id]}
    assert found == {shop.sku_id: 4, second_sku: 0}
    await nothing_is_broken(shop)
