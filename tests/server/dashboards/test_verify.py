from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import text

from server import verify
from server.payments import service as payments
from tests.server.rooms.stage import Stage, settings_for


@pytest.fixture
async def stage(own_database) -> Stage:
    return await Stage.set(own_database)


async def test_a_shop_that_sold_adds_up(stage):
    await stage.shop.sale(5)
    await stage.order(await stage.shop.member())
    verdict = await verify.verify(stage.database)
    assert verdict.ok, {name: check.rows for name, check in verdict.checks.items() if not check.ok}
    assert {"stock_balance_equals_ledger", "credit_one_for_each_paid_order"} <= verdict.checks.keys()


async def test_a_figure_that_is_not_the_ledgers_is_found_with_its_rows(stage):
    order_id = await stage.pay(await stage.shop.member())
    async with stage.session() as session:
        await session.execute(text("DELETE FROM order_event WHERE order_id = :id"), {"id": order_id})
    verdict = await verify.verify(stage.database)
    check = verdict.checks["room_figures_equal_order_history"]
    assert not verdict.ok
    assert [row["room_id"] for row in check.rows] == [str(stage.room_id)]


async def test_a_report_above_the_ledger_is_found(stage):
    async with stage.session() as session:
        await session.execute(
            text(
                """UPDATE room SET report = '{"money": {"orders_paid": 1, "amount_minor": 5}}' WHERE id = :id"""
            ),
            {"id": stage.room_id},
        )
    verdict = await verify.verify(stage.database)
    assert not verdict.checks["room_reports_within_figures"].ok


def test_the_command_prints_json_and_fails_on_broken_rows(database_url, capsys, monkeypatch):
    from server.kit.database import Database

    settings = settings_for(Database(database_url), "redis://nowhere")
    assert verify.main(settings, as_json=True) == 0
    printed = msgspec.json.decode(capsys.readouterr().out)
    assert printed["ok"]
    assert all(set(check) == {"ok", "rows"} for check in printed["checks"].values())

    async def broken(_session):
        return {"broken": [{"id": 1}]}

    monkeypatch.setattr(verify, "FEATURES", (payments.verify, broken))
    assert verify.main(settings) == 1
    assert 'BROKEN broken\n       {"id":1}' in capsys.readouterr().out
