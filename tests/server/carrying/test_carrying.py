"""A store's greeting, pick-up and shelf in a room of headquarters, on a real database."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from server.carrying import lists, service
from server.carrying.carried import Asked, CarriedDesk
from server.carrying.service import SetCarrying
from server.kit.principal import Role
from server.kit.problems import Forbidden, Invalid, NotFound
from server.rooms import furnishing, shelf
from server.rooms import service as rooms
from server.rooms.reach import Reach
from server.rooms.rules import ReachKind
from server.rooms.service import WrongState
from server.stock import service as stock
from server.stock.rules import Pool
from tests.server.rooms.stage import NOON
from tests.server.rooms.test_running_a_room import put_product


@pytest.fixture
def manager(stage):
    return stage.staff[Role.MANAGER]


async def change(stage, who, store_id: UUID | None = None, room_id: UUID | None = None, **asked: Any):
    async with stage.session() as session:
        return await service.change(
            session,
            who,
            store_id or stage.shop.store_id,
            room_id or stage.room_id,
            SetCarrying(**asked),
            NOON,
        )


async def show(stage, who, store_id: UUID | None = None, room_id: UUID | None = None):
    async with stage.session() as session:
        return await service.show(session, who, store_id or stage.shop.store_id, room_id or stage.room_id)


async def add_honey(stage) -> UUID:
    honey = await put_product(stage)
    async with stage.session() as session:
        await furnishing.put_on_shelf(session, stage.owner, stage.room_id, honey)
    return honey


async def carried(stage, member):
    return await CarriedDesk(stage.database).of(Asked(stage.room_id, member.id, member.brand_id))


async def narrow(stage, kind: ReachKind, room_id: UUID | None = None, **of: Any) -> None:
    async with stage.session() as session:
        await rooms.change(
            session,
            stage.owner,
            room_id or stage.room_id,
            title=None,
            audience=None,
            stores=Reach(kind, **of),
        )


async def test_until_a_store_sets_something_it_carries_the_room_as_it_is(stage, manager):
    view = await show(stage, manager)
    assert (view.greeting, view.pick_up, view.updated_at, view.by) == ("", True, None, None)
    assert [product.product_id for product in view.products] == [stage.shop.product_id]


async def test_what_the_manager_sets_is_what_the_store_s_own_viewers_see(stage, manager):
    honey = await add_honey(stage)
    view = await change(
        stage, manager, greeting=" 来店里喝茶 ", pick_up_note="二楼服务台", shelf_order=[honey]
    )
    assert (view.greeting, view.pick_up_note, view.by) == ("来店里喝茶", "二楼服务台", "Manager")
    assert [product.product_id for product in view.products] == [honey, stage.shop.product_id]
    ours = await carried(stage, await stage.shop.member(brought_by_guide=True))
    assert (ours.store.name, ours.guide.name, ours.greeting) == ("Hangzhou", "Guide Li", "来店里喝茶")
    assert (ours.pick_up, ours.pick_up_note, ours.shelf_order) == (True, "二楼服务台", [honey])


async def test_a_viewer_whose_visit_is_not_written_yet_is_told_to_ask_again(stage):
    view = await carried(stage, await stage.shop.member())
    assert (view.entered, view.store) == (False, None)


async def test_another_brand_s_viewer_finds_no_such_room(stage):
    member, owner = await stage.shop.member(), await stage.other_brand_owner()
    with pytest.raises(NotFound):
        await CarriedDesk(stage.database).of(Asked(stage.room_id, member.id, owner.brand_id))


async def test_a_crowd_is_answered_each_its_own(stage, manager):
    await change(stage, manager, greeting="欢迎")
    members = [await stage.shop.member(brought_by_guide=one % 2 == 0) for one in range(6)]
    desk = CarriedDesk(stage.database)
    views = await asyncio.gather(*(desk.of(Asked(stage.room_id, m.id, m.brand_id)) for m in members))
    assert [view.greeting for view in views] == ["欢迎", ""] * 3


async def test_a_product_taken_off_the_shelf_leaves_the_store_s_order(stage, manager):
    honey = await add_honey(stage)
    await change(stage, manager, shelf_order=[honey])
    async with stage.session() as session:
        await furnishing.take_off_shelf(session, stage.owner, stage.room_id, honey, NOON)
    view = await show(stage, manager)
    assert ([product.product_id for product in view.products], view.shelf_order) == (
        [stage.shop.product_id],
        [],
    )


@pytest.mark.parametrize(
    "wrong", [{"greeting": "x" * 121}, {"pick_up_note": "x" * 121}, {"shelf_order": [UUID(int=1)]}]
)
async def test_too_long_words_and_unknown_products_are_refused(stage, manager, wrong):
    with pytest.raises(Invalid):
        await change(stage, manager, **wrong)


async def test_a_product_twice_is_refused(stage, manager):
    with pytest.raises(Invalid):
        await change(stage, manager, shelf_order=[stage.shop.product_id] * 2)


async def test_stock_of_both_pools_is_shown_and_none_is_moved(stage, manager):
    async with stage.session() as session:
        await stock.adjust(
            session,
            stage.shop.brand_id,
            stage.shop.sku_id,
            Pool.STORE,
            stage.shop.store_id,
            7,
            UUID(int=5),
        )
    (product,) = (await change(stage, manager, greeting="Hi")).products
    assert (product.store_free, product.headquarters_free, product.price_minor) == (7, 1000, 9900)
    assert product.number == 1


async def test_guides_look_headquarters_set_and_others_find_nothing(stage):
    guide = stage.staff[Role.GUIDE]
    assert (await show(stage, guide)).store.name == "Hangzhou"
    for reader in (guide, stage.staff[Role.READ_ONLY]):
        with pytest.raises(Forbidden):
            await change(stage, reader, greeting="Hi")
    assert (await change(stage, stage.owner, greeting="Hi")).by == "Owner"
    stranger = await stage.hire(Role.MANAGER, store_id=await stage.store())
    for other in (stranger, stage.host, stage.staff[Role.DISTRIBUTOR], await stage.other_brand_owner()):
        with pytest.raises(NotFound):
            await show(stage, other)
        with pytest.raises(NotFound):
            await change(stage, other, greeting="Hi")


async def test_a_store_s_own_room_is_not_carried_and_an_ended_one_is_over(stage, manager):
    own = await stage.room(store_id=stage.shop.store_id)
    with pytest.raises(NotFound):
        await show(stage, manager, room_id=own)
    with pytest.raises(WrongState):
        await change(stage, manager, room_id=await stage.room(state="ended"), greeting="Hi")


async def test_a_store_that_the_room_is_not_for_carries_nothing(stage, manager):
    other = await stage.store()
    await narrow(stage, ReachKind.STORES, store_ids=[other])
    for who in (manager, stage.owner):
        with pytest.raises(NotFound):
            await show(stage, who)
    assert (await show(stage, stage.owner, other)).store.name == "Suzhou"


async def test_the_room_hears_that_a_store_changed_something_but_not_what(stage, manager):
    await change(stage, manager, greeting="Hi")
    await change(stage, manager, greeting="Hi")
    (told,) = await stage.facts("carrying.changed")
    assert told["store_id"] == str(stage.shop.store_id)
    assert "greeting" not in told


async def test_two_who_set_it_at_once_leave_one_of_them(stage, manager):
    greetings = [f"Hi {number}" for number in range(6)]
    await asyncio.gather(*(change(stage, manager, greeting=greeting) for greeting in greetings))
    assert (await show(stage, manager)).greeting in greetings
    assert len(await stage.facts("carrying.changed")) == 6


async def test_headquarters_see_which_stores_are_ready(stage, manager):
    await stage.store("Suzhou")
    await stage.store("Ningbo")
    await change(stage, manager, greeting="Hi")
    async with stage.session() as session:
        ready = await lists.ready(session, stage.owner, stage.room_id, "", None)
        assert (ready.stores, ready.greeted) == (3, 1)
        assert [store.name for store in ready.items] == ["Hangzhou", "Ningbo", "Suzhou"]
        found = await lists.ready(session, stage.owner, stage.room_id, "ning", False)
        assert (found.stores, [store.name for store in found.items]) == (3, ["Ningbo"])
        assert (await lists.ready(session, stage.owner, stage.room_id, "nowhere", None)).items == []
        with pytest.raises(Forbidden):
            await lists.ready(session, manager, stage.room_id, "", None)


async def test_readiness_counts_the_stores_that_the_room_is_for(stage):
    other = await stage.store()
    await narrow(stage, ReachKind.STORES, store_ids=[other])
    async with stage.session() as session:
        ready = await lists.ready(session, stage.owner, stage.room_id, "", None)
    assert (ready.stores, [store.store_id for store in ready.items]) == (1, [other])


async def test_verify_finds_nothing_broken_and_what_was_broken_by_hand(stage, manager):
    await change(stage, manager, greeting="Hi")
    await narrow(stage, ReachKind.STORES, store_ids=[stage.shop.store_id])
    async with stage.session() as session:
        mine = str(stage.room_id)
        found = await service.verify(session)
        assert not [row for rows in found.values() for row in rows if row["room_id"] == mine]
        await session.execute(text("DELETE FROM room_reach WHERE room_id = :id"), {"id": stage.room_id})
        broken = (await service.verify(session))["rooms_reach_stores_of_their_brand"]
        assert mine in {row["room_id"] for row in broken}
        await session.rollback()


async def test_the_shared_shelf_keeps_headquarters_order(stage, manager):
    honey = await add_honey(stage)
    await change(stage, manager, shelf_order=[honey])
    async with stage.session() as session:
        cards = await shelf.cards(session, await rooms.load(session, stage.room_id))
    assert [card.product_id for card in cards] == [stage.shop.product_id, honey]
