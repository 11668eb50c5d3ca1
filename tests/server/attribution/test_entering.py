from __future__ import annotations

import asyncio
from uuid import UUID

from sqlalchemy import text

from server.attribution import service
from server.attribution.facts import ViewerEntered
from server.attribution.service import Entering
from server.kit.problems import NotFound
from tests.server.shop import Shop


def asked(scene, who, room_id=None, room_store_id=None) -> Entering:
    return Entering(
        room_id=room_id or scene.shop.room_id,
        member_id=who.id,
        brand_id=who.brand_id,
        room_store_id=room_store_id,
    )


async def enter_all(scene, *entering):
    async with scene.shop.database.transaction() as session:
        return await service.enter_all(session, entering, scene.now)


async def new_in(shop, room_id: UUID) -> int:
    async with shop.database.transaction() as session:
        found = await session.execute(
            text("SELECT count(*) FROM visit WHERE room_id = :id AND is_new"), {"id": room_id}
        )
        return int(found.scalar_one())


async def test_each_of_a_batch_is_carried_as_if_alone(scene, shop):
    touched, bound, stray, stores_own = await shop.members(4)
    room_id, other = await scene.room(), await scene.room(store_id=scene.other_store_id)
    await scene.touch(touched, await scene.invite(scene.guide, room_id=shop.room_id))
    await scene.rules(binds="first_touch", protection_days=30)
    await scene.touch(bound, await scene.invite(scene.other_guide, room_id=shop.room_id))
    visits = await enter_all(
        scene,
        asked(scene, touched, room_id),
        asked(scene, bound, room_id),
        asked(scene, stray, room_id),
        asked(scene, stores_own, other, scene.other_store_id),
    )
    assert [(visit.store_id, visit.guide_id) for visit in visits] == [
        (shop.store_id, shop.guide_id),
        (scene.other_store_id, scene.other_guide.id),
        (None, None),
        (scene.other_store_id, None),
    ]
    told = {fact.viewer.member_id: fact.viewer for fact in await scene.facts(ViewerEntered)}
    assert told[stray.id].tags == ["new"]
    assert told[stores_own.id].store.name == "Suzhou"


async def test_entering_again_and_twice_in_one_batch_changes_nothing(scene, shop):
    who = await shop.member()
    first, again = await enter_all(scene, asked(scene, who), asked(scene, who))
    scene.later(minutes=1)
    (later,) = await enter_all(scene, asked(scene, who))
    assert first.id == again.id == later.id
    assert len(await scene.facts(ViewerEntered)) == 1


async def test_who_enters_two_rooms_at_once_is_new_in_one(scene, shop):
    who, second = await shop.member(), await scene.room()
    await enter_all(scene, asked(scene, who), asked(scene, who, second))
    assert await new_in(shop, shop.room_id) + await new_in(shop, second) == 1
    assert await scene.broken() == {}


async def test_who_enters_two_rooms_by_two_processes_is_new_in_one(scene, shop):
    second = await scene.room()
    crowd = await shop.members(12)
    await asyncio.gather(
        enter_all(scene, *(asked(scene, who) for who in crowd)),
        enter_all(scene, *(asked(scene, who, second) for who in reversed(crowd))),
    )
    assert await new_in(shop, shop.room_id) + await new_in(shop, second) == 12
    assert await scene.broken() == {}


async def test_a_member_of_another_brand_is_refused_alone(scene, shop):
    stranger = await (await Shop.open(shop.database)).member()
    who = await shop.member()
    forged = Entering(room_id=shop.room_id, member_id=stranger.id, brand_id=shop.brand_id)
    refused, visit = await enter_all(scene, forged, asked(scene, who))
    assert isinstance(refused, NotFound)
    assert visit.member_id == who.id


async def test_a_guest_who_turned_out_to_be_a_member_enters_as_the_member(scene, shop):
    guest, member = await shop.members(2)
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE member SET merged_into = :member WHERE id = :guest"),
            {"guest": guest.id, "member": member.id},
        )
    by_guest, by_member = await enter_all(scene, asked(scene, guest), asked(scene, member))
    assert by_guest.id == by_member.id
    assert by_guest.member_id == member.id
    assert await scene.broken() == {}
