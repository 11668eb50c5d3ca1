"""Money for some units of an order: booked once, and the units free again only where they are at hand."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from server.kit.ids import uuid7
from server.kit.principal import Role
from tests.server.orders.counter import HOME, Counter


async def refund(counter: Counter, order_id: UUID, key: str = "k", by: Any = None, **body: Any) -> Any:
    return await counter.call(
        by or counter.shop.owner,
        "POST",
        f"/api/orders/{order_id}/refunds",
        json=body,
        headers={"Idempotency-Key": key},
    )


async def units(counter: Counter, order_id: UUID, sku_id: UUID, quantity: int) -> dict[str, Any]:
    return {"line_id": str((await counter.line(order_id, sku_id)).id), "quantity": quantity}


async def test_units_that_never_left_are_paid_back_at_their_price_and_free_again(counter):
    wang = await counter.shop.member(brought_by_guide=True)
    order_id = await counter.bought(wang, [(counter.tea, 3), (counter.cup, 2)])
    lines = [await units(counter, order_id, counter.tea, 2), await units(counter, order_id, counter.cup, 1)]
    answer = await refund(counter, order_id, lines=lines, reason="two are enough")
    assert answer.status_code == 201
    order = answer.json()["order"]
    assert (order["refunded_minor"], order["status"], order["fulfilment"]) == (21800, "paid", "to_ship")
    assert {line["title"]: line["refunded"] for line in order["lines"]} == {"Longjing": 2, "Cup": 1}
    assert (await counter.free(counter.tea), await counter.free(counter.cup)) == (99, 99)
    step = (await counter.seen(wang, order_id)).history[-1]
    assert (step.kind, step.amount_minor, step.note, step.by) == ("refunded", 21800, "two are enough", None)
    await counter.books_are_right()


async def test_units_that_left_are_free_again_only_when_they_came_back(counter):
    wang = await counter.shop.member()
    order_id = await counter.bought(wang, [(counter.tea, 2)])
    await counter.ship(order_id)
    one = [await units(counter, order_id, counter.tea, 1)]
    assert (await refund(counter, order_id, "lost", lines=one)).status_code == 201
    assert await counter.free(counter.tea) == 98
    back = await refund(counter, order_id, "back", lines=one, goods_back=True)
    assert (back.json()["order"]["status"], await counter.free(counter.tea)) == ("closed", 99)
    await counter.books_are_right()


async def test_a_refund_of_all_that_came_back_frees_all(counter):
    order_id = await counter.bought(await counter.shop.member(), [(counter.tea, 2), (counter.cup, 1)])
    await counter.ship(order_id)
    assert (await refund(counter, order_id, amount_minor=100, goods_back=True)).status_code == 422
    answer = await refund(counter, order_id, amount_minor=21800, goods_back=True)
    assert answer.json()["order"]["status"] == "closed"
    assert (await counter.free(counter.tea), await counter.free(counter.cup)) == (100, 100)
    await counter.books_are_right()


async def test_the_same_key_books_once_and_for_other_units_is_refused(counter):
    order_id = await counter.bought(await counter.shop.member(), [(counter.tea, 3)])
    one, two = [[await units(counter, order_id, counter.tea, n)] for n in (1, 2)]
    first, second = [await refund(counter, order_id, "tap", lines=one) for _ in range(2)]
    assert first.json()["refund_id"] == second.json()["refund_id"]
    for other in ({"lines": two}, {"amount_minor": 9900}, {"lines": one, "amount_minor": 5000}):
        assert (await refund(counter, order_id, "tap", **other)).json()["slug"] == "idempotency-key-reused"
    assert (await counter.seen(counter.shop.owner, order_id)).refunded_minor == 9900
    await counter.books_are_right()


async def test_refunds_at_once_never_pay_back_more_units_than_were_bought(counter):
    order_id = await counter.bought(await counter.shop.member(), [(counter.tea, 3)])
    lines = [await units(counter, order_id, counter.tea, 1)]
    answers = await asyncio.gather(*(refund(counter, order_id, f"k{n}", lines=lines) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 3
    assert await counter.free(counter.tea) == 100
    await counter.books_are_right()


async def test_a_line_is_paid_back_for_less_or_for_what_the_order_has_left(counter):
    order_id = await counter.bought(await counter.shop.member(), [(counter.tea, 2)])
    one = [await units(counter, order_id, counter.tea, 1)]
    assert (await refund(counter, order_id, "more", lines=one, amount_minor=9901)).status_code == 409
    assert (await refund(counter, order_id, "less", lines=one, amount_minor=9000)).status_code == 201
    assert (await refund(counter, order_id, "gesture", amount_minor=5000)).status_code == 201
    last = await refund(counter, order_id, "rest", lines=one)
    assert (last.json()["order"]["refunded_minor"], last.json()["order"]["status"]) == (19800, "closed")
    await counter.books_are_right()


async def test_an_order_of_which_every_unit_was_refunded_is_not_shipped_any_more(counter):
    wang = await counter.shop.member()
    order_id = await counter.bought(wang)
    await refund(counter, order_id, lines=[await units(counter, order_id, counter.tea, 1)], amount_minor=9000)
    assert (await counter.seen(wang, order_id)).fulfilment == "none"
    body = {"carrier": "SF", "tracking_number": "1"}
    shipped = await counter.call(counter.shop.owner, "POST", f"/api/orders/{order_id}/shipments", json=body)
    moved = await counter.call(
        wang, "PUT", f"/api/orders/{order_id}/delivery", json={k: v for k, v in HOME.items() if v}
    )
    assert [answer.json()["slug"] for answer in (shipped, moved)] == ["wrong-status"] * 2


@pytest.mark.parametrize(
    ("quantity", "status"), [(0, 422), (-1, 422), (2, 409), (99, 409), (100, 422), ("1", 422), (1.5, 422)]
)
async def test_units_that_were_not_bought_are_refused_without_effect(counter, quantity, status):
    order_id = await counter.bought(await counter.shop.member())
    line = await units(counter, order_id, counter.tea, 1) | {"quantity": quantity}
    answer = await refund(counter, order_id, lines=[line])
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await counter.seen(counter.shop.owner, order_id)).refunded_minor == 0


async def test_lines_of_other_orders_or_twice_or_none_are_refused(counter):
    wang = await counter.shop.member()
    order_id, other = await counter.bought(wang), await counter.bought(wang)
    own = await units(counter, order_id, counter.tea, 1)
    foreign = await units(counter, other, counter.tea, 1)
    for lines in ([foreign], [own, own], [{"line_id": str(uuid7()), "quantity": 1}], []):
        assert (await refund(counter, order_id, lines=lines)).status_code == 422, lines
    unpaid = await counter.order(wang, [(counter.tea, 1)])
    assert (
        await refund(counter, unpaid, lines=[await units(counter, unpaid, counter.tea, 1)])
    ).status_code == 409


async def test_only_who_may_send_money_back_does_and_a_manager_of_the_own_store(counter):
    shop = counter.shop
    order_id = await counter.bought(await shop.member(brought_by_guide=True))
    lines = [await units(counter, order_id, counter.tea, 1)]
    refused = {
        Role.READ_ONLY: 403,
        Role.HOST: 403,
        Role.GUIDE: 403,
    }
    for role, status in refused.items():
        by = counter.staff(role, shop.store_id if role is Role.GUIDE else None)
        assert (await refund(counter, order_id, by=by, lines=lines)).status_code == status
    stranger = counter.staff(Role.MANAGER, uuid7())
    assert (await refund(counter, order_id, by=stranger, lines=lines)).status_code == 404
    own = counter.staff(Role.MANAGER, shop.store_id)
    assert (await refund(counter, order_id, by=own, lines=lines)).status_code == 201
