"""The buyer's road: by a guide's link into the room, a tap, a payment, a credit; and back."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.acceptance.demo import Demo, Person, eventually, is_problem


def test_a_purchase_through_a_guides_link_is_credited_and_a_refund_takes_it_back(demo: Demo) -> None:
    buyer = demo.touched_guest("Ms Credit")
    manager = demo.staff("manager")
    board = f"/api/stores/{demo.keys['store_id']}/board"
    order = demo.bought(buyer)
    assert order["amount_minor"] == 2990
    credits = f"/api/orders/{order['order_id']}/credits"
    (credit,) = eventually("a credit", lambda: manager.get(credits).json()["items"])
    assert credit["store"]["store_id"] == demo.keys["store_id"]
    assert credit["guide"]["name"]
    assert (credit["amount_minor"], credit["reversed_minor"]) == (2990, 0)
    assert manager.get(board).status_code == 200

    for part, expected in ((1000, 1000), (1990, 2990)):
        refund = demo.staff("owner").post(
            f"/api/orders/{order['order_id']}/refunds", {"amount_minor": part}, key=uuid.uuid4().hex
        )
        assert refund.status_code == 201, refund.text
        seen = buyer.get(f"/api/orders/{order['order_id']}").json()
        assert seen["refunded_minor"] == expected
        (credit,) = manager.get(credits).json()["items"]
        assert credit["reversed_minor"] == expected
    assert seen["status"] == "closed"
    too_much = demo.staff("owner").post(f"/api/orders/{order['order_id']}/refunds", {"amount_minor": 1})
    is_problem(too_much, 409, "refund-too-large")


def test_the_member_store_remembers_what_a_member_did(demo: Demo) -> None:
    buyer = demo.touched_guest("Ms Timeline")
    order = demo.bought(buyer)
    timeline = f"/api/members/{buyer.member_id}/timeline"
    kinds = eventually(
        "visit, claim and order on the timeline",
        lambda: (
            found
            if {"claim", "order"}
            <= (found := {entry["kind"] for entry in demo.staff("owner").get(timeline).json()["items"]})
            else None
        ),
    )
    assert "order" in kinds
    demo.staff("owner").post(f"/api/orders/{order['order_id']}/refunds", {"amount_minor": 500})
    eventually(
        "the refund on the timeline",
        lambda: "refund" in [e["kind"] for e in demo.staff("owner").get(timeline).json()["items"]],
    )
    is_problem(buyer.get(timeline), 403)


def test_the_same_tap_again_gives_the_same_answer_byte_for_byte(demo: Demo, viewer: Person) -> None:
    sale = demo.new_sale(limit_per_buyer=3)
    path, key = demo.holds_path(sale["sale_id"]), uuid.uuid4().hex
    first = viewer.post(path, {"quantity": 1}, key=key)
    again = viewer.post(path, {"quantity": 1}, key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    is_problem(viewer.post(path, {"quantity": 2}, key=key), 422, "idempotency-key-reused")
    is_problem(viewer.post(path, {"quantity": 1}), 422, "idempotency-key-required")
    by_lines = viewer.post(
        path, {"lines": [{"sku_id": sale["lines"][0]["sku_id"], "quantity": 2}]}, key=uuid.uuid4().hex
    )
    assert by_lines.status_code == 201
    assert by_lines.json()["amount_minor"] == 5980


def test_a_crowd_gets_exactly_what_there_is(demo: Demo) -> None:
    sale = demo.new_sale(stock=7)
    crowd = [demo.guest(f"Rival {i}") for i in range(40)]

    def tap(person: Person) -> int:
        return person.post(
            demo.holds_path(sale["sale_id"]), {"quantity": 1}, key=uuid.uuid4().hex
        ).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(tap, crowd))
    assert (answers.count(201), answers.count(409)) == (7, 33)
    late = crowd[0].post(demo.holds_path(sale["sale_id"]), {"quantity": 1}, key=uuid.uuid4().hex)
    assert late.status_code == 409


def test_refusals_say_why(demo: Demo, viewer: Person) -> None:
    sale = demo.new_sale(stock=1)
    path = demo.holds_path(sale["sale_id"])
    assert viewer.post(path, {"quantity": 1}, key="a").status_code == 201
    is_problem(viewer.post(path, {"quantity": 1}, key="b"), 409, "limit-reached")
    out = is_problem(demo.guest("Late").post(path, {"quantity": 1}, key="a"), 409, "out-of-stock")
    assert out["left"] == 0
    for body in (
        {"quantity": 0},
        {"quantity": -5},
        {"quantity": 1.5},
        {},
        {"quantity": 10**30},
        {"price": 1},
    ):
        is_problem(viewer.post(path, body, key=uuid.uuid4().hex), 422)
    is_problem(demo.nobody.post(path, {"quantity": 1}, key="x"), 401)
    is_problem(viewer.post(demo.holds_path(str(uuid.uuid4())), {"quantity": 1}, key="x"), 404)
    waiting = demo.new_sale(open=False)
    is_problem(viewer.post(demo.holds_path(waiting["sale_id"]), {"quantity": 1}, key="x"), 425, "not-open")
    closed = demo.staff("operator").post(f"/api/rooms/{demo.room}/flash-sales/{sale['sale_id']}/close")
    assert closed.status_code == 200
    is_problem(demo.guest("Later").post(path, {"quantity": 1}, key="x"), 410, "ended")


def test_an_unpaid_order_expires_and_its_unit_goes_to_the_next(demo: Demo, viewer: Person) -> None:
    sale = demo.new_sale(stock=1, hold_seconds=5)
    path = demo.holds_path(sale["sale_id"])
    held = viewer.post(path, {"quantity": 1}, key="k").json()
    started = viewer.post(f"/api/orders/{held['order_id']}/payments", {"provider": "sandbox"}).json()
    eventually("expired", lambda: viewer.get(f"/api/orders/{held['order_id']}").json()["status"] == "expired")
    following = demo.guest("Next")
    eventually("the unit is free", lambda: following.post(path, {"quantity": 1}, key="k").status_code == 201)
    assert demo.nobody.post(f"/sandbox/payments/{started['payment_id']}/approve").status_code == 202
    late = eventually(
        "the late payment is due back",
        lambda: (
            seen
            if (seen := viewer.get(f"/api/orders/{held['order_id']}").json())["refund_due_minor"]
            else None
        ),
    )
    assert (late["status"], late["refund_due_minor"]) == ("expired", 2990)
    refund = demo.staff("owner").post(f"/api/orders/{held['order_id']}/refunds", {"amount_minor": 2990})
    assert refund.status_code == 201
    seen = viewer.get(f"/api/orders/{held['order_id']}").json()
    assert (seen["refund_due_minor"], seen["refunded_minor"]) == (0, 2990)


def test_an_ordinary_product_is_ordered_delivered_and_picked_up(demo: Demo) -> None:
    buyer = demo.touched_guest("Ms Basket")
    shelf = demo.nobody.get(f"/api/rooms/{demo.room}/public").json()["shelf"]
    sku = shelf[1]["skus"][0]
    body = {"lines": [{"sku_id": sku["sku_id"], "quantity": 2}]}
    placed = buyer.post(f"/api/rooms/{demo.room}/orders", body, key="basket")
    assert placed.status_code == 201, placed.text
    assert placed.json()["amount_minor"] == 2 * sku["price_minor"]
    assert buyer.post(f"/api/rooms/{demo.room}/orders", body, key="basket").content == placed.content
    order_id = placed.json()["order_id"]
    address = {"method": "delivery", "name": "王", "phone": "13800000001", "address": "杭州市上城区 1 号"}
    assert buyer.put(f"/api/orders/{order_id}/delivery", address).status_code == 200
    assert demo.pay(buyer, order_id)["fulfilment"] == "to_ship"
    shipment = {"carrier": "顺丰", "tracking_number": "SF123"}
    is_problem(buyer.post(f"/api/orders/{order_id}/shipments", shipment), 403)
    shipped = demo.staff("operator").post(f"/api/orders/{order_id}/shipments", shipment)
    assert shipped.status_code == 201, shipped.text
    assert shipped.json()["fulfilment"] == "shipped"

    second = buyer.post(f"/api/rooms/{demo.room}/orders", body, key="second").json()["order_id"]
    pick_up = {"method": "pick_up", "store_id": demo.keys["store_id"]}
    assert buyer.put(f"/api/orders/{second}/delivery", pick_up).status_code == 200
    code = demo.pay(buyer, second)["pick_up_code"]
    counter = f"/api/stores/{demo.keys['store_id']}/pick-ups"
    is_problem(demo.staff("manager").post(counter, {"code": "00000000"}), 409, "wrong-pick-up-code")
    assert demo.staff("manager").post(counter, {"code": code}).status_code == 201
    assert buyer.get(f"/api/orders/{second}").json()["fulfilment"] == "picked_up"


def test_nobody_sees_or_pays_or_cancels_another_members_order(demo: Demo, viewer: Person) -> None:
    sale = demo.new_sale()
    held = viewer.post(demo.holds_path(sale["sale_id"]), {"quantity": 1}, key="k").json()
    order = f"/api/orders/{held['order_id']}"
    stranger = demo.guest("Stranger")
    is_problem(stranger.get(order), 404)
    is_problem(stranger.post(f"{order}/payments", {"provider": "sandbox"}), 404)
    is_problem(stranger.post(f"{order}/cancel"), 404)
    is_problem(demo.staff("other_brand_owner").get(order), 404)
    is_problem(demo.staff("other_manager").get(order), 404)
    is_problem(viewer.post(f"{order}/refunds", {"amount_minor": 1}), 403)
    assert viewer.post(f"{order}/cancel").json()["status"] == "cancelled"
    is_problem(viewer.post(f"{order}/payments", {"provider": "sandbox"}), 409)
