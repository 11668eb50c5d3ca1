"""A sale seen from outside: its kinds, its waitlist, its proof."""

from __future__ import annotations

import uuid

from tests.acceptance.demo import Demo, eventually, is_problem


def test_who_comes_too_late_is_served_when_a_unit_comes_back_and_the_proof_says_so(demo: Demo) -> None:
    sale = demo.new_sale(stock=1, limit_per_buyer=1, price_minor=2990)
    first, late = demo.touched_guest("Ms First"), demo.touched_guest("Mr Late")
    holds, place = (
        demo.holds_path(sale["sale_id"]),
        demo.holds_path(sale["sale_id"]).replace("/holds", "/waitlist"),
    )
    is_problem(late.post(place, {"quantity": 1}), 409, "still-free")
    held = first.post(holds, {"quantity": 1}, key=uuid.uuid4().hex)
    assert held.status_code == 201
    refusal = is_problem(late.post(holds, {"quantity": 1}, key=uuid.uuid4().hex), 409, "out-of-stock")
    assert (refusal["left"], refusal["waitlist_open"]) == (0, True)
    waits = late.post(place, {"quantity": 1})
    assert (waits.status_code, waits.json()["ahead"]) == (201, 0)
    assert first.post(f"/api/orders/{held.json()['order_id']}/cancel").status_code == 200
    (order,) = eventually("the unit is held", lambda: late.get("/api/orders").json()["items"])
    assert (order["status"], order["sale_id"]) == ("awaiting_payment", sale["sale_id"])
    assert late.get(place).status_code == 404
    proof = demo.staff("viewer").get(f"/api/flash-sales/{sale['sale_id']}/proof").json()
    (line,) = proof["lines"]
    assert (line["offered"], line["held"], line["lapsed"], line["adds_up"]) == (1, 1, 1, True)
    assert (proof["oversold"], proof["orders_count"]) == (0, 2)


def test_the_first_units_cost_less_and_no_buyer_pays_more_than_was_shown(demo: Demo) -> None:
    sale = demo.new_sale(
        stock=5, limit_per_buyer=2, price_minor=2990, kind="first_n", first={"units": 1, "price_minor": 990}
    )
    holds = demo.holds_path(sale["sale_id"])
    first, second = demo.touched_guest("Ms One"), demo.touched_guest("Ms Two")
    shown = {"quantity": 1, "amount_minor": 990}
    assert first.post(holds, shown, key=uuid.uuid4().hex).json()["amount_minor"] == 990
    changed = is_problem(second.post(holds, shown, key=uuid.uuid4().hex), 409, "price-changed")
    assert changed["amount_minor"] == 2990
    again = second.post(holds, {"quantity": 1, "amount_minor": 2990}, key=uuid.uuid4().hex)
    assert again.json()["amount_minor"] == 2990
