"""Which orders somebody finds, and which they may call off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text
from sqlmodel import select

import server.reactions  # noqa: F401
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.paging import PAGE, Page
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, NotFound
from server.orders import paying, placing, reading, releasing
from server.orders.models import OrderEvent
from server.orders.reading import Filter
from server.orders.rules import WrongStatus
from server.orders.views import OrderView
from server.stock.service import Taking
from tests.server.shop import Shop


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = Database(database_url)
    yield await Shop.open(database)
    await database.close()


async def ordered(shop: Shop, member: Principal, *, paid: bool = False) -> UUID:
    async with shop.database.transaction() as session:
        lines = [Taking(shop.sku_id, 1)]
        placed = await placing.place(session, member, shop.room_id, lines, uuid7().hex, b"", utc_now())
        if paid:
            await paying.book_payment(session, placed.order_id, placed.amount_minor, utc_now())
    return placed.order_id


async def found(shop: Shop, viewer: Principal, *, cursor: str | None = None, **asked: Any) -> Page[OrderView]:
    async with shop.database.transaction() as session:
        return await reading.listing(session, viewer, Filter(**asked), cursor)


def ids(page: Page[OrderView]) -> list[UUID]:
    return [order.order_id for order in page.items]


def staff(shop: Shop, role: Role, store_id: UUID | None = None) -> Principal:
    return msgspec.structs.replace(shop.owner, role=role, store_id=store_id)


async def test_everybody_finds_the_orders_that_are_theirs_newest_first(shop):
    wang, li = await shop.member("Wang"), await shop.member("Li", brought_by_guide=True)
    first, second, third = [await ordered(shop, member) for member in (wang, li, wang)]
    assert ids(await found(shop, wang)) == [third, first]
    assert ids(await found(shop, shop.owner)) == [third, second, first]
    assert ids(await found(shop, staff(shop, Role.MANAGER, shop.store_id))) == [second]
    assert ids(await found(shop, staff(shop, Role.HOST), room_id=shop.room_id)) == [third, second, first]
    stranger = msgspec.structs.replace(shop.owner, brand_id=uuid7())
    assert ids(await found(shop, stranger)) == []
    for barred in (staff(shop, Role.HOST), staff(shop, Role.GUIDE, shop.store_id)):
        with pytest.raises(Forbidden):
            await found(shop, barred)


async def test_orders_are_found_by_number_buyer_status_and_room(shop):
    wang, li = await shop.member("Wang"), await shop.member("Li")
    paid, waiting = await ordered(shop, wang, paid=True), await ordered(shop, li)
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE member SET phone = '13900000001' WHERE id = :id"), {"id": li.id})
        number = (await reading.show(session, wang, paid)).number
    for asked, wanted in (
        ({"query": number.lower()}, [paid]),
        ({"query": "wan"}, [paid]),
        ({"query": "0000001"}, [waiting]),
        ({"query": "nobody"}, []),
        ({"status": "paid"}, [paid]),
        ({"status": "awaiting_payment", "room_id": shop.room_id}, [waiting]),
        ({"fulfilment": "to_ship"}, []),
        ({"room_id": uuid7()}, []),
    ):
        assert ids(await found(shop, shop.owner, **asked)) == wanted, asked


async def test_a_page_leads_to_the_next_and_the_last_to_none(shop):
    wang = await shop.member()
    made = [await ordered(shop, wang, paid=True) for _ in range(PAGE + 1)]
    page = await found(shop, wang)
    assert ids(page) == made[:0:-1]
    last = await found(shop, wang, cursor=page.next)
    assert (ids(last), last.next) == (made[:1], None)


async def test_a_host_sees_what_was_sold_and_not_where_it_goes_and_only_the_buyer_the_code(shop):
    wang = await shop.member()
    order_id = await ordered(shop, wang)
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE member SET phone = '13900000001'"))
        await session.execute(
            text("UPDATE orders SET pick_up_code = '12345678', delivery = :where"),
            {"where": msgspec.json.encode({"method": "delivery", "address": "Lake 1"}).decode()},
        )
    (by_host,) = (await found(shop, staff(shop, Role.HOST), room_id=shop.room_id)).items
    assert (by_host.delivery, by_host.member.phone, by_host.pick_up_code) == (
        {"method": "delivery"},
        None,
        None,
    )
    (by_owner,) = (await found(shop, shop.owner)).items
    assert (by_owner.delivery["address"], by_owner.member.phone) == ("Lake 1", "13900000001")
    assert by_owner.pick_up_code is None
    async with shop.database.transaction() as session:
        own = await reading.show(session, wang, order_id)
        with pytest.raises(NotFound):
            await reading.show(session, await shop.member("Li"), order_id)
    assert (own.pick_up_code, own.member) == ("12345678", None)


async def test_a_buyers_number_is_whole_for_who_writes_to_members_and_a_labels_for_who_hands_over(shop):
    order_id = await ordered(shop, await shop.member(brought_by_guide=True))
    where = {"method": "delivery", "address": "Lake 1", "phone": "+8613900000002"}
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE member SET phone = '+8613900000001'"))
        await session.execute(
            text("UPDATE orders SET delivery = :where"), {"where": msgspec.json.encode(where).decode()}
        )
    store, masked = shop.store_id, ("+86139****0001", "+86139****0002")
    for viewer, seen in (
        (staff(shop, Role.OWNER), ("+8613900000001", "+8613900000002")),
        (staff(shop, Role.OPERATOR), ("+8613900000001", "+8613900000002")),
        (staff(shop, Role.MANAGER, store), ("+86139****0001", "+8613900000002")),
        (staff(shop, Role.FINANCE), masked),
        (staff(shop, Role.READ_ONLY), masked),
    ):
        (listed,) = (await found(shop, viewer)).items
        async with shop.database.transaction() as session:
            shown = await reading.show(session, viewer, order_id)
        for view in (listed, shown):
            assert (view.member.phone, view.delivery["phone"]) == seen, viewer.role


async def test_who_may_not_see_a_buyers_number_finds_it_only_whole(shop):
    order_id = await ordered(shop, await shop.member(brought_by_guide=True))
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE member SET phone = '+8613900000001'"))
    for viewer in (staff(shop, Role.FINANCE), staff(shop, Role.MANAGER, shop.store_id)):
        assert ids(await found(shop, viewer, query="0000001")) == []
        assert ids(await found(shop, viewer, query="139 0000 0001")) == [order_id]
    assert ids(await found(shop, shop.owner, query="0000001")) == [order_id]
    assert ids(await found(shop, shop.owner, query="%")) == []


async def test_a_host_reads_no_orders_of_a_stores_own_room(shop):
    await ordered(shop, await shop.member())
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE room SET store_id = :id"), {"id": shop.store_id})
    for room_id in (shop.room_id, uuid7()):
        with pytest.raises(Forbidden):
            await found(shop, staff(shop, Role.HOST), room_id=room_id)
    assert len(ids(await found(shop, staff(shop, Role.OPERATOR), room_id=shop.room_id))) == 1


async def test_only_staff_who_may_act_call_off_a_buyers_order_and_the_history_knows_who(shop):
    member = await shop.member(brought_by_guide=True)
    for viewer in (staff(shop, Role.FINANCE), staff(shop, Role.READ_ONLY)):
        order_id = await ordered(shop, member)
        with pytest.raises(Forbidden):
            async with shop.database.transaction() as session:
                await releasing.cancel(session, viewer, order_id, utc_now())
    for viewer in (
        *(staff(shop, role) for role in (Role.OWNER, Role.OPERATOR)),
        staff(shop, Role.MANAGER, shop.store_id),
    ):
        order_id = await ordered(shop, member)
        async with shop.database.transaction() as session:
            await releasing.cancel(session, viewer, order_id, utc_now())
            step = select(OrderEvent).where(OrderEvent.order_id == order_id, OrderEvent.kind == "cancelled")
            assert (await session.exec(step)).one().actor_id == viewer.id


async def test_an_order_is_called_off_once_and_only_while_it_waits(shop):
    wang, li = await shop.member("Wang"), await shop.member("Li")
    waiting, paid = await ordered(shop, wang), await ordered(shop, wang, paid=True)
    async with shop.database.transaction() as session:
        with pytest.raises(NotFound):
            await releasing.cancel(session, li, waiting, utc_now())
        await releasing.cancel(session, wang, waiting, utc_now())
    for order_id, status in ((waiting, "cancelled"), (paid, "paid")):
        async with shop.database.transaction() as session:
            with pytest.raises(WrongStatus) as refused:
                await releasing.cancel(session, wang, order_id, utc_now())
        assert refused.value.data == {"order_status": status}
    async with shop.database.transaction() as session:
        order = await reading.show(session, wang, waiting)
        free = await session.execute(text("SELECT free, held, sold FROM stock_balance"))
    assert [step.kind for step in order.history] == ["held", "cancelled"]
    assert free.one() == (999, 0, 1)
