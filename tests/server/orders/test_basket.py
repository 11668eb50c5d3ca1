"""A basket is priced by the server and nothing is held by it; what stands in its way is said line by line."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from server.kit.ids import uuid7
from server.stock import service as stock
from server.stock.rules import Pool
from tests.server.orders.counter import Counter


async def price(counter: Counter, who: Any, *lines: dict[str, Any]) -> Any:
    path = f"/api/rooms/{counter.shop.room_id}/baskets"
    return await counter.call(who, "POST", path, json={"lines": list(lines)})


def line(sku_id: Any, quantity: int = 1, seen: int | None = None) -> dict[str, Any]:
    return {"sku_id": str(sku_id), "quantity": quantity} | ({"price_minor": seen} if seen else {})


async def test_goods_delivery_and_discount_add_up_to_what_an_order_would_cost(counter):
    wang = await counter.shop.member()
    answer = await price(counter, wang, line(counter.tea, 2, 9900), line(counter.cup, 3, 2000))
    basket = answer.json()
    assert basket["sums"] == {
        "goods_minor": 25800,
        "delivery_minor": 0,
        "discount_minor": 0,
        "total_minor": 25800,
    }
    assert [(one["title"], one["problem"]) for one in basket["lines"]] == [("Longjing", None), ("Cup", None)]
    order_id = await counter.order(wang, [(counter.tea, 2), (counter.cup, 3)])
    assert (await counter.seen(wang, order_id)).amount_minor == basket["sums"]["total_minor"]


async def test_pricing_holds_nothing(counter):
    wang = await counter.shop.member()
    for _ in range(3):
        await price(counter, wang, line(counter.tea, 99))
    assert await counter.free(counter.tea) == 100


async def test_each_line_says_what_stands_in_its_way(counter):
    shop = counter.shop
    wang = await shop.member()
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE sku SET price_minor = 2500 WHERE id = :id"), {"id": counter.cup})
    await counter.order(wang, [(counter.tea, 98)])
    gone = uuid7()
    basket = (
        await price(counter, wang, line(counter.tea, 3, 9900), line(counter.cup, 1, 2000), line(gone))
    ).json()
    assert [(one["problem"], one["price_minor"], one["left"]) for one in basket["lines"]] == [
        ("out-of-stock", 9900, 2),
        ("price-changed", 2500, 100),
        ("not-sold", 0, 0),
    ]
    assert basket["sums"]["total_minor"] == 3 * 9900 + 2500


async def test_what_is_left_is_of_the_fuller_pool_for_an_order_is_of_one(counter):
    shop = counter.shop
    async with shop.database.transaction() as session:
        await stock.adjust(session, shop.brand_id, counter.cup, Pool.STORE, shop.store_id, 120, uuid7())
    carried, alone = await shop.member(brought_by_guide=True), await shop.member("Li")
    lefts = [
        (await price(counter, who, line(counter.cup))).json()["lines"][0]["left"] for who in (carried, alone)
    ]
    assert lefts == [120, 100]


@pytest.mark.parametrize("quantity", [0, -1, 100, "1", 1.5, None])
async def test_no_basket_has_such_a_quantity(counter, quantity):
    wang = await counter.shop.member()
    asked = {"sku_id": str(counter.tea), "quantity": quantity}
    assert (await price(counter, wang, asked)).status_code == 422


async def test_a_basket_is_of_lines_each_once_in_a_room_of_the_members_brand(counter):
    wang = await counter.shop.member()
    assert (await price(counter, wang, line(counter.tea), line(counter.tea))).status_code == 422
    assert (await price(counter, wang)).status_code == 422
    path = f"/api/rooms/{uuid7()}/baskets"
    answer = await counter.call(wang, "POST", path, json={"lines": [line(counter.tea)]})
    assert answer.status_code == 404
    assert (await price(counter, counter.shop.owner, line(counter.tea))).status_code == 403


@pytest.mark.parametrize("table", ["sku", "orders", "order_line"])
async def test_nothing_is_for_nothing(counter, table):
    await counter.order(await counter.shop.member(), [(counter.tea, 1)])
    column = "amount_minor" if table == "orders" else "price_minor"
    with pytest.raises(IntegrityError):
        async with counter.shop.database.transaction() as session:
            await session.execute(text(f"UPDATE {table} SET {column} = 0"))


async def test_a_note_to_the_merchant_stays_with_the_order(counter):
    wang = await counter.shop.member()
    path = f"/api/rooms/{counter.shop.room_id}/orders"
    body = {"lines": [line(counter.tea)], "note": "gift wrap\u200b, please"}
    placed = await counter.call(wang, "POST", path, json=body, headers={"Idempotency-Key": "k"})
    assert placed.status_code == 201, placed.text
    again = await counter.call(wang, "POST", path, json=body, headers={"Idempotency-Key": "k"})
    assert again.json() == placed.json()
    other = await counter.call(
        wang, "POST", path, json=body | {"note": "none"}, headers={"Idempotency-Key": "k"}
    )
    assert other.json()["slug"] == "idempotency-key-reused"
    assert (await counter.seen(counter.shop.owner, placed.json()["order_id"])).note == "gift wrap, please"
    long = await counter.call(
        wang, "POST", path, json=body | {"note": "x" * 201}, headers={"Idempotency-Key": "l"}
    )
    assert long.status_code == 422


async def test_an_order_goes_to_an_address_of_the_own_book_and_keeps_its_copy(counter):
    wang, li = await counter.shop.member(), await counter.shop.member("Li")
    home = {"name": "王", "phone": "13900000001", "province": "浙江省", "city": "杭州市", "detail": "1"}
    address = (await counter.call(wang, "POST", "/api/addresses", json=home)).json()
    order_id, other = (
        await counter.order(wang, [(counter.tea, 1)]),
        await counter.order(li, [(counter.tea, 1)]),
    )
    to_book = {"method": "address", "address_id": address["address_id"]}
    sent = await counter.call(wang, "PUT", f"/api/orders/{order_id}/delivery", json=to_book)
    delivery = sent.json()["delivery"]
    assert (delivery["method"], delivery["name"], delivery["address"]) == (
        "delivery",
        "王",
        "浙江省 杭州市 1",
    )
    changed = home | {"detail": "2"}
    await counter.call(wang, "PUT", f"/api/addresses/{address['address_id']}", json=changed)
    assert (await counter.seen(wang, order_id)).delivery["address"] == "浙江省 杭州市 1"
    foreign = await counter.call(li, "PUT", f"/api/orders/{other}/delivery", json=to_book)
    assert foreign.status_code == 404
    assert (await counter.seen(li, other)).delivery is None
