"""What `showfloor verify` sees of orders: each test breaks a row by hand and finds it named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import server.reactions  # noqa: F401
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.orders import checks, placing, releasing
from server.stock.service import Taking
from tests.server.shop import Shop


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = Database(database_url)
    yield await Shop.open(database)
    await database.close()


async def ordered(shop: Shop) -> UUID:
    async with shop.database.transaction() as session:
        lines = [Taking(shop.sku_id, 2)]
        member = await shop.member()
        placed = await placing.place(session, member, shop.room_id, lines, uuid7().hex, b"", utc_now())
    return placed.order_id


async def broken(shop: Shop, statement: str = "SELECT 1") -> dict[str, list[dict[str, Any]]]:
    async with shop.database.transaction() as session:
        await session.execute(text(statement))
        return {name: rows for name, rows in (await checks.verify(session)).items() if rows}


async def test_orders_that_wait_and_that_ended_add_up(shop):
    await ordered(shop)
    async with shop.database.transaction() as session:
        await releasing.expire_due(session, utc_now() + timedelta(hours=1))
    await ordered(shop)
    assert await broken(shop) == {}


async def test_an_order_without_its_hold_is_named(shop):
    order_id = await ordered(shop)
    (row,) = (await broken(shop, "DELETE FROM stock_hold"))["orders_lines_equal_holds"]
    assert (row["id"], row["status"], row["state"]) == (str(order_id), "awaiting_payment", None)


async def test_an_order_that_waits_for_money_while_its_units_are_free_is_named(shop):
    order_id = await ordered(shop)
    (row,) = (await broken(shop, "UPDATE stock_hold SET state = 'released'"))["orders_lines_equal_holds"]
    assert (row["id"], row["status"], row["state"]) == (str(order_id), "awaiting_payment", "released")


async def test_a_hold_of_another_number_of_units_than_the_line_is_named(shop):
    order_id = await ordered(shop)
    (row,) = (await broken(shop, "UPDATE stock_hold SET quantity = 1"))["orders_lines_equal_holds"]
    assert (row["id"], row["line_quantity"], row["hold_quantity"]) == (str(order_id), 2, 1)


async def test_a_hold_that_no_order_has_is_named(shop):
    await ordered(shop)
    found = await broken(shop, "UPDATE orders SET hold_id = uuidv7()")
    assert {row["hold_quantity"] for row in found["orders_lines_equal_holds"]} == {2, None}


@pytest.mark.parametrize(("paid", "due"), [(19800, 5), (19900, 0)])
async def test_what_is_due_back_and_was_not_overpaid_is_named_and_the_other_way_round(shop, paid, due):
    order_id = await ordered(shop)
    found = await broken(
        shop, f"UPDATE orders SET paid_at = now(), paid_minor = {paid}, refund_due_minor = {due}"
    )
    assert [row["id"] for row in found["orders_refund_due_equals_overpaid"]] == [str(order_id)]
