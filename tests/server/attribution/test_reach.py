"""A room that is not for every store: who invites into it, and who carries a viewer whom another store brought."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from server.attribution.inviting import SCREEN
from server.kit.principal import Role
from server.kit.problems import NotFound
from server.rooms.models import RoomReach


@pytest.fixture
async def narrow(scene):
    """A room for the first store alone."""
    return await _for_the_first(scene, await scene.room())


async def _for_the_first(scene, room_id):
    async with scene.shop.database.transaction() as session:
        await session.execute(text("UPDATE room SET reach = 'stores' WHERE id = :id"), {"id": room_id})
        session.add(RoomReach(room_id=room_id, store_id=scene.shop.store_id))
    return room_id


async def test_only_guides_of_the_stores_that_it_is_for_invite_into_it(scene, narrow):
    await scene.invite(scene.guide, room_id=narrow)
    await scene.invite(scene.guide, SCREEN, narrow)
    outside = await scene.hire(Role.DISTRIBUTOR, None, "Outside Zhou")
    for who, channel in ((scene.other_guide, ""), (scene.other_guide, SCREEN), (outside, "")):
        with pytest.raises(NotFound):
            await scene.invite(who, channel, narrow)


async def test_a_viewer_brought_by_another_store_watches_and_is_the_brand_s(scene, shop, narrow):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    visit = await scene.enter(viewer, narrow)
    assert (visit.store_id, visit.guide_id, visit.link_id) == (None, None, None)
    assert (await scene.visit(viewer)).guide_id == scene.other_guide.id


async def test_the_last_link_of_a_store_that_it_is_for_carries(scene, shop, narrow):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.guide))
    scene.later(minutes=20)
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    assert (await scene.enter(viewer, narrow)).guide_id == scene.guide.id


async def test_a_binding_outside_carries_nobody_here_and_lasts_elsewhere(scene, shop, narrow):
    await scene.rules(binds="first_touch")
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    assert (await scene.enter(viewer, narrow)).guide_id is None
    own = await shop.member()
    await scene.touch(own, await scene.invite(scene.other_guide))
    await scene.touch(own, await scene.invite(scene.guide, room_id=narrow))
    assert (await scene.visit(own, narrow)).guide_id == scene.guide.id
    assert (await scene.enter(own)).guide_id == scene.other_guide.id


async def test_being_bound_by_hand_moves_no_visit_of_a_room_that_is_not_for_the_store(scene, shop, narrow):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.guide, room_id=narrow))
    await scene.enter(viewer)
    body = {"guide_id": str(scene.other_guide.id), "note": "theirs"}
    bound = await scene.post(shop.owner, f"/api/members/{viewer.id}/binding", body)
    assert bound.status_code < 300
    assert (await scene.visit(viewer, narrow)).guide_id == scene.guide.id
    assert (await scene.visit(viewer)).guide_id == scene.other_guide.id


async def test_a_room_narrowed_during_the_show_keeps_the_carriers_that_it_has(scene, shop):
    old = await scene.invite(scene.other_guide)
    before, meanwhile = await shop.member(), await shop.member()
    await scene.touch(before, old)
    own = await scene.invite(scene.guide)
    await scene.touch(meanwhile, own)
    await _for_the_first(scene, shop.room_id)
    scene.later(minutes=20)
    await scene.touch(before, own)
    await scene.touch(meanwhile, old)
    late = await shop.member()
    await scene.touch(late, old)
    assert (await scene.visit(meanwhile)).guide_id == scene.guide.id
    assert (await scene.visit(before)).guide_id == scene.guide.id
    assert (await scene.visit(late)).store_id is None


async def test_who_came_before_the_room_was_narrowed_still_buys_for_their_store(scene, shop):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    await _for_the_first(scene, shop.room_id)
    credit = await scene.credit(await scene.buy(viewer))
    assert credit.guide.account_id == scene.other_guide.id
    assert await scene.broken() == {}


async def test_the_credit_says_that_the_room_was_not_for_that_store(scene, shop):
    await scene.rules(binds="first_touch")
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.other_guide, room_id=await scene.room()))
    await _for_the_first(scene, shop.room_id)
    await scene.enter(viewer)
    credit = await scene.credit(await scene.buy(viewer))
    assert (credit.store, credit.guide, credit.rule, credit.rule_version) == (None, None, "brand", 3)
    assert [touch["outcome"] for touch in credit.why["touches"]] == ["out-of-reach"]
    assert credit.why["binding_out_of_reach"] is True
    assert await scene.broken() == {}


async def test_a_member_s_share_from_the_brand_still_counts_in_a_narrow_room(scene, shop, narrow):
    first, friend = await shop.member(), await shop.member()
    await scene.enter(first, narrow)
    code = await scene.invite(first, room_id=narrow)
    await scene.touch(friend, code)
    visit = await scene.visit(friend, narrow)
    assert (visit.store_id, visit.link_id is not None) == (None, True)
