"""A provider's statement held against our books: pure comparison first, then with statements of all three."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from server.kit.clock import SHOP_ZONE, utc_now
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.kit.settings import Explained
from server.payments import command, reconciling
from server.payments.providers.port import StatementLine
from server.payments.reconciling import Entry, compare
from tests.server.payments.till import PRICE_MINOR

DAY = date(2025, 6, 1)
NOON = datetime(2025, 6, 1, 4, tzinfo=UTC)
OURS, OTHERS = uuid7(), uuid7()


def entry(
    kind: Any = "payment", amount: int = 2990, brand: UUID = OURS, due: bool = True, trade: str = ""
) -> Entry:
    return Entry(kind, uuid7(), brand, trade, amount, "order", uuid7(), due)


def line(of: Entry, amount: int | None = None, **more: Any) -> StatementLine:
    amount = of.amount_minor if amount is None else amount
    fields = {"kind": of.kind, "number": of.id.hex, "trade_no": of.trade_no, "at": NOON} | more
    return StatementLine(amount_minor=amount, **fields)


def found(report: reconciling.ReconciliationReport) -> list[tuple[str, int | None, int | None]]:
    return [(row.outcome, row.ours_minor, row.theirs_minor) for row in report.differences]


def test_what_both_have_matches() -> None:
    paid, back = entry(), entry("refund", 1000)
    report = compare([paid, back], [line(paid), line(back)], DAY, OURS)
    assert found(report) == []
    for sums in (report.ours, report.theirs, report.matched):
        assert (sums["payment"].minor, sums["refund"].minor) == (2990, 1000)


def test_what_one_of_the_two_lacks_is_named() -> None:
    paid = entry()
    unknown = StatementLine("payment", "", "4200X", 500, NOON)
    assert found(compare([paid], [unknown], DAY, OURS)) == [
        ("missing_here", None, 500),
        ("missing_there", 2990, None),
    ]


def test_another_amount_is_named_and_so_is_a_second_line() -> None:
    paid = entry()
    assert found(compare([paid], [line(paid, 2980)], DAY, OURS)) == [("amount_differs", 2990, 2980)]
    assert found(compare([paid], [line(paid), line(paid)], DAY, OURS)) == [("told_twice", 2990, 2990)]


def test_a_line_without_our_number_is_found_by_the_providers() -> None:
    paid = entry(trade="4200A")
    assert found(compare([paid], [line(paid, number="")], DAY, OURS)) == []


def test_a_refund_is_no_payment_of_the_same_number() -> None:
    paid = entry()
    assert found(compare([paid], [line(paid, kind="refund")], DAY, OURS)) == [("amount_differs", 2990, 2990)]


def test_what_belongs_to_another_brand_or_day_is_told_to_nobody() -> None:
    paid, others = entry(), entry(brand=OTHERS)
    yesterday = line(paid, at=NOON - timedelta(days=1))
    report = compare([paid, others], [line(paid), line(others), yesterday], DAY, OURS)
    assert (found(report), report.elsewhere, report.ours["payment"].count) == ([], 2, 1)
    assert found(compare([paid, others], [line(paid)], DAY, None)) == [("missing_there", 2990, None)]


def test_what_may_stand_on_another_days_statement_is_not_missed() -> None:
    at_midnight = entry("refund", due=False)
    assert found(compare([at_midnight], [], DAY, OURS)) == []
    assert compare([at_midnight], [line(at_midnight)], DAY, OURS).ours["refund"].count == 1


def today() -> date:
    return utc_now().astimezone(SHOP_ZONE).date()


async def traded(till, wechat_pay, stripe) -> dict[str, UUID]:
    """A paid order at each provider, a refund of it, and when they are settled; provider → order."""
    orders = {}
    for provider in ("wechat_pay", "stripe", "sandbox"):
        _, orders[provider], started = await till.started(provider)
        number = started["payment_id"].replace("-", "")
        if provider == "wechat_pay":
            wechat_pay.pay(number)
            await till.notify(provider, wechat_pay.told(number))
        elif provider == "stripe":
            session = stripe.pay((await till.payment(started["payment_id"])).provider_ref)
            await till.notify(provider, stripe.told("checkout.session.completed", session))
        else:
            await till.ask(None, "POST", f"/sandbox/payments/{started['payment_id']}/approve")
            await till.sandbox_notices()
        await till.refund(orders[provider])
    await till.later(seconds=1)
    return orders


async def reconcile(till, provider: str, day: date, raw: bytes = b"", by: Role = Role.FINANCE) -> Any:
    path = "/api/payments/reconciliations"
    asked = {"provider": provider, "day": day.isoformat()}
    return await till.ask(till.staff(by), "POST", path, params=asked, content=raw)


async def test_fetched_statements_of_all_three_match_the_books(till, wechat_pay, stripe):
    await traded(till, wechat_pay, stripe)
    for provider in ("wechat_pay", "sandbox", "stripe"):
        answer = await reconcile(till, provider, today())
        assert answer.status_code == 201, answer.text
        report = answer.json()["report"]
        assert report["matched"]["payment"] == {"count": 1, "minor": PRICE_MINOR}
        assert report["matched"]["refund"] == {"count": 1, "minor": 1000}
        ours = [row for row in report["differences"] if row["outcome"] != "missing_here"]
        assert ours == []
        if (
            provider != "stripe"
        ):  # that server is one for all tests, and what others did there is missing here
            assert report["differences"] == []
    listed = (await till.ask(till.shop.owner, "GET", "/api/payments/reconciliations")).json()["items"]
    assert {row["provider"] for row in listed} == {"wechat_pay", "stripe", "sandbox"}


async def test_a_file_that_was_tampered_with_is_named_line_by_line_and_can_be_downloaded(
    till, wechat_pay, stripe
):
    order_id = (await traded(till, wechat_pay, stripe))["wechat_pay"]
    bill = wechat_pay.bill(today().isoformat()).replace(b"`99.00", b"`98.00")
    first = await reconcile(till, "wechat_pay", today(), bill)
    again = await reconcile(till, "wechat_pay", today(), bill)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["head"] == again.json()["head"]
    (row,) = first.json()["report"]["differences"]
    assert (row["outcome"], row["ours_minor"], row["theirs_minor"]) == ("amount_differs", PRICE_MINOR, 9800)
    assert row["payable_id"] == str(order_id)
    path = f"/api/payments/reconciliations/{first.json()['head']['reconciliation_id']}/differences.csv"
    sheet = await till.ask(till.staff(Role.READ_ONLY), "GET", path)
    (told,) = csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig")))
    assert (told["outcome"], told["ours_minor"]) == ("amount_differs", str(PRICE_MINOR))
    assert (await till.ask(till.staff(Role.OWNER, uuid7()), "GET", path)).status_code == 404


def test_a_difference_that_reads_like_a_formula_is_none_in_a_spreadsheet() -> None:
    unknown = StatementLine("payment", "", "=HYPERLINK(1)", 500, NOON)
    assert b",=HYPERLINK" not in reconciling.as_csv(compare([], [unknown], DAY, OURS))


@pytest.mark.parametrize(
    ("provider", "raw"),
    [
        ("wechat_pay", b"no bill at all"),
        ("wechat_pay", b"\xff\xfe\x00"),
        (
            "wechat_pay",
            "交易时间,微信订单号,商户订单号,交易状态,订单金额\r\n`gestern,`1,`2,`SUCCESS,`1.00".encode(),
        ),
        ("stripe", b"a,b\n1,2\n"),
        ("stripe", b"created_utc,reporting_category,gross,source_id\n2025-06-01,charge,much,ch_1\n"),
        ("sandbox", b"kind,number,trade_no,amount_minor,at\npayment,1,2,much,2025-06-01T00:00:00Z\n"),
    ],
)
async def test_a_file_that_is_no_statement_is_refused(till, provider, raw):
    answer = await reconcile(till, provider, today(), raw)
    assert (answer.status_code, answer.json()["slug"]) == (422, "unreadable-statement")


async def test_who_reconciles_what(till, stripe):
    assert (await reconcile(till, "sandbox", today(), by=Role.OPERATOR)).status_code == 403
    assert (await reconcile(till, "alipay", today())).json()["slug"] == "provider-unknown"
    assert (await reconcile(till, "sandbox", today() + timedelta(days=2))).status_code == 422
    stripe.down = True
    assert (await reconcile(till, "stripe", today())).json()["slug"] == "statement-away"


async def test_the_worker_reconciles_yesterday_in_the_morning_once(till, wechat_pay, stripe):
    await traded(till, wechat_pay, stripe)
    stripe.down = True  # the others are reconciled all the same
    tomorrow = datetime(*(today() + timedelta(days=1)).timetuple()[:3], 9, 59, tzinfo=SHOP_ZONE)
    for now, kept in (
        (tomorrow, 0),
        (tomorrow + timedelta(minutes=2), 2),
        (tomorrow + timedelta(hours=1), 2),
    ):
        await reconciling.reconcile_yesterday(till.database, till.providers, now)
        async with till.database.transaction() as session:
            rows = await session.execute(text("SELECT differences, fetched FROM reconciliation"))
            assert [tuple(row) for row in rows] == [(0, True)] * kept


async def test_the_command_says_what_differs_by_its_exit(till, wechat_pay, stripe, tmp_path, capsys):
    await traded(till, wechat_pay, stripe)
    assert await command.reconcile(till.settings, "wechat_pay", today(), None, as_json=False) == 0
    assert "0 differences" in capsys.readouterr().out
    file = tmp_path / "bill.csv"
    file.write_bytes(wechat_pay.bill(today().isoformat()).replace(b"`10.00", b"`10.01"))
    assert await command.reconcile(till.settings, "wechat_pay", today(), file, as_json=True) == 1
    assert '"amount_differs"' in capsys.readouterr().out
    with pytest.raises(Explained):
        await command.reconcile(till.settings, "alipay", today(), None, as_json=True)
