"""A buyer who wants the money back: asked, decided, sent back, refunded; and nobody else's business."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import msgspec
import pytest
from PIL import Image
from sqlalchemy import text

from server.after_sale import checks, rules, service
from server.after_sale.facts import AfterSaleMoved
from server.after_sale.rules import Kind, State, WrongStep
from server.kit.facts import announcements
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.members import phones
from tests.server.orders.counter import Counter

RETURN_TO = {"name": "Warehouse", "phone": "0571-88880000", "address": "Port Road 9"}
PARCEL = {"carrier": "SF", "tracking_number": "SF77"}


async def ask(counter: Counter, who: Any, order_id: UUID, key: str = "k", **body: Any) -> Any:
    case = {"kind": "refund_only", "reason": "not_wanted"} | body
    return await counter.call(
        who, "POST", f"/api/orders/{order_id}/after-sales", json=case, headers={"Idempotency-Key": key}
    )


async def do(counter: Counter, who: Any, case_id: str, act: str, **body: Any) -> Any:
    return await counter.call(who, "POST", f"/api/after-sales/{case_id}/{act}", json=body)


async def one_line(counter: Counter, order_id: UUID, quantity: int = 1) -> list[dict[str, Any]]:
    line = await counter.line(order_id, counter.tea)
    return [{"line_id": str(line.id), "quantity": quantity}]


async def to_return(counter: Counter, wang: Any, quantity: int = 2) -> tuple[UUID, str]:
    """A shipped order of two teas, and the case that one of them should go back."""
    order_id = await counter.bought(wang, [(counter.tea, quantity)])
    await counter.ship(order_id)
    asked = await ask(counter, wang, order_id, kind="return_refund", lines=await one_line(counter, order_id))
    assert asked.status_code == 201, asked.text
    return order_id, asked.json()["case_id"]


def test_a_case_moves_only_along_its_road():
    roads = {
        Kind.REFUND_ONLY: {
            State.ASKED: {State.REFUNDED, State.REFUSED, State.WITHDRAWN},
        },
        Kind.RETURN_REFUND: {
            State.ASKED: {State.AGREED, State.REFUSED, State.WITHDRAWN},
            State.AGREED: {State.SENT_BACK, State.REFUSED, State.WITHDRAWN, State.LAPSED},
            State.SENT_BACK: {State.REFUNDED, State.REFUSED},
        },
    }
    for kind, road in roads.items():
        for state in road:
            for to in State:
                if to in road[state]:
                    rules.must_move(state, kind, to)
                else:
                    with pytest.raises(WrongStep):
                        rules.must_move(state, kind, to)
    for over in set(State) - rules.OPEN:
        with pytest.raises(WrongStep):
            rules.must_move(over, Kind.RETURN_REFUND, State.REFUNDED)


async def test_goods_go_back_and_their_money_once_they_came(counter):
    wang = await counter.shop.member(brought_by_guide=True)
    order_id, case_id = await to_return(counter, wang)
    owner = counter.shop.owner
    agreed = (await do(counter, owner, case_id, "agree", **RETURN_TO)).json()
    assert (agreed["state"], agreed["return_to"]) == ("agreed", RETURN_TO)
    sent = (await do(counter, wang, case_id, "parcel", **PARCEL)).json()
    assert (sent["state"], sent["parcel"], sent["due_at"] > agreed["due_at"]) == ("sent_back", PARCEL, True)
    paid = (await do(counter, owner, case_id, "refund", goods_back=True)).json()
    assert (paid["state"], paid["due_at"], [step["kind"] for step in paid["history"]]) == (
        "refunded",
        None,
        ["asked", "agreed", "sent_back", "refunded"],
    )
    order = await counter.seen(wang, order_id)
    assert (order.refunded_minor, order.lines[0].refunded, order.status) == (9900, 1, "paid")
    assert await counter.free(counter.tea) == 99
    assert (await do(counter, owner, case_id, "refund")).json()["slug"] == "wrong-step"
    await counter.books_are_right()


async def test_money_alone_is_granted_whole_or_less_and_an_order_not_sent_goes_back_on_the_shelf(counter):
    wang = await counter.shop.member()
    order_id = await counter.bought(wang)
    case = (await ask(counter, wang, order_id, amount_minor=9900)).json()
    assert (await do(counter, counter.shop.owner, case["case_id"], "agree", **RETURN_TO)).status_code == 409
    assert (
        await do(counter, counter.shop.owner, case["case_id"], "refund", amount_minor=9901)
    ).status_code == 409
    granted = await do(counter, counter.shop.owner, case["case_id"], "refund")
    assert granted.json()["state"] == "refunded"
    assert ((await counter.seen(wang, order_id)).status, await counter.free(counter.tea)) == ("closed", 100)
    other = await counter.bought(wang)
    less = (await ask(counter, wang, other, amount_minor=5000)).json()
    less = (await do(counter, counter.shop.owner, less["case_id"], "refund", amount_minor=3000)).json()
    assert (less["amount_minor"], (await counter.seen(wang, other)).refunded_minor) == (3000, 3000)
    await counter.books_are_right()


async def test_an_order_has_one_open_case_and_the_same_key_is_the_same_case(counter):
    wang = await counter.shop.member()
    order_id = await counter.bought(wang)
    taps = await asyncio.gather(*(ask(counter, wang, order_id, "tap", amount_minor=100) for _ in range(4)))
    assert {tap.status_code for tap in taps} == {201}
    assert len({tap.json()["case_id"] for tap in taps}) == 1
    second = await ask(counter, wang, order_id, "other", amount_minor=100)
    assert (second.status_code, second.json()["slug"]) == (409, "case-open")
    reused = await ask(counter, wang, order_id, "tap", amount_minor=200)
    assert reused.json()["slug"] == "idempotency-key-reused"
    case_id = taps[0].json()["case_id"]
    assert (await do(counter, wang, case_id, "withdraw")).json()["state"] == "withdrawn"
    assert (await ask(counter, wang, order_id, "other", amount_minor=100)).status_code == 201


async def test_a_refusal_says_why_and_the_buyer_may_ask_again(counter):
    wang = await counter.shop.member()
    order_id, case_id = await to_return(counter, wang)
    assert (await do(counter, counter.shop.owner, case_id, "refuse", reason="")).status_code == 422
    refused = (await do(counter, counter.shop.owner, case_id, "refuse", reason="worn")).json()
    assert (refused["state"], refused["history"][-1]["note"]) == ("refused", "worn")
    lines = await one_line(counter, order_id)
    assert (await ask(counter, wang, order_id, "again", kind="return_refund", lines=lines)).status_code == 201


async def test_a_return_that_is_not_sent_in_time_lapses_and_may_be_asked_for_anew(counter):
    wang = await counter.shop.member()
    order_id, case_id = await to_return(counter, wang)
    _, other = await to_return(counter, await counter.shop.member("Li"))
    agreed = (await do(counter, counter.shop.owner, case_id, "agree", **RETURN_TO)).json()
    due = datetime.fromisoformat(agreed["due_at"])
    assert await lapse(counter, due - timedelta(seconds=1)) == 0
    assert await asyncio.gather(*(lapse(counter, due + timedelta(days=30)) for _ in range(3))) in (
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
    )
    case = (await counter.call(wang, "GET", f"/api/after-sales/{case_id}")).json()
    assert (case["state"], case["due_at"], case["history"][-1]["kind"]) == ("lapsed", None, "lapsed")
    assert (await do(counter, wang, case_id, "parcel", **PARCEL)).json()["slug"] == "wrong-step"
    lines = await one_line(counter, order_id)
    assert (await ask(counter, wang, order_id, "again", kind="return_refund", lines=lines)).status_code == 201
    late = (await counter.call(counter.shop.owner, "GET", f"/api/after-sales/{other}")).json()
    assert late["state"] == "asked"  # money is never decided by the clock


async def lapse(counter, now) -> int:
    async with counter.shop.database.transaction() as session:
        return await service.lapse_due(session, now)


async def test_two_who_pay_back_at_once_pay_once(counter):
    wang = await counter.shop.member()
    order_id = await counter.bought(wang)
    case_id = (await ask(counter, wang, order_id, amount_minor=9900)).json()["case_id"]
    answers = await asyncio.gather(*(do(counter, counter.shop.owner, case_id, "refund") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert (await counter.seen(wang, order_id)).refunded_minor == 9900
    await counter.books_are_right()


async def test_what_nothing_can_be_asked_for_is_refused_without_a_case(counter):
    wang = await counter.shop.member()
    order_id, other = await counter.bought(wang), await counter.bought(wang)
    unpaid = await counter.order(wang, [(counter.tea, 1)])
    own, foreign = await one_line(counter, order_id), await one_line(counter, other)
    for body, status in (
        ({}, 409),
        ({"amount_minor": 0}, 422),
        ({"amount_minor": -1}, 422),
        ({"amount_minor": 9901}, 409),
        ({"amount_minor": "100"}, 422),
        ({"lines": foreign}, 422),
        ({"lines": await one_line(counter, order_id, 2)}, 409),
        ({"lines": own, "amount_minor": 9901}, 409),
        ({"lines": own, "kind": "return_refund"}, 422),  # never left the shop
        ({"amount_minor": 100, "kind": "return_refund"}, 422),
        ({"amount_minor": 100, "kind": "gift"}, 422),
        ({"amount_minor": 100, "reason": "because"}, 422),
        ({"amount_minor": 100, "pictures": ["0" * 64]}, 422),
        ({"amount_minor": 100, "pictures": ["../etc"]}, 422),
        ({"amount_minor": 100, "words": "x" * 501}, 422),
    ):
        answer = await ask(counter, wang, order_id, **body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
            body
        )
    assert (await ask(counter, wang, unpaid, amount_minor=1)).json()["slug"] == "wrong-status"
    cases = await counter.call(wang, "GET", f"/api/orders/{order_id}/after-sales")
    assert cases.json()["items"] == []


async def test_a_case_is_its_buyers_and_their_shops(counter):
    shop = counter.shop
    wang, li = await shop.member(brought_by_guide=True), await shop.member("Li")
    order_id, case_id = await to_return(counter, wang)
    rival = msgspec.structs.replace(shop.owner, brand_id=uuid7())
    manager, elsewhere = counter.staff(Role.MANAGER, shop.store_id), counter.staff(Role.MANAGER, uuid7())
    for who, seen, decides in (
        (li, 404, 403),
        (rival, 404, 404),
        (elsewhere, 404, 404),
        (counter.staff(Role.GUIDE, shop.store_id), 404, 404),
        (counter.staff(Role.READ_ONLY), 200, 403),
        (manager, 200, 200),
    ):
        assert (await counter.call(who, "GET", f"/api/after-sales/{case_id}")).status_code == seen, who
        assert (await do(counter, who, case_id, "agree", **RETURN_TO)).status_code == decides, who
    for act, body in (("withdraw", {}), ("parcel", PARCEL)):
        assert (await do(counter, li, case_id, act, **body)).status_code == 404
    assert (await ask(counter, li, order_id, amount_minor=1)).status_code == 404
    assert (await counter.call(li, "GET", f"/api/orders/{order_id}/after-sales")).status_code == 404
    mine = (await counter.call(wang, "GET", f"/api/after-sales/{case_id}")).json()
    assert (mine["buyer"], mine["may_decide"], mine["history"][-1]["by"]) == (None, False, None)


async def test_the_staffs_list_is_of_their_store_and_state_with_where_goods_went_last(counter):
    shop = counter.shop
    wang, li = await shop.member(brought_by_guide=True), await shop.member("Li")
    _, own = await to_return(counter, wang)
    _, other = await to_return(counter, li)
    await do(counter, shop.owner, own, "agree", **RETURN_TO)

    async def listed(who: Any, state: str | None = None) -> list[str]:
        answer = await counter.call(who, "GET", "/api/after-sales", params={"state": state} if state else {})
        assert answer.status_code == 200, answer.text
        return [case["case_id"] for case in answer.json()["items"]]

    assert await listed(shop.owner) == await listed(shop.owner, "open") == [other, own]
    assert await listed(shop.owner, "asked") == [other]
    assert await listed(counter.staff(Role.MANAGER, shop.store_id)) == [own]
    for who, status in ((counter.staff(Role.GUIDE, shop.store_id), 403), (wang, 403)):
        assert (await counter.call(who, "GET", "/api/after-sales")).status_code == status
    _, next_one = await to_return(counter, wang)
    shown = (await counter.call(shop.owner, "GET", f"/api/after-sales/{next_one}")).json()
    assert (shown["suggested"], shown["may_decide"]) == (RETURN_TO, True)


async def test_a_guests_case_is_the_members_after_signing_in(counter):
    shop = counter.shop
    guest = await shop.member()
    _, case_id = await to_return(counter, guest)
    async with shop.database.transaction() as session:
        known = await phones.settle(session, shop.brand_id, "+8613800138000", None)
        await phones.settle(session, shop.brand_id, "+8613800138000", guest.id)
    member = msgspec.structs.replace(guest, id=known.member.id)
    assert (await do(counter, member, case_id, "withdraw")).status_code == 200


async def test_a_picture_is_kept_for_the_own_order_and_shown_in_the_case(counter):
    shop = counter.shop
    wang, li = await shop.member(), await shop.member("Li")
    order_id = await counter.bought(wang)
    photo = BytesIO()
    Image.new("RGB", (40, 30), "red").save(photo, "JPEG")
    path = f"/api/orders/{order_id}/after-sale-pictures"
    assert (await counter.call(li, "POST", path, content=photo.getvalue())).status_code == 404
    bad = await counter.call(wang, "POST", path, content=b"no picture")
    assert bad.json()["slug"] == "unreadable-picture"
    kept = (await counter.call(wang, "POST", path, content=photo.getvalue())).json()
    case = (await ask(counter, wang, order_id, amount_minor=100, pictures=[kept["picture"]])).json()
    assert case["pictures"] == [kept["url"]] == [f"/images/{kept['picture']}.webp"]
    many = [kept["picture"]] * 4
    assert (await ask(counter, wang, order_id, "k2", amount_minor=100, pictures=many)).status_code == 422


async def test_a_state_that_no_step_led_to_and_money_that_no_refund_sent_are_named(counter):
    wang = await counter.shop.member()
    order_id = await counter.bought(wang)
    case_id = (await ask(counter, wang, order_id, amount_minor=100)).json()["case_id"]
    async with counter.shop.database.transaction() as session:
        await session.execute(text("UPDATE after_sale SET state = 'refunded'"))
        broken = await checks.verify(session)
    assert {name: [row["id"] for row in rows] for name, rows in broken.items()} == {
        "after_sale_refunded_by_a_refund": [case_id],
        "after_sale_state_is_the_last_step": [case_id],
    }


def test_buyer_store_and_room_hear_of_each_step():
    ids = {name: uuid7() for name in ("brand_id", "case_id", "order_id", "member_id", "store_id", "room_id")}
    fact = AfterSaleMoved(
        number="1", name="Wang", kind_of_case="refund_only", state="asked", amount_minor=100, **ids
    )
    told = {event.topic.partition(":")[0]: event.data for event in announcements(fact)}
    assert set(told) == {"member", "control", "store"}
    assert "name" not in told["member"]
