"""Units that come in and go from pool to pool, each act booked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from server.kit.database import Database
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.stock import service
from server.stock.rules import Pool
from server.stock.service import OutOfStock
from tests.server.shop import Shop


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = Database(database_url)
    yield await Shop.open(database, stock_units=10)
    await database.close()


async def add(shop: Shop, units: int, key=None) -> None:
    async with shop.database.transaction() as session:
        pool = (Pool.HEADQUARTERS, shop.brand_id)
        await service.adjust(session, shop.brand_id, shop.sku_id, *pool, units, key or uuid7())


async def free(shop: Shop) -> int:
    async with shop.database.transaction() as session:
        pools = [(Pool.HEADQUARTERS, shop.brand_id)]
        return (await service.free(session, [shop.sku_id], pools))[shop.sku_id]


async def test_one_key_many_times_at_once_comes_in_once(shop):
    key = uuid7()
    await asyncio.gather(*(add(shop, 5, key) for _ in range(8)))
    assert await free(shop) == 15


async def test_one_key_for_other_units_is_refused_and_moves_nothing(shop):
    key = uuid7()
    await add(shop, 5, key)
    for other in (7, -5):
        with pytest.raises(KeyReused):
            await add(shop, other, key)
    assert await free(shop) == 15


async def test_more_than_there_is_is_not_taken_away(shop):
    with pytest.raises(OutOfStock) as refused:
        await add(shop, -11)
    assert (refused.value.data["left"], await free(shop)) == (10, 10)


async def test_units_that_left_one_pool_and_came_to_no_other_are_named(shop):
    key, sale_id = uuid7(), uuid7()
    async with shop.database.transaction() as session:
        pools = (Pool.HEADQUARTERS, shop.brand_id), (Pool.SALE, sale_id)
        await service.move(session, shop.brand_id, shop.sku_id, *pools, 4, key)
        assert not any((await service.verify(session)).values())
        await session.execute(text("DELETE FROM stock_entry WHERE act = 'allot' AND total > 0"))
        (row,) = (await service.verify(session))["stock_allotments_cancel_out"]
    assert row == {"key": str(key), "total": -4, "entries": 1}
