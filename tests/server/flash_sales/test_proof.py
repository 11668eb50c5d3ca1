"""The proof of a sale: every unit accounted for, from the ledger alone."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

import server.reactions  # noqa: F401
from server.flash_sales import proof, selling
from server.flash_sales.proof import Proof
from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.kit.problems import NotFound
from server.orders import releasing
from tests.server.flash_sales.test_claims import tap
from tests.server.shop import Shop


async def proved(shop: Shop, sale_id) -> Proof:
    async with shop.database.transaction() as session:
        return await proof.of_sale(session, sale_id, utc_now())


async def test_every_unit_is_accounted_for_whatever_became_of_it(shop, desk, lay):
    sale_id = await shop.sale(10)
    await lay(sale_id)
    crowd = await shop.members(6)
    orders = [await tap(desk, shop, sale_id, member) for member in crowd]
    async with shop.database.transaction() as session:
        await releasing.cancel(session, crowd[0], orders[0].order_id, utc_now())
    open_proof = await proved(shop, sale_id)
    (line,) = open_proof.lines
    assert (line.offered, line.free, line.held, line.sold, line.taken_back) == (10, 5, 5, 0, 0)
    assert (line.claimed, line.lapsed, line.returned, line.adds_up) == (6, 1, 0, True)
    assert (open_proof.oversold, open_proof.orders_count, open_proof.entries) == (0, 6, 8)
    assert [point.taken for point in open_proof.curve] == [1, 2, 3, 4, 5, 6, 5]
    assert {order.state for order in open_proof.orders} == {"held", "released"}
    async with shop.database.transaction() as session:
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        await selling.close(session, sale, "called", utc_now())
    closed = await proved(shop, sale_id)
    (line,) = closed.lines
    assert (line.offered, line.free, line.held, line.taken_back, line.adds_up) == (10, 0, 5, 5, True)
    assert closed.sha256 != open_proof.sha256
    assert (await proved(shop, sale_id)).sha256 == closed.sha256


async def test_a_balance_that_was_tampered_with_shows(shop, desk, lay):
    sale_id = await shop.sale(3)
    await lay(sale_id)
    await tap(desk, shop, sale_id, await shop.member())
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE stock_balance SET free = free + 1, held = held - 1 WHERE pool_id = :id"),
            {"id": sale_id},
        )
    (line,) = (await proved(shop, sale_id)).lines
    assert not line.adds_up
    assert (line.free, line.held) == (2, 1), "as the ledger has it"


async def test_a_sale_that_nobody_came_to_has_a_proof_too(shop):
    found = await proved(shop, await shop.sale(3))
    assert (found.lines[0].offered, found.orders, found.curve, found.lines[0].adds_up) == (3, [], [], True)
    with pytest.raises(NotFound):
        await proved(shop, uuid7())


async def test_a_rush_is_proved_while_it_goes_on(shop, desk, lay):
    sale_id = await shop.sale(40)
    await lay(sale_id)
    rush = asyncio.gather(*(tap(desk, shop, sale_id, member) for member in await shop.members(40)))
    while not rush.done():
        found = await proved(shop, sale_id)
        assert found.lines[0].adds_up
        assert found.oversold == 0
    await rush
    assert (await proved(shop, sale_id)).lines[0].held == 40
