"""`showfloor verify`: every invariant recomputed from the truth. It only reads, beside a running system."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import service as attribution
from server.dashboards import service as dashboards
from server.flash_sales import service as flash_sales
from server.kit.database import Database
from server.kit.settings import Settings
from server.orders import service as orders
from server.payments import service as payments
from server.stock import service as stock
from server.tipping import service as tipping
from server.wallets import service as wallets

Rows = list[dict[str, Any]]
Verify = Callable[[AsyncSession], Awaitable[dict[str, Rows]]]

FEATURES: tuple[Verify, ...] = (
    stock.verify,
    orders.verify,
    payments.verify,
    wallets.verify,
    tipping.verify,
    attribution.verify,
    flash_sales.verify,
    dashboards.verify,
)
SHOWN = 100
"""Broken rows of one check that are printed."""


class Check(msgspec.Struct, frozen=True):
    ok: bool
    rows: Rows


class Verdict(msgspec.Struct, frozen=True):
    ok: bool
    checks: dict[str, Check]


async def verify(database: Database) -> Verdict:
    """Each check is one statement, and so sees one moment."""
    checks: dict[str, Check] = {}
    for feature in FEATURES:
        async with database.transaction() as session:
            for name, rows in (await feature(session)).items():
                checks[name] = Check(not rows, rows[:SHOWN])
    return Verdict(all(check.ok for check in checks.values()), checks)


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
    database = Database(settings.database_url, pool=1)
    try:
        return await verify(database)
    finally:
        await database.close()


def _lines(verdict: Verdict) -> list[str]:
    lines = []
    for name, check in verdict.checks.items():
        lines.append(f"{'ok    ' if check.ok else 'BROKEN'} {name}")
        lines += [f"       {msgspec.json.encode(row).decode()}" for row in check.rows]
    return [*lines, "Everything adds up." if verdict.ok else "Something does not add up."]
