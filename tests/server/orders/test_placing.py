"""Ordinary orders: whose they are, how many may wait, at which price, and under which number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from sqlmodel import select

import server.reactions  # noqa: F401  a merge moves orders
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.members import phones
from server.orders import placing, releasing
from server.orders.models import Order
from server.orders.placing import MOST_WAITING, Placed, PriceChanged, TooManyUnpaid
from server.stock.service import Taking
from tests.server.shop import Shop
from tests.server.wallets.serving import waits_for_a_lock

PHONE = "+8613800138000"


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = Database(database_url)
    yield await Shop.open(database)
    await database.close()


async def placed(shop: Shop, member: Principal, key: str | None = None, **seen: int) -> Placed:
    async with shop.database.transaction() as session:
        lines = [Taking(shop.sku_id, 1)]
        prices = {shop.sku_id: seen["price_minor"]} if seen else None
        return await placing.place(
            session, member, shop.room_id, lines, key or uuid7().hex, b"", utc_now(), prices
        )


async def known(shop: Shop, guest: Principal | None = None) -> Principal:
    """The member with the phone; a `guest` is merged into it."""
    async with shop.database.transaction() as session:
        settled = await phones.settle(session, shop.brand_id, PHONE, guest.id if guest else None)
    return msgspec.structs.replace(await shop.member(), id=settled.member.id)


async def buyers(shop: Shop) -> set[object]:
    async with shop.database.transaction() as session:
        return set((await session.exec(select(Order.member_id))).all())


async def test_an_order_by_a_token_of_before_the_merge_is_the_members(shop):
    member, guest = await known(shop), await shop.member()
    first = await placed(shop, guest, "tap")
    await known(shop, guest)
    assert await placed(shop, guest, "tap") == first
    await placed(shop, guest, "another")
    assert await buyers(shop) == {member.id}


async def test_an_order_that_races_a_merge_is_the_members(shop):
    member, guest = await known(shop), await shop.member()
    async with shop.database.transaction() as merging:
        await phones.settle(merging, shop.brand_id, PHONE, guest.id)
        ordering = asyncio.create_task(placed(shop, guest))
        async with asyncio.timeout(20):
            while not await waits_for_a_lock(shop.database):
                await asyncio.sleep(0)
    await ordering
    assert await buyers(shop) == {member.id}


async def test_a_member_may_have_five_orders_waiting_however_fast_they_tap(shop):
    member = await shop.member()
    taps = await asyncio.gather(*(placed(shop, member) for _ in range(9)), return_exceptions=True)
    assert sum(isinstance(tap, Placed) for tap in taps) == MOST_WAITING == 5
    refused = [tap for tap in taps if isinstance(tap, TooManyUnpaid)]
    assert (len(refused), refused[0].status, refused[0].data) == (4, 409, {"most": 5})
    await placed(shop, await shop.member("Li"))
    order_id = next(tap for tap in taps if isinstance(tap, Placed)).order_id
    async with shop.database.transaction() as session:
        await releasing.cancel(session, member, order_id, utc_now())
    await placed(shop, member)


async def test_an_order_at_a_price_that_is_another_now_is_refused_with_the_new_one(shop):
    member = await shop.member()
    with pytest.raises(PriceChanged) as refused:
        await placed(shop, member, price_minor=9800)
    assert (refused.value.status, refused.value.data) == (409, {"prices": {str(shop.sku_id): 9900}})
    assert (await placed(shop, member, price_minor=9900)).amount_minor == 9900


def test_an_orders_number_begins_with_the_shops_day():
    assert placing.new_number(datetime(2025, 6, 1, 16, 30, tzinfo=UTC)).startswith("250602")
