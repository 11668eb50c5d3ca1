"""Prices by kind, quotas of stores, limits by device, holds that lapse, and the waitlist."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import server.orders.reactions
import server.stock.reactions  # noqa: F401
from server.catalog.models import Sku
from server.flash_sales import kinds, reactions, selling, service, waiting
from server.flash_sales.claims import Tap
from server.flash_sales.gate import Gate, GateClaim
from server.flash_sales.kinds.terms import First, Gift, Terms, Wanted
from server.flash_sales.making import NewSale, Quota
from server.flash_sales.rules import Ended, LimitReached
from server.flash_sales.waiting import StillFree
from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.problems import Invalid
from server.orders import releasing
from server.orders.facts import OrdersReleased, ReleasedOrder
from server.orders.service import Placed, PriceChanged
from server.stock import service as stock
from server.stock.rules import Pool
from server.stock.service import OutOfStock
from tests.server.flash_sales.test_claims import nothing_is_broken, placed, tap
from tests.server.shop import Shop


async def opened(shop: Shop, kind: str, terms: Terms, **more: Any) -> UUID:
    new = NewSale(offers=kinds.offers(kind, terms), kind=kind, duration_seconds=3600, **more)
    async with shop.database.transaction() as session:
        sale = await service.create(session, shop.owner, shop.room_id, new)
        await service.open_sale(session, sale, utc_now())
    return sale.id


async def another_sku(shop: Shop, units: int = 100) -> UUID:
    sku = Sku(
        brand_id=shop.brand_id, product_id=shop.product_id, code=f"{uuid7()}", title="spoon", price_minor=1900
    )
    async with shop.database.transaction() as session:
        session.add(sku)
        await session.flush()
        await stock.adjust(session, shop.brand_id, sku.id, Pool.HEADQUARTERS, shop.brand_id, units, uuid7())
    return sku.id


def claim(member: Principal, units: int, *lines: tuple[UUID, int], **more: Any) -> Tap:
    return Tap(member.id, f"{uuid7()}", b"asked", units, lines, **more)


async def cancel(shop: Shop, member: Principal, order_id: UUID) -> None:
    async with shop.database.transaction() as session:
        await releasing.cancel(session, member, order_id, utc_now())


async def passed_on(shop: Shop, sale_id: UUID) -> None:
    """As the worker does after orders of the sale were released."""
    ended = ReleasedOrder(
        order_id=uuid7(), hold_id=uuid7(), member_id=uuid7(), key="", sale_id=sale_id, quantity=1
    )
    async with shop.database.transaction() as session:
        fact = OrdersReleased(brand_id=shop.brand_id, reason="cancelled", orders=[ended])
        await reactions.pass_on_units(session, fact)


async def test_the_first_units_go_at_the_first_price_and_again_when_they_come_back(shop, desk, lay):
    terms = Terms([Wanted(shop.sku_id, 9900, 8)], First(3, 6900))
    sale_id = await opened(shop, "first_n", terms)
    await lay(sale_id)
    crowd = await shop.members(6)
    orders = [await tap(desk, shop, sale_id, member) for member in crowd[:5]]
    assert [order.amount_minor for order in orders] == [6900, 6900, 6900, 9900, 9900]
    async with shop.database.transaction() as session:
        (card,) = (await service.cards(session, shop.room_id, sale_id))[0].lines
    assert (card.price_minor, card.first.left, card.was_minor) == (9900, 0, 9900)
    for member, order in zip(crowd[2:5], orders[2:], strict=True):
        await cancel(shop, member, order.order_id)
    assert (await tap(desk, shop, sale_id, crowd[5])).amount_minor == 6900
    await nothing_is_broken(shop)


async def test_claims_of_one_batch_share_the_first_price_exactly(shop, desk, lay):
    sale_id = await opened(shop, "first_n", Terms([Wanted(shop.sku_id, 9900, 40)], First(7, 6900)))
    await lay(sale_id)
    orders = await asyncio.gather(*(tap(desk, shop, sale_id, member) for member in await shop.members(30)))
    assert Counter(order.amount_minor for order in orders) == {6900: 7, 9900: 23}


async def test_a_buyer_pays_no_more_than_was_shown(shop, desk, lay):
    sale_id = await opened(shop, "first_n", Terms([Wanted(shop.sku_id, 9900, 8)], First(1, 6900)))
    await lay(sale_id)
    first, second = await shop.members(2)
    one = (shop.sku_id, 1)
    assert placed(await desk.claim(sale_id, claim(first, 1, one, most_minor=6900))).amount_minor == 6900
    refusal = await desk.claim(sale_id, claim(second, 1, one, most_minor=6900))
    assert isinstance(refusal, PriceChanged)
    assert refusal.data == {"prices": {str(shop.sku_id): 9900}, "amount_minor": 9900}
    assert placed(await desk.claim(sale_id, claim(second, 1, one, most_minor=9900))).amount_minor == 9900


async def test_who_wants_more_than_is_left_of_the_first_units_is_told_what_all_of_it_costs(shop, desk, lay):
    sale_id = await opened(
        shop, "first_n", Terms([Wanted(shop.sku_id, 9900, 8)], First(1, 6900)), limit_per_buyer=5
    )
    await lay(sale_id)
    (buyer,) = await shop.members(1)
    refusal = await desk.claim(sale_id, claim(buyer, 2, (shop.sku_id, 2), most_minor=2 * 6900))
    assert isinstance(refusal, PriceChanged)
    assert refusal.data == {"prices": {str(shop.sku_id): 9900}, "amount_minor": 2 * 9900}
    await nothing_is_broken(shop)


async def test_a_host_lowers_the_price_and_never_raises_it(shop, desk, lay):
    sale_id = await opened(shop, "price_drop", Terms([Wanted(shop.sku_id, 9900, 8)]))
    await lay(sale_id)
    early, late = await shop.members(2)
    assert (await tap(desk, shop, sale_id, early)).amount_minor == 9900
    async with shop.database.transaction() as session:
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        for price in (7900, 7900, 5900):
            await selling.drop_price(session, sale, None, price)
        with pytest.raises(Invalid):
            await selling.drop_price(session, sale, None, 6900)
        told = await session.execute(
            text(
                "SELECT body->>'price_minor' FROM outbox WHERE body->>'sale_id' = :id AND kind = 'sale.priced'"
            ),
            {"id": str(sale_id)},
        )
        assert sorted(told.scalars()) == ["5900", "7900"]
        shelf = await session.execute(text("SELECT price_minor FROM sku WHERE id = :id"), {"id": shop.sku_id})
        assert shelf.scalar_one() == 9900
    assert (await tap(desk, shop, sale_id, late)).amount_minor == 5900


async def test_another_kind_of_sale_keeps_its_price(shop):
    sale_id = await shop.sale(5)
    async with shop.database.transaction() as session:
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        with pytest.raises(Invalid):
            await selling.drop_price(session, sale, None, 1)


async def test_a_gift_comes_with_each_unit_and_runs_out_with_them(shop, desk, lay):
    spoon = await another_sku(shop)
    terms = Terms([Wanted(shop.sku_id, 9900, 3)], gifts=[Gift(spoon, 2)])
    sale_id = await opened(shop, "bundle", terms, limit_per_buyer=2)
    await lay(sale_id)
    first, second = await shop.members(2)
    got = placed(await desk.claim(sale_id, claim(first, 2, (shop.sku_id, 2), (spoon, 4))))
    assert got.amount_minor == 2 * 9900
    refusal = await desk.claim(sale_id, claim(first, 1, (shop.sku_id, 1), (spoon, 2)))
    assert isinstance(refusal, LimitReached)
    assert refusal.data == {"limit": 2, "has": 2}, "gifts don't count"
    too_many = claim(second, 2, (shop.sku_id, 2), (spoon, 4))
    assert isinstance(await desk.claim(sale_id, too_many), OutOfStock)
    placed(await desk.claim(sale_id, claim(second, 1, (shop.sku_id, 1), (spoon, 2))))
    await nothing_is_broken(shop)
    await cancel(shop, first, got.order_id)
    await nothing_is_broken(shop)


# Quotas of stores


@pytest.mark.parametrize(("own_quota_only", "more"), [(False, 2), (True, 0)])
@pytest.mark.parametrize("gate", ["laid", "passed by"])
async def test_a_stores_quota_is_for_its_viewers_and_then_what_is_there_for_all(
    shop, desk, lay, own_quota_only, more, gate
):
    sale_id = await opened(
        shop,
        "flash_price",
        Terms([Wanted(shop.sku_id, 9900, 4)]),
        quotas=[Quota(shop.store_id, 3)],
        own_quota_only=own_quota_only,
    )
    if gate == "laid":
        await lay(sale_id)
    brought = await shop.members(5, brought_by_guide=True)
    others = await shop.members(6)
    outcomes = await asyncio.gather(
        *(desk.claim(sale_id, claim(member, 1, (shop.sku_id, 1))) for member in brought)
    )
    assert sum(isinstance(outcome, Placed) for outcome in outcomes) == 3 + more
    outcomes = await asyncio.gather(
        *(desk.claim(sale_id, claim(member, 1, (shop.sku_id, 1))) for member in others)
    )
    assert Counter(map(type, outcomes)) == {Placed: 4 - more, OutOfStock: 2 + more}
    await nothing_is_broken(shop)
    async with shop.database.transaction() as session:
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        await selling.close(session, sale, "called", utc_now())
    await nothing_is_broken(shop)


async def test_what_a_quota_leaves_goes_back_to_headquarters(shop):
    terms = Terms([Wanted(shop.sku_id, 9900, 4)])
    sale_id = await opened(shop, "flash_price", terms, quotas=[Quota(shop.store_id, 3)])
    headquarters = [(Pool.HEADQUARTERS, shop.brand_id)]
    async with shop.database.transaction() as session:
        assert (await stock.free(session, [shop.sku_id], headquarters))[shop.sku_id] == 1000 - 7
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        await selling.close(session, sale, "called", utc_now())
        assert (await stock.free(session, [shop.sku_id], headquarters))[shop.sku_id] == 1000


# Limits by device, and holds that lapse


@pytest.mark.parametrize("gate", ["laid", "passed by"])
async def test_the_limit_counts_a_device_whoever_uses_it(shop, desk, lay, gate):
    sale_id = await shop.sale(9, limit=2)
    if gate == "laid":
        await lay(sale_id)
    phone, tablet = b"p" * 16, b"t" * 16
    crowd = await shop.members(4)
    one = (shop.sku_id, 1)
    outcomes = await asyncio.gather(
        *(desk.claim(sale_id, claim(member, 1, one, device=phone)) for member in crowd)
    )
    assert Counter(map(type, outcomes)) == {Placed: 2, LimitReached: 2}
    late = crowd[[isinstance(outcome, LimitReached) for outcome in outcomes].index(True)]
    placed(await desk.claim(sale_id, claim(late, 1, one, device=tablet)))
    placed(await desk.claim(sale_id, claim(late, 1, one)))
    await nothing_is_broken(shop)


async def test_a_device_may_buy_again_when_its_order_ended(shop, desk, lay):
    sale_id = await shop.sale(9)
    await lay(sale_id)
    first, second = await shop.members(2)
    one, phone = (shop.sku_id, 1), b"p" * 16
    order = placed(await desk.claim(sale_id, claim(first, 1, one, device=phone)))
    assert isinstance(await desk.claim(sale_id, claim(second, 1, one, device=phone)), LimitReached)
    await cancel(shop, first, order.order_id)
    await lay(sale_id)
    placed(await desk.claim(sale_id, claim(second, 1, one, device=phone)))
    await nothing_is_broken(shop)


async def test_whoever_lets_holds_lapse_has_less_time_for_the_next(shop, desk, lay):
    sale_id = await shop.sale(9, hold_seconds=300)
    member = await shop.member()
    seconds = []
    for n in range(5):
        before = utc_now()
        order = await tap(desk, shop, sale_id, member, f"tap {n}")
        seconds.append((order.pay_by - before).total_seconds())
        async with shop.database.transaction() as session:
            await session.execute(
                text("UPDATE orders SET pay_by = now() - interval '1 minute' WHERE id = :id"),
                {"id": order.order_id},
            )
            await releasing.expire_due(session, utc_now())
        await lay(sale_id)
    assert seconds == pytest.approx([300, 150, 75, 60, 60], abs=5)


async def test_who_cancels_in_time_keeps_the_whole_time(shop, desk, lay):
    sale_id = await shop.sale(9, hold_seconds=300)
    member = await shop.member()
    await cancel(shop, member, (await tap(desk, shop, sale_id, member, "first")).order_id)
    await lay(sale_id)
    order = await tap(desk, shop, sale_id, member, "second")
    assert order.pay_by - utc_now() > timedelta(seconds=290)


# The waitlist


async def wait(shop: Shop, sale_id: UUID, member: Principal, units: int = 1) -> waiting.Place:
    async with shop.database.transaction() as session:
        return await waiting.join(session, sale_id, member.id, None, units, [(shop.sku_id, units)], utc_now())


async def held_by(shop: Shop, sale_id: UUID) -> dict[UUID, int]:
    async with shop.database.transaction() as session:
        rows = await session.execute(
            text("SELECT member_id, quantity FROM flash_sale_buyer WHERE sale_id = :id AND quantity > 0"),
            {"id": sale_id},
        )
        return {row[0]: row[1] for row in rows}


async def test_units_that_come_back_go_to_whoever_waits_in_order(shop, desk, lay):
    sale_id = await shop.sale(2)
    await lay(sale_id)
    buyers, line = await shop.members(2), await shop.members(3)
    orders = [await tap(desk, shop, sale_id, member) for member in buyers]
    assert [(await wait(shop, sale_id, member)).ahead for member in line] == [0, 1, 2]
    assert (await wait(shop, sale_id, line[1])).ahead == 1, "a second time it is the same place"
    for member, order in zip(buyers, orders, strict=True):
        await cancel(shop, member, order.order_id)
        await passed_on(shop, sale_id)
    assert await held_by(shop, sale_id) == {line[0].id: 1, line[1].id: 1}
    async with shop.database.transaction() as session:
        assert (await waiting.place_of(session, sale_id, line[2].id)).ahead == 0
        told = await session.execute(
            text(
                "SELECT body->>'member_id' FROM outbox WHERE kind = 'sale.promoted' AND body->>'sale_id' = :id"
            ),
            {"id": str(sale_id)},
        )
        assert set(told.scalars()) == {str(line[0].id), str(line[1].id)}
    await nothing_is_broken(shop)


async def test_a_place_for_more_than_came_back_keeps_its_turn(shop, desk):
    sale_id = await shop.sale(2, limit=2)
    first, second, patient, small = await shop.members(4)
    orders = [await tap(desk, shop, sale_id, member) for member in (first, second)]
    await wait(shop, sale_id, patient, 2)
    await wait(shop, sale_id, small)
    await cancel(shop, first, orders[0].order_id)
    await passed_on(shop, sale_id)
    assert await held_by(shop, sale_id) == {second.id: 1}
    await cancel(shop, second, orders[1].order_id)
    await passed_on(shop, sale_id)
    assert await held_by(shop, sale_id) == {patient.id: 2}


async def test_nobody_waits_for_what_is_there_nor_beyond_the_limit_nor_after_the_end(shop, desk):
    sale_id = await shop.sale(1)
    first, second = await shop.members(2)
    with pytest.raises(StillFree):
        await wait(shop, sale_id, first)
    await tap(desk, shop, sale_id, first)
    with pytest.raises(LimitReached):
        await wait(shop, sale_id, first)
    async with shop.database.transaction() as session:
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        await selling.close(session, sale, "called", utc_now())
    with pytest.raises(Ended):
        await wait(shop, sale_id, second)


async def test_who_leaves_the_line_is_passed(shop, desk):
    sale_id = await shop.sale(1)
    buyer, left, next_one = await shop.members(3)
    order = await tap(desk, shop, sale_id, buyer)
    for member in (left, next_one):
        await wait(shop, sale_id, member)
    async with shop.database.transaction() as session:
        for _ in range(2):
            await waiting.leave(session, sale_id, left.id)
    await cancel(shop, buyer, order.order_id)
    await passed_on(shop, sale_id)
    assert await held_by(shop, sale_id) == {next_one.id: 1}


async def test_more_units_serve_the_line_first_and_the_gate_hears_of_it(shop, desk, lay, redis):
    sale_id = await shop.sale(1)
    await lay(sale_id)
    buyer, waits, crowd = await shop.members(3)
    await tap(desk, shop, sale_id, buyer)
    await wait(shop, sale_id, waits)
    async with shop.database.transaction() as session:
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        await selling.add_stock(session, sale, 1, uuid7())
        assert await waiting.promote(session, sale_id, utc_now()) == 1
    gate = Gate(redis, sale_id)
    (place,) = [m for m in await held_by(shop, sale_id) if m == waits.id]
    booked = GateClaim(place, "waiting:1", 1, [(shop.sku_id, 1)])
    assert [await gate.book([booked]) for _ in range(2)] == [1, 0], "booked once"
    assert (await gate.free())[1] == {shop.sku_id: -1}, "the unit that was added is not counted here yet"
    await lay(sale_id)
    with pytest.raises(OutOfStock):
        await tap(desk, shop, sale_id, crowd)
    await nothing_is_broken(shop)
