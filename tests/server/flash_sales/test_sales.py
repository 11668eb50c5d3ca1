"""Sales beside their claims: how they are shown, how they end with their room, and what they leave behind."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

import server.reactions  # noqa: F401
from live.room import End
from server.flash_sales import reactions, selling, service
from server.flash_sales.cards import MAX_SALES_SHOWN
from server.flash_sales.models import FlashSale
from server.flash_sales.service import RoomEnded
from server.kit import facts
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.redis import Redis, connect
from server.members import phones
from server.orders import releasing
from server.orders.facts import OrdersReleased
from server.rooms import service as rooms
from server.stock import service as stock
from server.stock.rules import Pool
from tests.server.flash_sales.test_claims import nothing_is_broken, tap, units
from tests.server.flash_sales.test_servers_away import MOMENT_S, hanging
from tests.server.shop import Shop
from tests.server.wallets.serving import waits_for_a_lock

HOUR_MS = 3_600_000


async def close(shop: Shop, sale_id: UUID) -> None:
    async with shop.database.transaction() as session:
        sale = await service.get(session, shop.brand_id, shop.room_id, sale_id)
        await service.close(session, sale, "called", utc_now())


async def expire(shop: Shop) -> OrdersReleased:
    """All holds; returns the fact of it."""
    async with shop.database.transaction() as session:
        assert await releasing.expire_due(session, utc_now() + timedelta(hours=1))
        body = await session.execute(
            text("SELECT body FROM outbox WHERE kind = 'orders.released' ORDER BY seq DESC LIMIT 1")
        )
        return msgspec.convert(body.scalar_one(), OrdersReleased)


async def at_headquarters(shop: Shop) -> int:
    async with shop.database.transaction() as session:
        return (await stock.free(session, [shop.sku_id], [(Pool.HEADQUARTERS, shop.brand_id)]))[shop.sku_id]


async def end_room(shop: Shop) -> None:
    async with shop.database.transaction() as session:
        await rooms.direct(session, shop.owner, shop.room_id, End(), utc_now())


async def someone_waits(database: Database) -> None:
    async with asyncio.timeout(20):
        while not await waits_for_a_lock(database):
            await asyncio.sleep(0.01)


# Shown


async def test_a_sale_that_runs_is_shown_however_many_closed_after_it_was_made(shop):
    running = await shop.sale(1)
    for _ in range(MAX_SALES_SHOWN + 1):
        await close(shop, await shop.sale(1))
    async with shop.database.transaction() as session:
        cards = await service.cards(session, shop.room_id)
    assert (len(cards), cards[0].sale_id) == (MAX_SALES_SHOWN, running)
    closed = [card.sale_id for card in cards[1:]]
    assert closed == sorted(closed, reverse=True)


# Together with their room


async def test_a_room_ends_while_one_of_its_sales_is_being_closed(shop):
    sale_id = await shop.sale(5)
    async with shop.database.transaction() as session:
        sale = await service.get(session, shop.brand_id, shop.room_id, sale_id)
        ending = asyncio.create_task(end_room(shop))
        await someone_waits(shop.database)
        await service.close(session, sale, "called", utc_now())
    await ending
    assert await at_headquarters(shop) == 1000


async def test_a_sale_that_is_made_while_the_room_ends_does_not_outlive_it(shop):
    async with shop.database.transaction() as session:
        new = shop.new_sale(5)
        sale = await service.create(session, shop.owner, shop.room_id, new)
        await service.open_sale(session, sale, utc_now())
        ending = asyncio.create_task(end_room(shop))
        await someone_waits(shop.database)
    await ending
    async with shop.database.transaction() as session:
        assert (await session.get(FlashSale, sale.id)).state == "closed"
    assert await at_headquarters(shop) == 1000


async def test_no_sale_is_made_in_a_room_that_has_ended(shop):
    await end_room(shop)
    with pytest.raises(RoomEnded) as refused:
        await shop.sale(5)
    body = refused.value.body()
    assert (body["status"], body["slug"], body["state"], body["reason"]) == (
        409,
        "wrong-state",
        "ended",
        "room-ended",
    )
    assert await at_headquarters(shop) == 1000


# What comes back to closed ones


async def test_units_that_come_back_to_a_closed_sale_go_on_to_headquarters(shop, desk, lay):
    sale_id = await shop.sale(5)
    await lay(sale_id)
    await tap(desk, shop, sale_id, await shop.member())
    await close(shop, sale_id)
    released = await expire(shop)
    assert await units(shop, sale_id) == (1, 1, 0, 0)
    for _ in range(2):
        async with shop.database.transaction() as session:
            await reactions.pass_on_units(session, released)
    assert (await units(shop, sale_id), await at_headquarters(shop)) == ((0, 0, 0, 0), 1000)
    await nothing_is_broken(shop)


async def test_units_that_come_back_to_an_open_sale_stay_there(shop, desk, lay):
    sale_id = await shop.sale(5)
    await lay(sale_id)
    await tap(desk, shop, sale_id, await shop.member())
    released = await expire(shop)
    async with shop.database.transaction() as session:
        await reactions.pass_on_units(session, released)
    assert await units(shop, sale_id) == (5, 5, 0, 0)


async def test_units_that_come_back_while_the_sale_is_being_closed_are_not_left_in_it(shop, desk, lay):
    """The close has looked what is free, and has not committed, when the hold expires."""
    sale_id = await shop.sale(5)
    await lay(sale_id)
    await tap(desk, shop, sale_id, await shop.member())

    async def take(released: OrdersReleased) -> None:
        async with shop.database.transaction() as session:
            await reactions.pass_on_units(session, released)

    async with shop.database.transaction() as closing:
        sale = await service.get(closing, shop.brand_id, shop.room_id, sale_id)
        sale.state, sale.ends_at = "closed", utc_now()
        await closing.flush()
        taking = asyncio.create_task(take(await expire(shop)))
        await someone_waits(shop.database)
    await taking
    assert await units(shop, sale_id) == (0, 0, 0, 0)


async def test_a_look_at_the_sales_reads_none_that_closed_long_ago(shop):
    running = await shop.sale(5)
    async with shop.database.transaction() as session:
        await session.execute(
            text(
                """
                INSERT INTO flash_sale (id, brand_id, room_id, title, state, opens_at, ends_at, duration_seconds,
                                        limit_per_buyer, hold_seconds, epoch, created_at)
                SELECT uuidv7(), brand_id, room_id, 'old', 'closed', at, at, 60, 1, 60, 1, at
                FROM flash_sale, generate_series(1, 5000) AS n, LATERAL (SELECT now() - n * interval '2 hours' AS at) a
                """
            )
        )
    async with shop.database.engine.connect() as connection:
        await connection.exec_driver_sql("ANALYZE flash_sale")
        await connection.commit()
    async with shop.database.transaction() as session:
        assert await service.close_due(session, utc_now()) == []
        assert await selling.running(session, utc_now()) == {running: shop.room_id}
        read = await session.execute(
            text(
                "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables "
                "WHERE relname IN ('flash_sale', 'stock_balance')"
            )
        )
        assert read.scalar_one() < 20


# The gate of those that ended


async def gate_goes_at(redis: Redis, sale_id: UUID) -> list[int]:
    return [await redis.pexpiretime(f"{{sale:{sale_id}}}:{key}") for key in ("gate", "buyers", "keys")]


async def test_a_gate_goes_an_hour_after_the_end_of_its_sale(shop, desk, lay, redis):
    sale_id = await shop.sale(5)
    await lay(sale_id)
    await tap(desk, shop, sale_id, await shop.member())
    async with shop.database.transaction() as session:
        ends_ms = int((await session.get(FlashSale, sale_id)).ends_at.timestamp() * 1000)
    assert await gate_goes_at(redis, sale_id) == [ends_ms + HOUR_MS] * 3
    await lay(sale_id)
    assert await gate_goes_at(redis, sale_id) == [ends_ms + HOUR_MS] * 3
    await close(shop, sale_id)
    await lay(sale_id)
    now_ms = int(utc_now().timestamp() * 1000)
    assert all(now_ms < at <= now_ms + HOUR_MS for at in await gate_goes_at(redis, sale_id))


async def test_a_gate_of_a_sale_that_waits_to_be_opened_stays(shop, lay, redis):
    async with shop.database.transaction() as session:
        new = shop.new_sale(5)
        sale = await service.create(session, shop.owner, shop.room_id, new)
    await lay(sale.id)
    assert await redis.pexpiretime(f"{{sale:{sale.id}}}:gate") == -1


# A gate that is away holds nothing up


async def test_what_a_gate_that_hangs_was_to_be_told_costs_one_time_out_and_holds_no_fact_back(
    shop, desk, valkey_server, monkeypatch
):
    monkeypatch.setattr(facts, "_after_commit", defaultdict(dict))  # what this test registers ends with it
    sale_id = await shop.sale(5)
    server = valkey_server()
    member = await shop.member()
    await tap(desk, shop, sale_id, member)
    released = await expire(shop)
    async with connect(server.url) as redis:
        await service.lay_gate(shop.database, redis, sale_id)
        reactions.register(redis)
        give_back = facts.reactions_to(OrdersReleased)[
            "server.flash_sales.reactions.register.<locals>.give_back_at_the_gate"
        ]
        async with shop.database.transaction() as session:
            with hanging(server):
                await give_back(session, released)
                async with asyncio.timeout(MOMENT_S):
                    for _ in range(3):
                        await give_back(session, released)


# What verify sees


async def test_a_member_who_was_two_may_have_bought_up_to_two_limits(shop, desk, lay):
    sale_id = await shop.sale(5)
    await lay(sale_id)
    member, guest = await shop.members(2)
    for buyer in (member, guest):
        await tap(desk, shop, sale_id, buyer)
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE member SET phone = '+8613800138000' WHERE id = :id"), {"id": member.id}
        )
        await phones.settle(session, shop.brand_id, "+8613800138000", guest.id)
    await nothing_is_broken(shop)


async def broken(shop: Shop, statement: str) -> dict:
    async with shop.database.transaction() as session:
        await session.execute(text(statement))
        return {name: rows for name, rows in (await service.verify(session)).items() if rows}


async def test_a_buyer_above_the_limit_is_named(shop, desk, lay):
    sale_id = await shop.sale(5)
    await lay(sale_id)
    await tap(desk, shop, sale_id, await shop.member())
    found = await broken(shop, "UPDATE flash_sale_buyer SET quantity = 2")
    assert set(found) == {"buyers_within_limit", "buyers_equal_orders"}


async def test_a_buyer_whom_nobody_counted_is_named(shop, desk, lay):
    sale_id = await shop.sale(5)
    await lay(sale_id)
    member = await shop.member()
    await tap(desk, shop, sale_id, member)
    (row,) = (await broken(shop, "DELETE FROM flash_sale_buyer"))["buyers_equal_orders"]
    assert (row["sale_id"], row["member_id"], row["orders_quantity"]) == (str(sale_id), str(member.id), 1)
