"""Claims while the gate hangs, and while PostgreSQL is gone: real servers of the test's own, stopped and killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from server.flash_sales import service
from server.flash_sales.claims import ClaimDesk
from server.flash_sales.gate import Gate, GateClaim, NoGate
from server.kit.breaker import Breaker
from server.kit.clock import utc_now
from server.kit.database import Database, migrate
from server.kit.problems import Unavailable
from server.kit.redis import Redis, connect
from server.orders.service import Placed
from server.run.embedded import RunningServer
from server.stock.service import OutOfStock
from tests.server.flash_sales.test_claims import nothing_is_broken, tap, units
from tests.server.shop import Shop
from tests.server.ticks import Ticks

MOMENT_S = 1.5
"""Less than the time-out of a server that hangs."""


@contextmanager
def hanging(server: RunningServer) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@asynccontextmanager
async def opened(
    database: Database, redis: Redis, lost_gates: list[UUID], ticks: Ticks
) -> AsyncIterator[ClaimDesk]:
    async def lay(sale_id: UUID) -> None:
        lost_gates.append(sale_id)
        await service.lay_gate(database, redis, sale_id)

    desk = ClaimDesk(database.url, redis, utc_now, lay, ticks)
    await desk.start()
    try:
        yield desk
    finally:
        await desk.stop()


async def test_a_gate_that_hangs_costs_one_time_out_and_is_tried_again(shop, lost_gates, valkey_server):
    server, ticks = valkey_server(), Ticks()
    async with connect(server.url) as redis, opened(shop.database, redis, lost_gates, ticks) as desk:
        sale_id = await shop.sale(9)
        await service.lay_gate(shop.database, redis, sale_id)
        buyers = iter(await shop.members(6))
        with hanging(server):
            await tap(desk, shop, sale_id, next(buyers))
            async with asyncio.timeout(MOMENT_S):
                for _ in range(3):
                    await tap(desk, shop, sale_id, next(buyers))
        await tap(desk, shop, sale_id, next(buyers))
        assert lost_gates == []
        ticks.at = Breaker.PAUSE_S
        await tap(desk, shop, sale_id, next(buyers))
        assert lost_gates == [sale_id], "the gate is to hear of the claims that passed it by"
        _, at_gate = await Gate(redis, sale_id).free()
        assert at_gate == {shop.sku_id: 3}
        assert await units(shop, sale_id) == (9, 3, 6, 0)
        await nothing_is_broken(shop)


@pytest.mark.parametrize("kept", [True, False], ids=["with its log", "empty"])
async def test_a_gate_from_before_its_server_began_anew_is_void(shop, lost_gates, valkey_server, kept):
    """A log that is cut brings units back that were sold meanwhile."""
    server, sale_id = valkey_server(), await shop.sale(3)
    first, second, *crowd = await shop.members(6)
    async with connect(server.url) as redis, opened(shop.database, redis, lost_gates, Ticks()) as desk:
        await service.lay_gate(shop.database, redis, sale_id)
        before = await tap(desk, shop, sale_id, first)
        await tap(desk, shop, sale_id, second)
    server.kill()
    if not kept:
        shutil.rmtree(server.server.folder.valkey)
    server.start()
    async with connect(server.url) as redis, opened(shop.database, redis, lost_gates, Ticks()) as desk:
        gate = Gate(redis, sale_id)
        assert (await gate.free() is not None) == kept
        with pytest.raises(NoGate):
            await gate.claim([GateClaim(first.id, "tap", 1, [(shop.sku_id, 1)])])
        assert await tap(desk, shop, sale_id, first) == before
        assert lost_gates == [sale_id], "laid anew before it decides"
        outcomes = await asyncio.gather(
            *(tap(desk, shop, sale_id, member) for member in crowd), return_exceptions=True
        )
        assert Counter(map(type, outcomes)) == {Placed: 1, OutOfStock: 3}
        assert await tap(desk, shop, sale_id, first) == before
    await nothing_is_broken(shop)


async def test_a_log_cut_anywhere_brings_nothing_back(shop, lost_gates, valkey_server):
    """At twenty places, each in the middle of a sale: what was granted stays granted, and no unit is sold twice."""
    server, cuts = valkey_server(), 20
    crowd = await shop.members(30)
    for cut in range(cuts):
        sale_id = await shop.sale(20)
        async with connect(server.url) as redis, opened(shop.database, redis, lost_gates, Ticks()) as desk:
            await service.lay_gate(shop.database, redis, sale_id)
            before = [await tap(desk, shop, sale_id, member, f"{cut}") for member in crowd[:12]]
        server.kill()
        (log,) = server.server.folder.valkey.glob("appendonlydir/*.incr.aof")
        with log.open("r+b") as file:
            file.truncate(log.stat().st_size * cut // cuts)
        server.start()
        async with connect(server.url) as redis, opened(shop.database, redis, lost_gates, Ticks()) as desk:
            taps = (tap(desk, shop, sale_id, member, f"{cut}") for member in crowd)
            outcomes = await asyncio.gather(*taps, return_exceptions=True)
        assert outcomes[:12] == before
        assert Counter(map(type, outcomes)) == {Placed: 20, OutOfStock: 10}
        assert await units(shop, sale_id) == (20, 0, 20, 0)
    await nothing_is_broken(shop)


async def test_all_sales_pass_by_a_gate_that_one_of_them_found_hanging(shop, lost_gates, valkey_server):
    server = valkey_server()
    async with connect(server.url) as redis, opened(shop.database, redis, lost_gates, Ticks()) as desk:
        sales = [await shop.sale(1) for _ in range(2)]
        first, second = await shop.members(2)
        with hanging(server):
            await tap(desk, shop, sales[0], first)
            async with asyncio.timeout(MOMENT_S):
                await tap(desk, shop, sales[1], second)


@pytest.mark.parametrize("end", [RunningServer.kill, RunningServer.stop])
async def test_while_postgresql_is_away_each_batch_is_one_short_line_in_the_log(
    redis, lost_gates, postgres_server, end
):
    server = postgres_server()
    await asyncio.to_thread(migrate, server.url)
    database = Database(server.url)
    shop = await Shop.open(database)
    sale_id = await shop.sale(5)
    crowd = await shop.members(4)
    async with opened(database, redis, lost_gates, Ticks()) as desk:
        await service.lay_gate(database, redis, sale_id)
        await tap(desk, shop, sale_id, crowd[0])
        end(server)
        with capture_logs() as lines:
            for _ in range(2):
                taps = (tap(desk, shop, sale_id, member) for member in crowd)
                assert {type(a) for a in await asyncio.gather(*taps, return_exceptions=True)} == {Unavailable}
        assert [(line["event"], line["log_level"]) for line in lines] == [
            ("a batch of claims failed", "warning")
        ] * 2
        assert not any("exc_info" in line or "\n" in line["why"] for line in lines)
        server.start()
        await tap(desk, shop, sale_id, crowd[1])
    await database.close()


async def test_another_failure_is_logged_with_its_traceback(shop, desk, lay, monkeypatch):
    sale_id = await shop.sale(5)
    await lay(sale_id)

    async def wrong(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("server.flash_sales.claims._SaleLine._order", wrong)
    with capture_logs() as lines, pytest.raises(Unavailable):
        await tap(desk, shop, sale_id, await shop.member())
    assert [type(line["exc_info"]) for line in lines] == [ValueError]
