"""The staff's list: narrowed, counted, exported, and at a cost that history does not raise."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import msgspec
import pytest
from openpyxl import load_workbook
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from server.kit.clock import SHOP_ZONE, utc_now
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.orders import reading
from server.orders.reading import Filter
from tests.server.orders.counter import Counter

TODAY = utc_now().astimezone(SHOP_ZONE).date()


async def listed(counter: Counter, who: Any, **query: Any) -> list[UUID]:
    answer = await counter.call(who, "GET", "/api/orders", params=query)
    assert answer.status_code == 200, answer.text
    return [UUID(order["order_id"]) for order in answer.json()["items"]]


async def counts(counter: Counter, who: Any, **query: Any) -> dict[str, int]:
    return (await counter.call(who, "GET", "/api/orders/counts", params=query)).json()["tabs"]


async def cells(counter: Counter, who: Any, **query: Any) -> tuple[list[list[Any]], list[list[Any]]]:
    """Rows of both sheets, headers first."""
    answer = await counter.call(who, "GET", "/api/orders/export", params=query)
    assert answer.status_code == 200, answer.text
    book = load_workbook(BytesIO(answer.content))
    for sheet in book.worksheets:
        assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    orders, lines = ([list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets)
    return orders, lines


async def test_orders_are_narrowed_by_store_guide_day_and_what_is_due(counter):
    shop = counter.shop
    own = await counter.bought(await shop.member(brought_by_guide=True))
    other = await counter.order(await shop.member("Li"), [(counter.tea, 1)])
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE orders SET refund_due_minor = 1, paid_minor = paid_minor + 1 WHERE id = :id"),
            {"id": other},
        )
    tomorrow, yesterday = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
    for query, wanted in (
        ({"store_id": shop.store_id}, [own]),
        ({"guide_id": shop.guide_id}, [own]),
        ({"guide_id": uuid7()}, []),
        ({"since": TODAY, "until": TODAY}, [other, own]),
        ({"since": tomorrow}, []),
        ({"until": yesterday}, []),
        ({"refund_due": True}, [other]),
        ({"status": "paid", "fulfilment": "to_ship", "since": TODAY}, [own]),
        ({"q": "Li"}, [other]),
    ):
        assert await listed(counter, shop.owner, **query) == wanted, query


async def test_a_number_is_found_by_its_beginning_and_a_name_by_any_part(counter):
    order_id = await counter.bought(await counter.shop.member("王小明"))
    number = (await counter.seen(counter.shop.owner, order_id)).number
    for words in (number, number[:8].lower(), "小明", f" {number} "):
        assert await listed(counter, counter.shop.owner, q=words) == [order_id], words
    for words in (number[3:], "%", "_"):
        assert await listed(counter, counter.shop.owner, q=words) == [], words


async def test_each_tab_is_counted_within_the_rest_of_the_filter(counter, monkeypatch):
    shop = counter.shop
    wang = await shop.member(brought_by_guide=True)
    await counter.ship(await counter.bought(wang))
    await counter.bought(wang)
    await counter.bought(wang, where={"method": "pick_up", "store_id": str(shop.store_id), "note": ""})
    await counter.order(await shop.member("Li"), [(counter.tea, 1)])
    everything = {"all": 4, "awaiting_payment": 1, "to_ship": 1, "to_pick_up": 1, "shipped": 1}
    nothing = {"picked_up": 0, "closed": 0, "refund_due": 0}
    assert await counts(counter, shop.owner) == everything | nothing
    assert (await counts(counter, shop.owner, status="paid", q="Li"))["all"] == 1
    manager = counter.staff(Role.MANAGER, shop.store_id)
    assert (await counts(counter, manager))["awaiting_payment"] == 0
    monkeypatch.setattr(reading, "MOST_COUNTED", 2)
    assert (await counts(counter, shop.owner))["all"] == 2


async def test_the_list_and_its_counts_read_no_more_of_a_long_history(counter):
    """The plan of each list, with a history that a sequence of ids stands for, is bounded by an index."""
    member = await counter.shop.member(brought_by_guide=True)
    async with counter.shop.database.transaction() as session:
        await session.execute(
            text(
                """
                INSERT INTO orders (id, brand_id, store_id, guide_id, member_id, hold_id, key, request_hash, number,
                                    status, fulfilment, amount_minor, pay_by)
                SELECT uuidv7(), :brand_id, :store_id, :guide_id, :member_id, uuidv7(), n::text, '', n::text,
                       CASE WHEN n % 3 = 0 THEN 'expired' ELSE 'paid' END,
                       CASE WHEN n % 3 = 0 THEN 'none' ELSE 'shipped' END, 1, now()
                FROM generate_series(1, 20000) AS n
                """
            ),
            {
                "brand_id": counter.shop.brand_id,
                "store_id": counter.shop.store_id,
                "guide_id": counter.shop.guide_id,
                "member_id": member.id,
            },
        )
        await session.execute(text("ANALYZE orders"))
        for tab, narrowed in reading.TABS.items():
            for more in ({}, {"store_id": counter.shop.store_id}, {"guide_id": counter.shop.guide_id}):
                asked = Filter(**narrowed, **more)
                wanted = await reading.wanted_ids(session, counter.shop.owner, asked)
                page = wanted.order_by(text("orders.id DESC")).limit(51)
                sql = page.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
                plan = (
                    await session.execute(text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"))
                ).scalar_one()
                read = plan[0]["Plan"]
                assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 300, (tab, more)


async def test_an_export_has_every_column_money_as_numbers_and_no_formula(counter):
    shop = counter.shop
    wang = await shop.member("=HYPERLINK(1)", brought_by_guide=True)
    order_id = await counter.bought(wang, [(counter.tea, 2), (counter.cup, 1)], note="@SUM(A1)")
    await counter.ship(order_id, "=1+1")
    orders, lines = await cells(counter, shop.owner)
    (row,) = (dict(zip(orders[0], row, strict=True)) for row in orders[1:])
    number = (await counter.seen(shop.owner, order_id)).number
    assert (row["订单号"], row["状态"], row["履约"], row["件数"]) == (number, "已付款", "已发货", 3)
    assert (row["金额"], row["实付"], row["已退"], row["待退"]) == (218, 218, 0, 0)
    assert (row["买家"], row["快递单号"], row["买家留言"]) == ("'=HYPERLINK(1) 0", "'=1+1", "'@SUM(A1)")
    assert (row["归属门店"], row["导购"], row["收货地址"]) == ("Hangzhou", "Guide Li", "Lake Road 1")
    assert row["下单时间"].date() == TODAY
    assert [line[2:6] for line in lines[1:]] == [
        ["Longjing", str(counter.tea), 99, 2],
        ["Cup", str(counter.cup), 20, 1],
    ]
    english, _ = await cells(counter, shop.owner, language="en")
    assert (english[0][0], english[1][1]) == ("Order number", "paid")


async def test_an_export_is_what_is_filtered_over_many_pages_by_the_rules_of_the_list(counter, monkeypatch):
    shop = counter.shop
    monkeypatch.setattr("server.orders.export.PAGE", 2)
    wang = await shop.member(brought_by_guide=True)
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE member SET phone = '+8613900000001'"))
    bought = [await counter.bought(wang) for _ in range(5)]
    await counter.order(wang, [(counter.tea, 1)])
    orders, _ = await cells(counter, shop.owner, status="paid")
    assert [row[0] for row in orders[1:]] == [
        (await counter.seen(shop.owner, order_id)).number for order_id in reversed(bought)
    ]
    phone = orders[0].index("买家手机")
    assert orders[1][phone] == "'+8613900000001"
    by_finance, _ = await cells(counter, counter.staff(Role.FINANCE))
    assert by_finance[1][phone] == "'+86139****0001"
    elsewhere, _ = await cells(counter, counter.staff(Role.MANAGER, uuid7()))
    assert len(elsewhere) == 1


@pytest.mark.parametrize(
    "query", [{"since": "0001-01-01"}, {"until": "9999-12-31"}, {"since": "soon"}, {"status": "lost"}]
)
async def test_a_filter_that_means_nothing_is_refused(counter, query):
    for path in ("/api/orders", "/api/orders/counts", "/api/orders/export"):
        answer = await counter.call(counter.shop.owner, "GET", path, params=query)
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid"), path


async def test_who_may_not_see_the_list_gets_no_counts_and_no_file(counter):
    guide = counter.staff(Role.GUIDE, counter.shop.store_id)
    wang = await counter.shop.member()
    for path in ("/api/orders/counts", "/api/orders/export"):
        for who in (guide, counter.staff(Role.HOST), wang):
            assert (await counter.call(who, "GET", path)).status_code == 403
        stranger = msgspec.structs.replace(counter.shop.owner, brand_id=uuid7())
        assert (await counter.call(stranger, "GET", path)).status_code == 200


async def test_units_that_the_store_lacks_ship_from_headquarters_and_the_credit_stays(counter):
    shop = counter.shop
    order_id = await counter.bought(await shop.member(brought_by_guide=True))
    order = await counter.seen(shop.owner, order_id)
    assert (order.ships_from, order.store.name, order.guide.name) == ("headquarters", "Hangzhou", "Guide Li")
    async with shop.database.transaction() as session:
        earned = await session.execute(text("SELECT store_id, guide_id, amount_minor FROM credit"))
        assert earned.one() == (shop.store_id, shop.guide_id, 9900)


async def test_units_of_the_store_ship_from_the_store(counter):
    from server.stock import service as stock
    from server.stock.rules import Pool

    shop = counter.shop
    async with shop.database.transaction() as session:
        await stock.adjust(session, shop.brand_id, counter.tea, Pool.STORE, shop.store_id, 1, uuid7())
    wang = await shop.member(brought_by_guide=True)
    first, second = await counter.bought(wang), await counter.bought(wang)
    assert [(await counter.seen(wang, order_id)).ships_from for order_id in (first, second)] == [
        "store",
        "headquarters",
    ]
