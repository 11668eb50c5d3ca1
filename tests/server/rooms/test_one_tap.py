"""The room that waits for whoever is about to go live."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from live import room as live_room
from server.flash_sales.models import FlashSale
from server.kit.principal import Role
from server.kit.problems import Forbidden
from server.rooms import furnishing, one_tap, service, shelf
from server.rooms.kinds import templates
from server.rooms.kinds.rules import Kind
from server.rooms.kinds.templates import TemplateArchived, Terms
from server.rooms.models import Room
from tests.server.rooms.stage import NOON


async def tap(stage, who, *, template=None, kind=None, now=NOON):
    async with stage.session() as session:
        room = await one_tap.prepare(session, who, template_id=template, kind=kind, now=now)
        cards = await shelf.cards(session, room)
        return room, [card.product_id for card in cards]


async def make(stage, who, name, **terms):
    async with stage.session() as session:
        return (await templates.create(session, who, Terms(name=name, **terms))).id


async def go_live(stage, who, room_id, now=NOON):
    async with stage.session() as session:
        return await service.direct(session, who, room_id, live_room.Start(), now)


async def listed(stage, who):
    async with stage.session() as session:
        return [row[0].id for row in await service.listing(session, who)]


@pytest.fixture
def manager(stage):
    return stage.staff[Role.MANAGER]


async def test_every_tap_finds_the_same_room_until_it_is_live(stage, manager):
    first, _ = await tap(stage, manager)
    again, _ = await tap(stage, manager)
    assert (again.id, again.store_id, again.host_id) == (first.id, manager.store_id, manager.id)
    assert first.id not in await listed(stage, stage.owner)
    assert (await go_live(stage, manager, first.id)).draft_of is None
    assert first.id in await listed(stage, stage.owner)
    another, _ = await tap(stage, manager)
    assert another.id != first.id


async def test_taps_at_the_same_moment_get_one_room(stage, manager):
    rooms = await asyncio.gather(*(tap(stage, manager) for _ in range(8)))
    assert len({room.id for room, _ in rooms}) == 1


async def test_each_of_a_stores_people_has_their_own(stage, manager):
    mine, _ = await tap(stage, manager)
    theirs, _ = await tap(stage, stage.staff[Role.GUIDE])
    assert mine.id != theirs.id


async def test_what_was_prepared_today_is_found_as_it_was_left(stage, manager):
    room, _ = await tap(stage, manager, kind=Kind.ADVICE)
    async with stage.session() as session:
        await service.change(session, manager, room.id, title="My own words", audience=None)
    later, _ = await tap(stage, manager, now=NOON + timedelta(hours=3))
    assert (later.title, later.kind) == ("My own words", "advice")
    tomorrow, _ = await tap(stage, manager, now=NOON + timedelta(days=1))
    assert tomorrow.id == room.id
    assert tomorrow.title.endswith("6月2日")


async def test_the_stores_last_template_is_taken_again(stage, manager):
    product = stage.shop.product_id
    older = await make(stage, manager, "Older", product_ids=[product])
    newer = await make(stage, stage.owner, "Newer", title="{store}!", kind=Kind.LAUNCH)
    room, _ = await tap(stage, manager, template=older)
    await go_live(stage, manager, room.id)
    room, products = await tap(stage, manager, now=NOON + timedelta(days=1))
    assert (room.session_template_id, products) == (older, [product])
    room, products = await tap(stage, manager, template=newer, now=NOON + timedelta(days=1))
    assert (room.session_template_id, products, room.kind) == (newer, [], "launch")
    async with stage.session() as session:
        assert [one.template.id for one in await templates.listing(session, manager)] == [older, newer]


async def test_without_a_template_the_last_shelf_comes_back(stage, manager):
    room, _ = await tap(stage, manager)
    async with stage.session() as session:
        await furnishing.put_on_shelf(session, manager, room.id, stage.shop.product_id)
    await go_live(stage, manager, room.id)
    _, products = await tap(stage, manager)
    assert products == [stage.shop.product_id]


async def test_what_has_a_sale_is_kept_when_the_next_sells_nothing(stage, manager):
    room, _ = await tap(stage, manager)
    async with stage.session() as session:
        session.add(FlashSale(brand_id=room.brand_id, room_id=room.id, title="Tea", duration_seconds=60))
    training, _ = await tap(stage, manager, kind=Kind.TRAINING)
    assert training.id != room.id
    assert room.id in await listed(stage, manager)
    async with stage.session() as session:
        assert not any((await service.verify(session)).values())


async def test_an_archived_template_is_used_no_more(stage, manager):
    template = await make(stage, manager, "Old")
    async with stage.session() as session:
        await templates.archive(session, await templates.to_change(session, manager, template), NOON)
    with pytest.raises(TemplateArchived):
        await tap(stage, manager, template=template)
    async with stage.session() as session:
        assert not (await session.execute(text("SELECT 1 FROM room WHERE title = '–'"))).all()


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.FINANCE, Role.READ_ONLY, Role.DISTRIBUTOR])
async def test_who_runs_no_rooms_prepares_none(stage, role):
    with pytest.raises(Forbidden):
        await tap(stage, stage.staff[role])


async def test_headquarters_prepare_their_own(stage):
    room, _ = await tap(stage, stage.host)
    async with stage.session() as session:
        kept = await session.get(Room, room.id)
        assert (kept.store_id, kept.title) == (None, "6月1日")
