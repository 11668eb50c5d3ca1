"""A provider's statement of a day held against our books: what matches, what one of the two doesn't have, what differs.

A day is the shop's. Payments count by the provider's own time of success. A refund that was booked on one day and went
through on another, or is still under way here, may stand on either statement, so it is missed on neither.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import SHOP_ZONE
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.paging import PAGE, Page, before, page
from server.kit.problems import NotFound, Problem
from server.kit.sheets import harmless
from server.payments.models import Payment, Reconciliation, Refund
from server.payments.providers import ProviderError, Providers
from server.payments.providers.port import StatementLine

log = structlog.get_logger()

MOST_BYTES = 20 << 20
"""Of a statement file."""

READY_AT_HOUR = 10
"""Of the shop's morning: WeChat Pay's bills of the day before are there by then."""
FETCH_S = 300.0

_NOT_RECONCILED = text(
    """
    SELECT b.id FROM brand b
    WHERE EXISTS (SELECT 1 FROM payment p WHERE p.brand_id = b.id AND p.provider = :provider AND p.succeeded_at < :end)
      AND NOT EXISTS (SELECT 1 FROM reconciliation r
                      WHERE r.brand_id = b.id AND r.provider = :provider AND r.day = :day)
    """
)

Outcome = Literal["missing_here", "missing_there", "amount_differs", "told_twice"]


class Difference(msgspec.Struct, frozen=True):
    """`ours_minor` is null where we have nothing, `theirs_minor` where the provider has nothing. `number` is our
    payment's or refund's id, as far as it is known; `payable_id` the order (or top-up) that it is for."""

    outcome: Outcome
    kind: Literal["payment", "refund"]
    number: str
    trade_no: str
    ours_minor: int | None
    theirs_minor: int | None
    payable: str = ""
    payable_id: UUID | None = None


class Sum(msgspec.Struct):
    count: int = 0
    minor: int = 0

    def add(self, amount_minor: int) -> None:
        self.count += 1
        self.minor += amount_minor


class ReconciliationReport(msgspec.Struct):
    """Sums are of payments and of refunds: ours and theirs of the day, and what matched. `elsewhere` counts lines of
    another brand of this installation or of another day."""

    ours: dict[str, Sum]
    theirs: dict[str, Sum]
    matched: dict[str, Sum]
    elsewhere: int
    differences: list[Difference]


class ReconciliationView(msgspec.Struct):
    reconciliation_id: UUID
    provider: str
    day: date
    fetched: bool
    differences: int
    matched: int
    made_at: datetime


class ReconciliationDetail(msgspec.Struct):
    head: ReconciliationView
    report: ReconciliationReport


class Entry(msgspec.Struct, frozen=True):
    """Something in our books. `due`: the day's statement must have it."""

    kind: Literal["payment", "refund"]
    id: UUID
    brand_id: UUID
    trade_no: str
    amount_minor: int
    payable: str
    payable_id: UUID
    due: bool


def _sums() -> dict[str, Sum]:
    return {"payment": Sum(), "refund": Sum()}


def day_of(day: date) -> tuple[datetime, datetime]:
    begin = datetime(day.year, day.month, day.day, tzinfo=SHOP_ZONE)
    return begin, begin + timedelta(days=1)


def compare(
    entries: Sequence[Entry], lines: Sequence[StatementLine], day: date, brand_id: UUID | None
) -> ReconciliationReport:
    """Pure. `entries` are all that the lines could mean, of every brand; with a brand only its own are reported."""
    report = ReconciliationReport(_sums(), _sums(), _sums(), 0, [])
    by_number = {entry.id.hex: entry for entry in entries}
    by_trade = {(entry.kind, entry.trade_no): entry for entry in entries if entry.trade_no}
    begin, end = day_of(day)
    seen: set[UUID] = set()
    for line in lines:
        entry = by_number.get(line.number.replace("-", "")) or by_trade.get((line.kind, line.trade_no))
        foreign = entry is not None and brand_id is not None and entry.brand_id != brand_id
        if foreign or (line.at is not None and not begin <= line.at < end):
            report.elsewhere += 1
            continue
        report.theirs[line.kind].add(line.amount_minor)
        if entry is None:
            report.differences.append(
                Difference("missing_here", line.kind, line.number, line.trade_no, None, line.amount_minor)
            )
        elif entry.id in seen:
            report.differences.append(_difference("told_twice", entry, line.amount_minor))
        elif entry.amount_minor != line.amount_minor or entry.kind != line.kind:
            report.differences.append(_difference("amount_differs", entry, line.amount_minor))
        else:
            report.matched[line.kind].add(line.amount_minor)
        if entry is not None:
            seen.add(entry.id)
    for entry in entries:
        if brand_id is not None and entry.brand_id != brand_id:
            continue
        if entry.due or entry.id in seen:
            report.ours[entry.kind].add(entry.amount_minor)
        if entry.due and entry.id not in seen:
            report.differences.append(_difference("missing_there", entry, None))
    return report


def _difference(outcome: Outcome, entry: Entry, theirs_minor: int | None) -> Difference:
    return Difference(
        outcome,
        entry.kind,
        str(entry.id),
        entry.trade_no,
        entry.amount_minor,
        theirs_minor,
        entry.payable,
        entry.payable_id,
    )


async def report_of(
    session: AsyncSession, provider: str, day: date, lines: Sequence[StatementLine], brand_id: UUID | None
) -> ReconciliationReport:
    return compare(await _entries(session, provider, day, lines), lines, day, brand_id)


async def keep(
    session: AsyncSession,
    brand_id: UUID,
    provider: str,
    day: date,
    raw: bytes,
    lines: Sequence[StatementLine],
    *,
    fetched: bool,
    made_by: UUID | None,
    now: datetime,
) -> tuple[Reconciliation, bool]:
    """(the report, whether it is new): the same file for the same day is reconciled once."""
    file_hash = hashlib.sha256(raw).digest()
    known = select(Reconciliation).where(
        Reconciliation.brand_id == brand_id,
        Reconciliation.provider == provider,
        Reconciliation.day == day,
        Reconciliation.file_hash == file_hash,
    )
    if found := (await session.exec(known)).first():
        return found, False
    report = await report_of(session, provider, day, lines, brand_id)
    await session.execute(
        insert(Reconciliation)
        .values(
            id=uuid7(),
            brand_id=brand_id,
            provider=provider,
            day=day,
            file_hash=file_hash,
            fetched=fetched,
            differences=len(report.differences),
            report=msgspec.to_builtins(report),
            made_by=made_by,
            made_at=now,
        )
        .on_conflict_do_nothing()
    )
    return (await session.exec(known)).one(), True


async def reconcile_yesterday(database: Database, providers: Providers, now: datetime) -> None:
    """Once for each provider and brand, in the morning, when providers have their statements; a day that somebody has
    reconciled already is left as it is. What can't be fetched now is tried again the next time."""
    local = now.astimezone(SHOP_ZONE)
    day = local.date() - timedelta(days=1)
    if local.hour < READY_AT_HOUR:
        return
    for provider in providers:
        asked = {"provider": provider.name, "day": day, "end": day_of(day)[1]}
        async with database.transaction() as session:
            brands = (await session.execute(_NOT_RECONCILED, asked)).scalars().all()
        if not brands:
            continue
        try:
            async with asyncio.timeout(FETCH_S):
                raw = await provider.statement(day)
            lines = await asyncio.to_thread(provider.read_statement, raw)
        except (ProviderError, TimeoutError, Problem) as error:
            log.warning("no statement", provider=provider.name, day=str(day), why=str(error))
            continue
        for brand_id in brands:
            async with database.transaction() as session:
                kept, _ = await keep(
                    session, brand_id, provider.name, day, raw, lines, fetched=True, made_by=None, now=now
                )
            log.info("reconciled", provider=provider.name, day=str(day), differences=kept.differences)


async def _entries(
    session: AsyncSession, provider: str, day: date, lines: Sequence[StatementLine]
) -> list[Entry]:
    """What the day's statement must have, and whatever its lines name."""
    begin, end = day_of(day)
    numbers = [UUID(hex=line.number) for line in lines if _is_id(line.number)]
    trades = [line.trade_no for line in lines if line.trade_no]
    paid = select(Payment).where(
        Payment.provider == provider,
        Payment.status == "succeeded",
        or_(
            (col(Payment.succeeded_at) >= begin) & (col(Payment.succeeded_at) < end),
            col(Payment.id).in_(numbers),
            col(Payment.trade_no).in_(trades),
        ),
    )
    entries = [
        Entry(
            "payment",
            one.id,
            one.brand_id,
            one.trade_no or "",
            one.amount_minor,
            one.payable,
            one.payable_id,
            one.succeeded_at is not None and begin <= one.succeeded_at < end,
        )
        for one in (await session.exec(paid)).all()
    ]
    back = (
        select(Refund, Payment)
        .join(Payment, col(Payment.id) == col(Refund.payment_id))
        .where(
            Payment.provider == provider,
            Refund.status != "failed",
            or_(
                (col(Refund.settled_at) >= begin) & (col(Refund.settled_at) < end),
                col(Refund.id).in_(numbers),
                col(Refund.provider_ref).in_(trades),
            ),
        )
    )
    for refund, payment in (await session.exec(back)).all():
        whole = refund.settled_at is not None and refund.requested_at >= begin and refund.settled_at < end
        entries.append(
            Entry(
                "refund",
                refund.id,
                refund.brand_id,
                refund.provider_ref or "",
                refund.amount_minor,
                payment.payable,
                payment.payable_id,
                due=whole,
            )
        )
    return entries


def _is_id(number: str) -> bool:
    try:
        UUID(hex=number)
    except ValueError:
        return False
    return True


async def listing(session: AsyncSession, brand_id: UUID, cursor: str | None) -> Page[ReconciliationView]:
    wanted = (
        select(Reconciliation)
        .where(Reconciliation.brand_id == brand_id)
        .order_by(col(Reconciliation.id).desc())
        .limit(PAGE + 1)
    )
    if last := before(cursor):
        wanted = wanted.where(Reconciliation.id < last)
    rows = (await session.exec(wanted)).all()
    return page(rows, _head, lambda row: row.id)


async def get(session: AsyncSession, brand_id: UUID, reconciliation_id: UUID) -> ReconciliationDetail:
    """Raises `NotFound`."""
    row = await session.get(Reconciliation, reconciliation_id)
    if row is None or row.brand_id != brand_id:
        raise NotFound
    return detail(row)


def detail(row: Reconciliation) -> ReconciliationDetail:
    return ReconciliationDetail(_head(row), msgspec.convert(row.report, ReconciliationReport))


def _head(row: Reconciliation) -> ReconciliationView:
    return ReconciliationView(
        reconciliation_id=row.id,
        provider=row.provider,
        day=row.day,
        fetched=row.fetched,
        differences=row.differences,
        matched=sum(part["count"] for part in row.report["matched"].values()),
        made_at=row.made_at,
    )


def as_csv(report: ReconciliationReport) -> bytes:
    """The differences, for a sheet."""
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(Difference.__struct_fields__)
    for row in report.differences:
        cells = ("" if value is None else value for value in msgspec.structs.astuple(row))
        sheet.writerow(harmless(cell) if isinstance(cell, str) else cell for cell in cells)
    return b"\xef\xbb\xbf" + out.getvalue().encode()
