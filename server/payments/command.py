"""`showfloor reconcile`: a provider's statement of one day held against the books. It only reads."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import msgspec

from server.kit.database import Database
from server.kit.problems import Problem
from server.kit.settings import Explained, Settings
from server.payments import reconciling
from server.payments.providers import ProviderError, Providers
from server.payments.reconciling import ReconciliationReport


async def reconcile(
    settings: Settings, provider: str, day: date, statement: Path | None, *, as_json: bool
) -> int:
    """Prints the report, of all brands; 1 where something differs. Raises `Explained`."""
    if provider == "sandbox":  # its trades can be read whether or not it is offered just now
        settings = msgspec.structs.replace(settings, sandbox=True)
    database = Database(settings.database_url, pool=1)
    providers = Providers(settings, database)
    try:
        asked = providers[provider]
        raw = await asyncio.to_thread(statement.read_bytes) if statement else await asked.statement(day)
        lines = asked.read_statement(raw)
        async with database.transaction() as session:
            report = await reconciling.report_of(session, provider, day, lines, None)
    except Problem as problem:
        raise Explained(f"{problem.title}: {problem.data or problem.detail}") from None
    except (ProviderError, OSError) as error:
        raise Explained(f"no statement of {provider} for {day}: {error}") from None
    finally:
        await providers.aclose()
        await database.close()
    print(msgspec.json.format(msgspec.json.encode(report)).decode() if as_json else _text(report))
    return 1 if report.differences else 0


def _text(report: ReconciliationReport) -> str:
    lines = [
        f"{side:8} {sums[kind].count:6} {kind}s {sums[kind].minor:>14} minor"
        for side, sums in (("ours", report.ours), ("theirs", report.theirs), ("matched", report.matched))
        for kind in ("payment", "refund")
    ]
    lines += [
        f"{row.outcome:15} {row.kind:8} {row.number} {row.trade_no} "
        f"ours {row.ours_minor} theirs {row.theirs_minor}"
        for row in report.differences
    ]
    return "\n".join([*lines, f"{len(report.differences)} differences"])
