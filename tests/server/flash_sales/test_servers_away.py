"""Claims while the gate hangs, and while PostgreSQL is gone: real servers of the test's own, stopped and killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from server.flash_sales import service
from server.flash_sales.claims import ClaimDesk
from server.flash_sales.gate import Gate
from server.kit.breaker import Breaker
from server.kit.clock import utc_now
from server.kit.database import Database, migrate
from server.kit.problems import Unavailable
from server.kit.redis import Redis, connect
from server.run.embedded import RunningServer
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
    database_url: str, redis: Redis, lost_gates: list[UUID], ticks: Ticks
) -> AsyncIterator[ClaimDesk]:
    desk = ClaimDesk(database_url, redis, utc_now, lost_gates.append, ticks)
    await desk.start()
    try:
        yield desk
    finally:
        await desk.stop()


async def test_a_gate_that_hangs_costs_one_time_out_and_is_tried_again(shop, lost_gates, valkey_server):
    server, ticks = valkey_server(), Ticks()
    async with connect(server.url) as redis, opened(shop.database.url, redis, lost_gates, ticks) as desk:
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
        await service.lay_gate(shop.database, redis, sale_id)
        _, at_gate = await Gate(redis, sale_id).free()
        assert at_gate == {shop.sku_id: 3}
        assert await units(shop, sale_id) == (9, 3, 6, 0)
        await nothing_is_broken(shop)


async def test_all_sales_pass_by_a_gate_that_one_of_them_found_hanging(shop, lost_gates, valkey_server):
    server = valkey_server()
    async with connect(server.url) as redis, opened(shop.database.url, redis, lost_gates, Ticks()) as desk:
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
    async with opened(server.url, redis, lost_gates, Ticks()) as desk:
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
