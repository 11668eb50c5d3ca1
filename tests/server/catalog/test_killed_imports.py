"""A worker that is killed in the middle of a merchant's list."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import Any

import pytest
from sqlmodel import func, select

from server.catalog.models import Product, Sku
from server.kit.jobs import queue
from server.kit.jobs.queue import Queue
from server.stock.models import StockBalance, StockEntry
from tests.server.brands.desk import Desk

ROWS = 1_500
WORKER = """
import asyncio, sys
import server.catalog.imports, server.reactions
from server.kit.database import Database
from server.kit.jobs.queue import Queue
asyncio.run(Queue(Database(sys.argv[1]), heartbeat_s=1).run(asyncio.Event()))
"""


async def test_a_list_whose_worker_is_killed_in_the_middle_lands_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "POLL_S", 0.1)
    owner = await desk.staff(await desk.brand())
    rows = "".join(f"Tea {at // 3},{at},1,{1 + at % 7},C{at}\n" for at in range(ROWS))
    sent = await desk.ask(
        "POST", "/api/products/imports", by=owner, content=f"title,variant,price,stock,code\n{rows}".encode()
    )

    async def job() -> dict[str, Any]:
        read: dict[str, Any] = (await desk.ask("GET", sent.headers["location"], by=owner)).json()
        return read

    worker = subprocess.Popen([sys.executable, "-c", WORKER, desk.database.url])
    try:
        async with asyncio.timeout(60):
            while (await job())["done"] == 0:
                await asyncio.sleep(0.02)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    killed_at = (await job())["done"]
    assert 0 < killed_at < ROWS

    stop = asyncio.Event()
    other = asyncio.create_task(Queue(desk.database, heartbeat_s=1).run(stop))
    async with asyncio.timeout(60):
        while (ended := await job())["state"] == "running":
            await asyncio.sleep(0.05)
    stop.set()
    await other
    assert (ended["state"], ended["done"]) == ("done", ROWS)
    assert ended["counts"] == {"created": ROWS, "updated": 0, "unchanged": 0, "refused": 0}
    async with desk.database.transaction() as session:
        counted = select(func.count())
        assert (await session.exec(counted.select_from(Product))).one() == ROWS // 3
        assert (await session.exec(counted.select_from(Sku))).one() == ROWS
        units = sum(1 + at % 7 for at in range(ROWS))
        assert (await session.exec(select(func.sum(StockBalance.total)))).one() == units
        assert (await session.exec(counted.select_from(StockEntry))).one() == ROWS
