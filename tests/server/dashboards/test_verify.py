from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import text

from server import verify
from server.flash_sales import service as flash_sales
from server.payments import service as payments
from tests.server.rooms.stage import Stage, settings_for


@pytest.fixture
async def stage(own_database) -> Stage:
    return await Stage.set(own_database)


async def test_a_shop_that_sold_adds_up(stage, redis):
    await stage.shop.sale(5)
    await stage.order(await stage.shop.member())
    verdict = await verify.verify(stage.database, redis)
    assert verdict.ok, {name: check.rows for name, check in verdict.checks.items() if not check.ok}
    assert {"stock_balance_equals_ledger", "credit_one_for_each_paid_order"} <= verdict.checks.keys()


async def test_a_figure_that_is_not_the_ledgers_is_found_with_its_rows(stage, redis):
    order_id = await stage.pay(await stage.shop.member())
    async with stage.session() as session:
        await session.execute(text("DELETE FROM order_event WHERE order_id = :id"), {"id": order_id})
    verdict = await verify.verify(stage.database, redis)
    check = verdict.checks["room_figures_equal_order_history"]
    assert not verdict.ok
    assert [row["room_id"] for row in check.rows] == [str(stage.room_id)]


async def test_a_report_above_the_ledger_is_found(stage, redis):
    async with stage.session() as session:
        await session.execute(
            text(
                """UPDATE room SET report = '{"money": {"orders_paid": 1, "amount_minor": 5}}' WHERE id = :id"""
            ),
            {"id": stage.room_id},
        )
    verdict = await verify.verify(stage.database, redis)
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


async def test_the_certificate_counts_the_ledger_and_changes_with_it(stage, redis):
    await stage.shop.sale(5)
    first = (await verify.verify(stage.database, redis)).certificate
    assert first.ledger.total == first.ledger.free + first.ledger.held + first.ledger.sold
    assert first.ledger.oversold == 0
    assert (await verify.verify(stage.database, redis)).certificate.ledger == first.ledger
    await stage.order(await stage.shop.member())
    second = (await verify.verify(stage.database, redis)).certificate
    assert (second.orders, second.ledger.entries) == (first.orders + 1, first.ledger.entries + 1)
    assert second.ledger.sha256 != first.ledger.sha256


async def test_a_gate_that_stays_different_from_the_ledger_is_found(stage, redis, monkeypatch):
    monkeypatch.setattr("server.flash_sales.checks.LOOK_S", 0.01)
    sale_id = await stage.shop.sale(5)
    await flash_sales.lay_gate(stage.database, redis, sale_id)
    assert (await verify.verify(stage.database, redis)).ok
    await redis.hincrby(f"{{sale:{sale_id}}}:gate", f"free:{stage.shop.sku_id}", 1)
    verdict = await verify.verify(stage.database, redis)
    assert [row["sale_id"] for row in verdict.checks["gates_equal_ledger"].rows] == [str(sale_id)]
    assert not verdict.ok
