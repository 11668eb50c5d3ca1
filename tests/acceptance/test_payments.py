"""Payments as a merchant rehearses them, a buyer hears of them, and finance reconciles them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.acceptance.demo import Demo, eventually, is_problem, run_cli


def test_the_ways_to_pay_are_listed(demo: Demo) -> None:
    assert demo.nobody.get("/api/payments/providers").json() == {"items": [{"name": "sandbox"}]}


def test_a_declined_payment_is_tried_again_and_the_same_tap_is_the_same_payment(demo: Demo) -> None:
    buyer = demo.guest("Retry")
    held = buyer.post(demo.holds_path(demo.new_sale()["sale_id"]), {"quantity": 1}, key="k").json()
    path = f"/api/orders/{held['order_id']}/payments"
    first, again = (buyer.post(path, {"provider": "sandbox"}).json() for _ in range(2))
    assert first == again
    assert demo.nobody.post(f"/sandbox/payments/{first['payment_id']}/decline").status_code == 202

    def status() -> str:
        return buyer.get(f"/api/payments/{first['payment_id']}").json()["status"]

    eventually("the failure is booked", lambda: status() == "failed")
    assert buyer.post(path, {"provider": "sandbox"}).json()["payment_id"] != first["payment_id"]
    assert demo.pay(buyer, held["order_id"])["status"] == "paid"
    is_problem(demo.guest("Stranger").get(f"/api/payments/{first['payment_id']}"), 404)


def test_a_refused_refund_is_seen_by_staff_and_sent_again(demo: Demo) -> None:
    buyer, owner = demo.guest("Refunded"), demo.staff("owner")
    held = buyer.post(demo.holds_path(demo.new_sale()["sale_id"]), {"quantity": 1}, key="k").json()
    order = f"/api/orders/{held['order_id']}"
    payment = buyer.post(f"{order}/payments", {"provider": "sandbox"}).json()["payment_id"]
    demo.nobody.post(f"/sandbox/payments/{payment}/approve?refunds=refuses&copies=2")
    eventually("the order is paid", lambda: buyer.get(order).json()["status"] == "paid")
    assert owner.post(f"{order}/refunds", {"amount_minor": 500}).status_code == 201

    def listed(status: str) -> Any:
        rows = owner.get("/api/payments/refunds", params={"status": status}).json()["items"]
        return next((row for row in rows if row["payable_id"] == held["order_id"]), None)

    refund = eventually("the refund is refused", lambda: listed("failed"))
    assert owner.post(f"/api/payments/refunds/{refund['refund_id']}/retry").status_code == 202
    eventually("it went through", lambda: listed("succeeded"))
    is_problem(
        demo.staff("other_brand_owner").post(f"/api/payments/refunds/{refund['refund_id']}/retry"), 404
    )
    is_problem(demo.staff("guide").get("/api/payments/refunds"), 403)


def test_a_day_is_reconciled_over_http_and_by_the_command(demo: Demo) -> None:
    day = (datetime.now(UTC) - timedelta(days=40)).date().isoformat()
    asked = {"provider": "sandbox", "day": day}
    path = "/api/payments/reconciliations"
    made = demo.staff("owner").http.post(path, params=asked)
    assert made.status_code == 201, made.text
    assert made.json()["report"]["differences"] == []
    assert demo.staff("owner").http.post(path, params=asked).status_code == 200
    done = run_cli(demo.data, "reconcile", "--provider", "sandbox", "--day", day, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["differences"] == []
    header, line = "kind,number,trade_no,amount_minor,at", f"payment,,sbx_unknown,100,{day}T10:00:00+08:00"
    statement = demo.data / "statement.csv"
    statement.write_text(f"{header}\n{line}\n")
    told = run_cli(
        demo.data, "reconcile", "--provider", "sandbox", "--day", day, "--statement", str(statement)
    )
    assert (told.returncode, "missing_here" in told.stdout) == (1, True)
