from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import select

from live.room import End, Pause, Resume, Start, Warm
from server.catalog.models import Product, Sku
from server.flash_sales.models import FlashSale
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.kit.problems import Forbidden, Invalid, NotFound
from server.rooms import furnishing, service, shelf
from server.rooms.models import Room, RoomMark
from server.rooms.rules import SHELF_SIZE, Audience
from tests.server.rooms.stage import NOON, Stage


async def directed(stage: Stage, who, room_id, command, now=NOON) -> Room:
    async with stage.session() as session:
        return await service.direct(session, who, room_id, command, now)


async def put_product(stage: Stage, title: str = "Biluochun", *, brand_id=None):
    product = Product(brand_id=brand_id or stage.shop.brand_id, title=title)
    async with stage.session() as session:
        session.add(product)
        await session.flush()
        session.add(
            Sku(
                brand_id=product.brand_id,
                product_id=product.id,
                code=str(uuid7()),
                price_minor=5000,
                was_minor=8000,
            )
        )
        session.add(
            Sku(brand_id=product.brand_id, product_id=product.id, code=str(uuid7()), price_minor=7000)
        )
    return product.id


async def test_a_room_goes_its_way_and_each_step_is_a_fact_and_a_mark(stage):
    room_id = await stage.room()
    steps = [Warm(), Start(), Pause(), Resume(), End()]
    for minute, step in enumerate(steps):
        room = await directed(stage, stage.host, room_id, step, NOON + timedelta(minutes=minute))

    states = ["warming", "live", "paused", "live", "ended"]
    assert [fact["state"] for fact in await stage.facts("room.state")] == states
    assert room.started_at == NOON + timedelta(minutes=1)
    assert room.ended_at == NOON + timedelta(minutes=4)
    async with stage.session() as session:
        marks = (
            await session.exec(select(RoomMark).where(RoomMark.room_id == room_id).order_by(RoomMark.at))
        ).all()
    assert [(mark.kind, mark.label) for mark in marks] == [("state", state) for state in states]


async def test_two_hosts_who_press_start_at_once_make_one_transition(stage):
    room_id = await stage.room()
    rooms = await asyncio.gather(*(directed(stage, stage.host, room_id, Start()) for _ in range(8)))
    assert {room.state for room in rooms} == {"live"}
    assert len(await stage.facts("room.state")) == 1


async def test_a_step_that_the_state_forbids_says_which_state_it_is(stage):
    room_id = await stage.room(state="ended")
    with pytest.raises(service.WrongState) as refused:
        await directed(stage, stage.host, room_id, Start())
    assert refused.value.body()["state"] == "ended"
    assert (refused.value.status, refused.value.slug) == (409, "wrong-state")


async def test_a_guide_looks_at_headquarters_room_but_does_not_run_it(stage):
    with pytest.raises(Forbidden):
        await directed(stage, stage.staff[Role.GUIDE], stage.room_id, Pause())
    with pytest.raises(NotFound):
        await directed(stage, await stage.other_brand_owner(), stage.room_id, Pause())


async def test_whoever_starts_a_room_without_a_host_is_its_host(stage):
    room_id = await stage.room()
    room = await directed(stage, stage.host, room_id, Start())
    assert room.host_id == stage.host.id
    async with stage.session() as session:  # an operator's button takes no host's name away
        await service.take_the_stage(
            session, stage.staff[Role.OPERATOR], await service.load(session, room_id)
        )
        assert (await service.load(session, room_id)).host_id == stage.host.id


async def test_the_end_of_a_room_closes_its_sales(stage):
    sale_id = await stage.shop.sale(5)
    await directed(stage, stage.owner, stage.room_id, End())
    async with stage.session() as session:
        sale = await session.get(FlashSale, sale_id)
        marks = (await session.exec(select(RoomMark.kind).where(RoomMark.room_id == stage.room_id))).all()
    assert sale.state == "closed"
    assert set(marks) == {"sale_opened", "sale_closed", "state"}


async def test_a_second_tap_with_the_same_key_makes_no_second_room(stage):
    async def create(key):
        async with stage.session() as session:
            room = await service.create(session, stage.host, title="Tea", audience=Audience.PUBLIC, key=key)
            return room.id

    first, *others = await asyncio.gather(*(create("tap") for _ in range(4)))
    assert set(others) == {first}
    assert await create("another") != first


async def test_store_staff_make_rooms_of_their_own_store_only(stage):
    other_store = await stage.store()
    async with stage.session() as session:
        room = await service.create(session, stage.staff[Role.GUIDE], title="Tea", audience=Audience.INVITED)
        assert room.store_id == stage.shop.store_id
        assert room.host_id == stage.shop.guide_id
    for store_id, who in ((other_store, Role.GUIDE), (None, Role.FINANCE)):
        with pytest.raises(Forbidden):
            async with stage.session() as session:
                await service.create(
                    session, stage.staff[who], title="Tea", audience=Audience.PUBLIC, store_id=store_id
                )


async def test_a_room_after_a_template_has_its_shelf(stage):
    async with stage.session() as session:
        room = await service.create(
            session, stage.host, title="Tea", audience=Audience.PUBLIC, template=stage.room_id
        )
        assert [card.product_id for card in await shelf.cards(session, room)] == [stage.shop.product_id]


async def test_a_pin_is_told_with_its_card_and_unpinned_when_taken_off_the_shelf(stage):
    product_id = await put_product(stage)
    async with stage.session() as session:
        await furnishing.put_on_shelf(session, stage.host, stage.room_id, product_id)
        await furnishing.pin(session, stage.host, stage.room_id, product_id, NOON)
    async with stage.session() as session:
        await furnishing.take_off_shelf(session, stage.host, stage.room_id, product_id, NOON)
    pinned, unpinned = await stage.facts("room.pinned")
    assert pinned["card"]["title"] == "Biluochun"
    assert (pinned["card"]["price_minor"], pinned["card"]["was_minor"]) == (5000, 8000)
    assert unpinned["card"] is None
    assert await pinned_ids(stage) == []


async def pinned_ids(stage: Stage) -> list[UUID]:
    async with stage.session() as session:
        return (await service.load(session, stage.room_id)).pinned_ids


async def test_products_pinned_beside_each_other_are_told_in_order_and_go_with_the_shelf(stage):
    teas = [await put_product(stage, f"Tea {i}") for i in range(4)]
    async with stage.session() as session:
        await furnishing.arrange_shelf(session, stage.host, stage.room_id, teas, NOON)
    for tea in [*teas, teas[3], teas[1]]:  # one that is in front already tells nothing
        async with stage.session() as session:
            await furnishing.pin(session, stage.host, stage.room_id, tea, NOON, beside=True)
    assert await pinned_ids(stage) == [teas[1], teas[3], teas[2]]
    async with stage.session() as session:
        await furnishing.arrange_shelf(session, stage.host, stage.room_id, teas[:3], NOON)
        await furnishing.unpin(session, stage.host, stage.room_id, teas[1], NOON)
    await directed(stage, stage.host, stage.room_id, End())

    told = [
        [card and card["title"] for card in [fact["card"], *fact["beside"]]]
        for fact in await stage.facts("room.pinned")
    ]
    assert told == [
        ["Tea 0"],
        ["Tea 1", "Tea 0"],
        ["Tea 2", "Tea 1", "Tea 0"],
        ["Tea 3", "Tea 2", "Tea 1"],
        ["Tea 1", "Tea 3", "Tea 2"],
        ["Tea 1", "Tea 2"],
        ["Tea 2"],
        [None],
    ]
    async with stage.session() as session:
        pins = select(RoomMark.label).where(RoomMark.room_id == stage.room_id, RoomMark.kind == "pin")
        marks = (await session.exec(pins.order_by(RoomMark.id))).all()
    assert marks == ["Tea 0", "Tea 1", "Tea 2", "Tea 3", "Tea 1", "Tea 2"]  # whatever came to the front


async def test_only_what_stands_on_the_shelf_is_pinned(stage):
    product_id = await put_product(stage)
    with pytest.raises(NotFound):
        async with stage.session() as session:
            await furnishing.pin(session, stage.host, stage.room_id, product_id, NOON)


async def test_the_shelf_shows_what_the_room_can_sell(stage):
    await stage.shop.sale(100)  # leaves headquarters' pool
    async with stage.session() as session:
        (card,) = await shelf.cards(session, await service.load(session, stage.room_id))
    assert [sku.free for sku in card.skus] == [900]


async def test_the_shelf_is_arranged_and_told_whole(stage):
    products = [await put_product(stage, f"Tea {i}") for i in range(3)]
    async with stage.session() as session:
        cards = await furnishing.arrange_shelf(session, stage.host, stage.room_id, products[::-1], NOON)
    assert [card.product_id for card in cards] == products[::-1]
    told = (await stage.facts("shelf.changed"))[-1]["shelf"]
    assert [card["product_id"] for card in told] == [str(product_id) for product_id in products[::-1]]


async def test_a_shelf_takes_each_product_once_and_none_of_another_brand(stage):
    foreign = await put_product(stage, brand_id=(await stage.other_brand_owner()).brand_id)
    async with stage.session() as session:
        await furnishing.put_on_shelf(session, stage.host, stage.room_id, stage.shop.product_id)
    assert await stage.facts("shelf.changed") == []
    for problem, products in ((NotFound, [foreign]), (Invalid, [stage.shop.product_id] * 2)):
        with pytest.raises(problem):
            async with stage.session() as session:
                await furnishing.arrange_shelf(session, stage.host, stage.room_id, products, NOON)


async def test_a_shelf_holds_two_hundred_products(stage):
    async with stage.session() as session:
        await session.execute(
            text(
                """
                WITH p AS (
                    INSERT INTO product (id, brand_id, title, description, created_at)
                    SELECT uuidv7(), :brand_id, 'Tea ' || n, '', now() FROM generate_series(1, :size) AS n
                    RETURNING id, brand_id),
                k AS (
                    INSERT INTO sku (id, brand_id, product_id, code, title, price_minor, position)
                    SELECT uuidv7(), brand_id, id, id::text, '', 100, 0 FROM p)
                INSERT INTO shelf_item (room_id, product_id, position)
                SELECT :room_id, id, 1 FROM p LIMIT :size - 1
                """
            ),
            {"brand_id": stage.shop.brand_id, "room_id": stage.room_id, "size": SHELF_SIZE},
        )
    one_more = await put_product(stage)
    with pytest.raises(shelf.ShelfFull):
        async with stage.session() as session:
            await furnishing.put_on_shelf(session, stage.host, stage.room_id, one_more)


async def test_what_is_pinned_stands_on_the_shelf_whoever_is_quicker(stage):
    async def pin(product_id):
        async with stage.session() as session:
            await furnishing.pin(session, stage.host, stage.room_id, product_id, NOON)

    async def take_off(product_id):
        async with stage.session() as session:
            await furnishing.take_off_shelf(session, stage.host, stage.room_id, product_id, NOON)

    for _ in range(10):
        product_id = await put_product(stage)
        async with stage.session() as session:
            await furnishing.put_on_shelf(session, stage.host, stage.room_id, product_id)
        await asyncio.gather(pin(product_id), take_off(product_id), return_exceptions=True)
        async with stage.session() as session:
            assert product_id not in await shelf.standing(session, stage.room_id)
        assert await pinned_ids(stage) == []


async def test_a_change_is_told_once_and_the_same_again_tells_nothing(stage):
    for _ in range(2):
        async with stage.session() as session:
            await service.change(
                session, stage.host, stage.room_id, title="Spring", audience=Audience.MEMBERS
            )
    assert [fact["title"] for fact in await stage.facts("room.renamed")] == ["Spring"]
    assert [fact["audience"] for fact in await stage.facts("room.audience")] == ["members"]
