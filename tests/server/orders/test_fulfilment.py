"""What was paid is handed over: by a code at a store's counter, whatever the keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import chain, repeat
from uuid import UUID

import msgspec
import pytest

import server.reactions  # noqa: F401
from server.carrying.models import Carrying
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.problems import Invalid, NotFound
from server.orders import fulfilment, paying, placing, reading
from server.orders.fulfilment import WrongPickUpCode
from server.stock.service import Taking
from server.stores.models import Store
from tests.server.shop import Shop


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = Database(database_url)
    yield await Shop.open(database)
    await database.close()


@pytest.fixture
def manager(shop) -> Principal:
    return msgspec.structs.replace(shop.owner, role=Role.MANAGER, store_id=shop.store_id)


async def to_pick_up(shop: Shop, *, paid: bool = True) -> tuple[UUID, str]:
    """An order that waits at the store, and its code."""
    member = await shop.member()
    async with shop.database.transaction() as session:
        lines = [Taking(shop.sku_id, 1)]
        placed = await placing.place(session, member, shop.room_id, lines, uuid7().hex, b"", utc_now())
    async with shop.database.transaction() as session:
        where = {"method": "pick_up", "store_id": str(shop.store_id), "note": ""}
        await fulfilment.set_delivery(session, member, placed.order_id, where, utc_now())
    if paid:
        await pay(shop, placed.order_id)
    async with shop.database.transaction() as session:
        code = (await reading.show(session, member, placed.order_id)).pick_up_code
    assert code is not None
    return placed.order_id, code


async def pay(shop: Shop, order_id: UUID) -> None:
    async with shop.database.transaction() as session:
        await paying.book_payment(session, order_id, 9900, utc_now())


def full_width(code: str) -> str:
    """As a Chinese keyboard may send it."""
    return "".join(chr(ord(digit) - ord("0") + ord("０")) for digit in code)


async def test_a_code_typed_in_full_width_digits_finds_its_order(shop, manager):
    order_id, code = await to_pick_up(shop)
    async with shop.database.transaction() as session:
        found = await fulfilment.pick_up_by_code(
            session, manager, shop.store_id, f" {full_width(code)}", utc_now()
        )
    assert found == order_id


async def test_another_brand_s_store_is_not_there_whatever_the_code(shop):
    _, code = await to_pick_up(shop)
    stranger = msgspec.structs.replace(shop.owner, brand_id=uuid7())
    for typed in (code, "12345678"):
        with pytest.raises(NotFound):
            async with shop.database.transaction() as session:
                await fulfilment.pick_up_by_code(session, stranger, shop.store_id, typed, utc_now())


async def test_a_code_in_other_letters_is_compared_and_refused(shop, manager):
    order_id, code = await to_pick_up(shop)
    for typed in ("取货码一二", "12345"):
        with pytest.raises(WrongPickUpCode):
            async with shop.database.transaction() as session:
                await fulfilment.pick_up(session, manager, order_id, typed, utc_now())
    async with shop.database.transaction() as session:
        await fulfilment.pick_up(session, manager, order_id, full_width(code), utc_now())


async def test_a_code_that_is_taken_is_drawn_anew(shop, monkeypatch):
    drawn = chain([7], repeat(7, 3), [8])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    first, second = await to_pick_up(shop, paid=False), await to_pick_up(shop, paid=False)
    assert (first[1], second[1]) == ("00000007", "00000008")
    for order_id, _ in (first, second):
        await pay(shop, order_id)


async def test_nothing_is_picked_up_at_a_store_that_closed(shop):
    async with shop.database.transaction() as session:
        store = await session.get(Store, shop.store_id)
        store.closed_at = utc_now()
    with pytest.raises(Invalid):
        await to_pick_up(shop)


async def deliver(shop: Shop, member: Principal, order_id: UUID, store_id: UUID) -> None:
    async with shop.database.transaction() as session:
        where = {"method": "pick_up", "store_id": str(store_id), "note": ""}
        await fulfilment.set_delivery(session, member, order_id, where, utc_now())


async def test_an_order_is_picked_up_where_stores_hand_over_the_show_and_the_carrying_one_goes_first(shop):
    ningbo, suzhou = (Store(brand_id=shop.brand_id, name=name, code=name) for name in ("Ningbo", "Aosta"))
    async with shop.database.transaction() as session:
        session.add_all([ningbo, suzhou])
    member = await shop.member(brought_by_guide=True)
    async with shop.database.transaction() as session:
        lines = [Taking(shop.sku_id, 1)]
        placed = await placing.place(session, member, shop.room_id, lines, uuid7().hex, b"", utc_now())

    async def offered() -> list[tuple[str, str]]:
        async with shop.database.transaction() as session:
            found = await fulfilment.pick_up_at(session, member, placed.order_id)
            return [(one.name, one.note) for one in found]

    async def carry(store_id: UUID, pick_up: bool, note: str = "") -> None:
        async with shop.database.transaction() as session:
            await session.merge(
                Carrying(
                    room_id=shop.room_id,
                    store_id=store_id,
                    pick_up=pick_up,
                    pick_up_note=note,
                    by_id=shop.guide_id,
                )
            )

    assert await offered() == [("Hangzhou", ""), ("Aosta", ""), ("Ningbo", "")]
    await carry(ningbo.id, False)
    await carry(shop.store_id, True, "Second floor")
    assert await offered() == [("Hangzhou", "Second floor"), ("Aosta", "")]
    with pytest.raises(Invalid):
        await deliver(shop, member, placed.order_id, ningbo.id)
    await deliver(shop, member, placed.order_id, shop.store_id)
    await carry(shop.store_id, False)
    assert await offered() == []
    with pytest.raises(Invalid):
        await deliver(shop, member, placed.order_id, suzhou.id)
