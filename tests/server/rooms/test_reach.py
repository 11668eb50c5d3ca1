"""Rooms of headquarters for all stores, for one region, or for chosen stores."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, Invalid, NotFound
from server.rooms import reach, service
from server.rooms.doorkeeper import Caller, Doorkeeper
from server.rooms.reach import Reach
from server.rooms.rules import Audience, ReachKind
from server.stores.models import Region, Store
from tests.server.rooms.stage import NOON


async def region_of(stage, *store_ids: UUID) -> UUID:
    region = Region(brand_id=stage.shop.brand_id, name=f"East {uuid7()}")
    async with stage.session() as session:
        session.add(region)
        await session.flush()
        for store_id in store_ids:
            (await session.get_one(Store, store_id)).region_id = region.id
    return region.id


async def narrow(stage, by: Principal | None = None, room_id: UUID | None = None, **of: Any) -> None:
    async with stage.session() as session:
        await service.change(
            session,
            by or stage.owner,
            room_id or stage.room_id,
            title=None,
            audience=None,
            stores=Reach(**of),
        )


async def listed(stage, who: Principal) -> set[UUID]:
    async with stage.session() as session:
        return {room.id for room, _, _ in await service.listing(session, who)}


async def sees(stage, who: Principal) -> bool:
    try:
        async with stage.session() as session:
            await service.to_see(session, who, stage.room_id)
    except NotFound:
        return stage.room_id in await listed(stage, who)
    assert stage.room_id in await listed(stage, who)
    return True


async def test_a_room_for_chosen_stores_is_there_for_their_staff_and_headquarters(stage):
    other = await stage.store()
    stranger = await stage.hire(Role.GUIDE, store_id=other)
    await narrow(stage, kind=ReachKind.STORES, store_ids=[stage.shop.store_id])
    for who in (stage.staff[Role.GUIDE], stage.staff[Role.MANAGER], stage.owner, stage.host):
        assert await sees(stage, who)
    assert not await sees(stage, stranger)
    assert not await sees(stage, stage.staff[Role.DISTRIBUTOR])
    await narrow(stage, kind=ReachKind.ALL)
    assert await sees(stage, stranger)
    assert await sees(stage, stage.staff[Role.DISTRIBUTOR])


async def test_a_room_for_a_region_is_for_whichever_stores_are_in_it(stage):
    later = await stage.store()
    guide = await stage.hire(Role.GUIDE, store_id=later)
    region_id = await region_of(stage, stage.shop.store_id)
    await narrow(stage, kind=ReachKind.REGION, region_id=region_id)
    assert not await sees(stage, guide)
    async with stage.session() as session:
        (await session.get_one(Store, later)).region_id = region_id
    assert await sees(stage, guide)


async def test_staff_of_a_store_outside_are_turned_away_at_the_room_s_door(stage):
    stranger = await stage.hire(Role.GUIDE, store_id=await stage.store())
    await narrow(stage, kind=ReachKind.STORES, store_ids=[stage.shop.store_id])
    doorkeeper = Doorkeeper(stage.database, lambda: NOON)
    viewer = await stage.shop.member()
    callers = [Caller(who, stage.room_id) for who in (stranger, stage.staff[Role.GUIDE], viewer)]
    answers = await asyncio.gather(*map(doorkeeper.admit, callers), return_exceptions=True)
    assert [isinstance(answer, NotFound) for answer in answers] == [True, False, False]
    async with stage.session() as session:
        with pytest.raises(NotFound):
            await service.to_enter(session, stranger, stage.room_id)
        assert await service.to_enter(session, viewer, stage.room_id)


async def test_the_owner_and_operators_decide(stage):
    for role in (Role.OWNER, Role.OPERATOR):
        await narrow(stage, stage.staff[role], kind=ReachKind.STORES, store_ids=[stage.shop.store_id])
    with pytest.raises(Forbidden):
        await narrow(stage, stage.host, kind=ReachKind.ALL)
    async with stage.session() as session:
        made = await service.create(
            session,
            stage.owner,
            title="Autumn",
            audience=Audience.PUBLIC,
            stores=Reach(ReachKind.STORES, store_ids=[stage.shop.store_id]),
        )
        assert [store.name for store in await reach.chosen(session, stage.owner, made)] == ["Hangzhou"]
        view = (await reach.views(session, made.brand_id, [made]))[made.id]
        assert (view.kind, view.region, view.stores) == ("stores", None, 1)
        with pytest.raises(NotFound):
            await reach.chosen(session, stage.staff[Role.MANAGER], made)


async def test_what_makes_no_sense_is_refused_and_changes_nothing(stage):
    other_brand = await stage.other_brand_owner()
    elsewhere = Store(brand_id=other_brand.brand_id, name="Elsewhere", code="E")
    closed = Store(brand_id=stage.shop.brand_id, name="Closed", code="C", closed_at=NOON)
    there = Region(brand_id=other_brand.brand_id, name="There")
    async with stage.session() as session:
        session.add_all([elsewhere, closed, there])
    for wrong in (
        {"kind": ReachKind.STORES},
        {"kind": ReachKind.STORES, "store_ids": [elsewhere.id]},
        {"kind": ReachKind.STORES, "store_ids": [closed.id]},
        {"kind": ReachKind.REGION},
        {"kind": ReachKind.REGION, "region_id": there.id},
    ):
        with pytest.raises(Invalid):
            await narrow(stage, **wrong)
    own = await stage.room(store_id=stage.shop.store_id)
    with pytest.raises(Invalid):
        await narrow(stage, room_id=own, kind=ReachKind.STORES, store_ids=[stage.shop.store_id])
    assert await sees(stage, stage.staff[Role.GUIDE])


async def test_a_store_that_closed_since_stays_chosen(stage):
    other = await stage.store()
    await narrow(stage, kind=ReachKind.STORES, store_ids=[stage.shop.store_id, other])
    async with stage.session() as session:
        (await session.get_one(Store, other)).closed_at = NOON
    await narrow(stage, kind=ReachKind.STORES, store_ids=[stage.shop.store_id, other])
    async with stage.session() as session:
        room = await service.load(session, stage.room_id)
        assert (await reach.views(session, room.brand_id, [room]))[room.id].stores == 1


async def test_two_who_choose_at_once_leave_one_choice(stage):
    stores = [await stage.store(f"Store {number}") for number in range(4)]
    await asyncio.gather(
        *(narrow(stage, kind=ReachKind.STORES, store_ids=[store_id]) for store_id in stores),
        narrow(stage, kind=ReachKind.REGION, region_id=await region_of(stage)),
    )
    async with stage.session() as session:
        room = await service.load(session, stage.room_id)
        chosen = await reach.chosen(session, stage.owner, room)
    assert len(chosen) == (1 if room.reach == ReachKind.STORES else 0)
