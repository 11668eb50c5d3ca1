"""`showfloor verify`: every invariant recomputed from the truth. It only reads, beside a running system."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.after_sale import service as after_sale
from server.attribution import service as attribution
from server.carrying import service as carrying
from server.conversations import service as conversations
from server.dashboards import service as dashboards
from server.flash_sales import service as flash_sales
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.jobs import service as jobs
from server.kit.redis import Redis, connect
from server.kit.settings import Settings
from server.orders import service as orders
from server.payments import service as payments
from server.rooms import service as rooms
from server.stock import service as stock
from server.tipping import service as tipping
from server.wallets import service as wallets

Rows = list[dict[str, Any]]
Verify = Callable[[AsyncSession], Awaitable[dict[str, Rows]]]

FEATURES: tuple[Verify, ...] = (
    stock.verify,
    orders.verify,
    after_sale.verify,
    payments.verify,
    wallets.verify,
    tipping.verify,
    attribution.verify,
    flash_sales.verify,
    carrying.verify,
    conversations.verify,
    rooms.verify,
    dashboards.verify,
    jobs.verify,
)
SHOWN = 100
"""Broken rows of one check that are printed."""


class Check(msgspec.Struct, frozen=True):
    ok: bool
    rows: Rows


class Certificate(msgspec.Struct, frozen=True):
    """What was looked at, and when it was begun."""

    at: datetime
    orders: int
    ledger: stock.Ledger


class Verdict(msgspec.Struct, frozen=True):
    ok: bool
    certificate: Certificate
    checks: dict[str, Check]


async def verify(database: Database, redis: Redis) -> Verdict:
    """Each check is one statement, and so sees one moment."""
    found: dict[str, Rows] = {}
    now = utc_now()
    async with _reading(database) as session:
        orders_count = (await session.execute(text("SELECT count(*) FROM orders"))).scalar_one()
        certificate = Certificate(now, orders_count, await stock.ledger(session))
    for feature in FEATURES:
        async with _reading(database) as session:
            found |= await feature(session)
    found |= await flash_sales.verify_gates(database, redis)
    checks = {name: Check(not rows, rows[:SHOWN]) for name, rows in found.items()}
    return Verdict(all(check.ok for check in checks.values()), certificate, checks)


@asynccontextmanager
async def _reading(database: Database) -> AsyncIterator[AsyncSession]:
    """A few statements over everything: memory for their sums, no time for compiling them, and no second core, which
    the running system may need."""
    async with database.transaction() as session:
        for setting in ("work_mem = '256MB'", "jit = off", "max_parallel_workers_per_gather = 0"):
            await session.execute(text(f"SET LOCAL {setting}"))
        yield session


def main(settings: Settings, *, as_json: bool = False) -> int:
    """Prints the verdict; 1 when something is broken, with its rows."""
    verdict = asyncio.run(_verify(settings))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(verdict)).decode())
    else:
        print("\n".join(_lines(verdict)))
    sys.stdout.flush()
    return 0 if verdict.ok else 1


async def _verify(settings: Settings) -> Verdict:
    database, redis = Database(settings.database_url, pool=1), connect(settings.redis_url)
    try:
        return await verify(database, redis)
    finally:
        await redis.aclose()
        await database.close()


def _lines(verdict: Verdict) -> list[str]:
    lines = []
    for name, check in verdict.checks.items():
        lines.append(f"{'ok    ' if check.ok else 'BROKEN'} {name}")
        lines += [f"       {msgspec.json.encode(row).decode()}" for row in check.rows]
    ledger = verdict.certificate.ledger
    return [
        *lines,
        "",
        f"{verdict.certificate.at:%Y-%m-%d %H:%M:%S} UTC: {verdict.certificate.orders:,} orders, "
        f"{ledger.entries:,} ledger entries, {ledger.total:,} units = {ledger.free:,} free + {ledger.held:,} held + "
        f"{ledger.sold:,} sold; oversold: {ledger.oversold:,}",
        f"sha256 of the ledger: {ledger.sha256}",
        "Everything adds up." if verdict.ok else "Something does not add up.",
    ]
