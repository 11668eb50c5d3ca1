from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.acceptance.demo import Demo, Person, eventually, is_problem


def top_up(demo: Demo, person: Person, amount_minor: int) -> None:
    before = person.get("/api/wallet").json()["balance_minor"]
    started = person.post("/api/wallet/top-ups", {"amount_minor": amount_minor})
    assert started.status_code == 201, started.text
    assert demo.nobody.post(f"/sandbox/payments/{started.json()['payment_id']}/approve").status_code == 202
    eventually(
        "the wallet is fuller",
        lambda: person.get("/api/wallet").json()["balance_minor"] == before + amount_minor,
    )


def test_a_viewer_tops_up_and_tips_once_for_each_key(demo: Demo, viewer: Person) -> None:
    gift = next(g for g in viewer.get("/api/gifts").json()["items"] if g["gift_id"] == demo.keys["gift_id"])
    tips = f"/api/rooms/{demo.room}/tips"
    body = {"gift_id": gift["gift_id"], "quantity": 3}
    is_problem(viewer.post(tips, body, key="t"), 409, "insufficient-funds")
    top_up(demo, viewer, 10 * gift["price_minor"])
    first = viewer.post(tips, body, key="t1")
    assert first.status_code == 201, first.text
    assert first.json()["amount_minor"] == 3 * gift["price_minor"]
    assert viewer.post(tips, body, key="t1").json()["tip_id"] == first.json()["tip_id"]
    assert viewer.get("/api/wallet").json()["balance_minor"] == 7 * gift["price_minor"]
    is_problem(viewer.post(tips, body), 422, "idempotency-key-required")
    is_problem(viewer.post(tips, {"gift_id": gift["gift_id"], "quantity": -1}, key="x"), 422)


def test_many_tips_at_once_spend_no_more_than_there_is(demo: Demo, viewer: Person) -> None:
    gift = next(g for g in viewer.get("/api/gifts").json()["items"] if g["gift_id"] == demo.keys["gift_id"])
    top_up(demo, viewer, 5 * gift["price_minor"])

    def tip(_: int) -> int:
        body = {"gift_id": gift["gift_id"], "quantity": 1}
        return viewer.post(f"/api/rooms/{demo.room}/tips", body, key=uuid.uuid4().hex).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(tip, range(20)))
    assert (answers.count(201), answers.count(409)) == (5, 15)
    assert viewer.get("/api/wallet").json()["balance_minor"] == 0
