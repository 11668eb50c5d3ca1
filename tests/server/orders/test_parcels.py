"""Parcels: what to pack for a selection of orders, and their numbers booked from a list."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from openpyxl import Workbook

from server.kit.ids import uuid7
from server.kit.principal import Role
from tests.server.orders.counter import HOME, Counter

PICK_UP = {"method": "pick_up", "note": ""}


def csv(*rows: tuple[str, ...], header: tuple[str, ...] = ("订单号", "快递公司", "快递单号")) -> bytes:
    return "\n".join(",".join(row) for row in (header, *rows)).encode("gb18030")


def xlsx(*rows: tuple[Any, ...]) -> bytes:
    book, out = Workbook(), BytesIO()
    for row in (("Order number", "Carrier", "Tracking number"), *rows):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


async def book(counter: Counter, body: bytes, by: Any = None) -> Any:
    return await counter.call(by or counter.shop.owner, "POST", "/api/shipments/imports", content=body)


async def pack(counter: Counter, *order_ids: UUID, by: Any = None) -> Any:
    ids = [str(order_id) for order_id in order_ids]
    return await counter.call(by or counter.shop.owner, "POST", "/api/packing-lists", json={"order_ids": ids})


async def number_of(counter: Counter, order_id: UUID) -> str:
    return (await counter.seen(counter.shop.owner, order_id)).number


async def test_items_are_summed_and_each_order_has_a_slip_without_its_code(counter):
    shop = counter.shop
    wang = await shop.member()
    home = await counter.bought(wang, [(counter.tea, 2), (counter.cup, 1)], note="gift wrap, please")
    fetched = await counter.bought(
        wang, [(counter.tea, 1)], where={**PICK_UP, "store_id": str(shop.store_id)}
    )
    unpaid = await counter.order(wang, [(counter.tea, 1)])
    code = (await counter.seen(wang, fetched)).pick_up_code
    answer = await pack(counter, home, fetched, unpaid)
    assert code not in answer.text
    found = answer.json()
    assert [(item["title"], item["code"], item["quantity"]) for item in found["items"]] == [
        ("Cup", "CUP", 1),
        ("Longjing", "LJ", 3),
    ]
    first, second = found["slips"]
    assert (first["note"], first["delivery"]["address"], len(first["lines"])) == (
        "gift wrap, please",
        "Lake Road 1",
        2,
    )
    assert second["delivery"]["store_name"] == "Hangzhou"
    assert [(out["order_id"], out["why"]) for out in found["left_out"]] == [(str(unpaid), "status")]


async def test_units_that_were_refunded_and_orders_in_question_are_not_packed(counter):
    wang = await counter.shop.member()
    order_id, asked = await counter.bought(wang, [(counter.tea, 3)]), await counter.bought(wang)
    line = await counter.line(order_id, counter.tea)
    refund = {"lines": [{"line_id": str(line.id), "quantity": 1}]}
    await counter.call(counter.shop.owner, "POST", f"/api/orders/{order_id}/refunds", json=refund)
    case = {"kind": "refund_only", "reason": "not_wanted", "amount_minor": 9900}
    opened = await counter.call(
        wang, "POST", f"/api/orders/{asked}/after-sales", json=case, headers={"Idempotency-Key": "k"}
    )
    assert opened.status_code == 201, opened.text
    found = (await pack(counter, order_id, asked)).json()
    assert [item["quantity"] for item in found["items"]] == [2]
    assert [(out["order_id"], out["why"]) for out in found["left_out"]] == [(str(asked), "after-sale")]


async def test_who_may_not_hand_an_order_over_gets_no_slip_of_it(counter):
    shop = counter.shop
    own = await counter.bought(await shop.member(brought_by_guide=True))
    other = await counter.bought(await shop.member("Li"))
    guide = counter.staff(Role.GUIDE, shop.store_id)
    assert (await pack(counter, own, by=guide)).status_code == 200
    for ids, by in (((own, other), guide), ((own,), counter.staff(Role.FINANCE)), ((uuid7(),), shop.owner)):
        assert (await pack(counter, *ids, by=by)).status_code == 404
    assert (await pack(counter)).status_code == 422
    assert (await pack(counter, *(uuid7() for _ in range(201)))).status_code == 422


@pytest.mark.parametrize("sheet", [csv, xlsx])
async def test_a_list_books_its_parcels_once_and_names_what_it_could_not(counter, sheet):
    shop = counter.shop
    wang = await shop.member()
    first, second = await counter.bought(wang), await counter.bought(wang)
    fetched = await counter.bought(wang, where={**PICK_UP, "store_id": str(shop.store_id)})
    unpaid = await counter.order(wang, [(counter.tea, 1)])
    numbers = [await number_of(counter, order_id) for order_id in (first, second, fetched, unpaid)]
    body = sheet(
        (numbers[0], "顺丰速运", "SF1000000001"),
        (numbers[1].lower(), "EMS", "773123456789012"),
        ("NOSUCH", "EMS", "1"),
        (numbers[2], "EMS", "2"),
        (numbers[3], "EMS", "3"),
        (numbers[0], "EMS", "4"),
        ("", "EMS", "5"),
        (numbers[1], "", "6"),
        ("", "", ""),
    )
    report = (await book(counter, body)).json()
    assert (report["rows"], report["booked"], report["unchanged"]) == (8, 2, 0)
    assert [(bad["row"], bad["column"], bad["message"]) for bad in report["problems"]] == [
        (4, "number", "no such order"),
        (5, "number", "to be picked up"),
        (6, "number", "not paid, or ended"),
        (7, "number", "the same as row 2"),
        (8, "number", "nothing here"),
        (9, "carrier", "nothing here"),
    ]
    shown = await counter.seen(wang, second)
    assert (shown.fulfilment, shown.delivery["tracking_number"]) == ("shipped", "773123456789012")
    again = (await book(counter, body)).json()
    assert (again["booked"], again["unchanged"]) == (0, 2)
    assert len([step for step in (await counter.seen(wang, first)).history if step.kind == "shipped"]) == 1


async def test_another_number_for_what_was_shipped_is_named_and_changes_nothing(counter):
    order_id = await counter.bought(await counter.shop.member())
    await counter.ship(order_id, "SF1")
    report = (await book(counter, csv((await number_of(counter, order_id), "SF", "SF2")))).json()
    assert [bad["message"] for bad in report["problems"]] == ["shipped before with another number"]
    assert (await counter.seen(counter.shop.owner, order_id)).delivery["tracking_number"] == "SF1"


async def test_numbers_of_a_spreadsheet_are_read_as_typed_and_rounded_ones_refused(counter):
    wang = await counter.shop.member()
    first, second = await counter.bought(wang), await counter.bought(wang)
    numbers = [await number_of(counter, order_id) for order_id in (first, second)]
    body = xlsx((numbers[0], "EMS", 773123456789012), (numbers[1], "EMS", 12345678901234567890))
    report = (await book(counter, body)).json()
    assert (report["booked"], [bad["row"] for bad in report["problems"]]) == (1, [3])
    assert (await counter.seen(wang, first)).delivery["tracking_number"] == "773123456789012"


async def test_a_stores_list_books_the_stores_parcels_alone(counter):
    shop = counter.shop
    own = await counter.bought(await shop.member(brought_by_guide=True))
    other = await counter.bought(await shop.member("Li"))
    await counter.ship(other)
    numbers = [await number_of(counter, order_id) for order_id in (own, other)]
    body = csv(*((number, "SF", "SF9") for number in numbers))
    report = (await book(counter, body, by=counter.staff(Role.MANAGER, shop.store_id))).json()
    assert (report["booked"], [bad["message"] for bad in report["problems"]]) == (1, ["no such order"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x03\x04 no workbook",
        "订单号,快递公司\nA,B".encode(),
        b"\xff\xfe\x00",
        csv(*((f"N{n}", "EMS", str(n)) for n in range(1001))),
    ],
)
async def test_a_file_that_is_no_such_list_is_refused_whole(counter, body):
    answer = await book(counter, body)
    assert (answer.status_code, answer.json()["slug"]) == (422, "unreadable-sheet")


async def test_the_code_is_drawn_for_its_buyer_alone(counter):
    shop = counter.shop
    wang, li = await shop.member(), await shop.member("Li")
    fetched = await counter.bought(wang, where={**PICK_UP, "store_id": str(shop.store_id)})
    path = f"/api/orders/{fetched}/pick-up-code.svg"
    own = await counter.call(wang, "GET", path)
    assert (own.status_code, own.headers["content-type"]) == (200, "image/svg+xml; charset=utf-8")
    assert (await counter.call(li, "GET", path)).status_code == 404
    assert (await counter.call(shop.owner, "GET", path)).status_code == 403
    home = await counter.bought(wang, where=HOME)
    assert (await counter.call(wang, "GET", f"/api/orders/{home}/pick-up-code.svg")).status_code == 404
