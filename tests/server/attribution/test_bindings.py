from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from server.accounts.models import Account
from server.attribution import service
from server.kit.principal import Role
from server.rooms.models import Room
from server.stores.models import Store
from tests.server.shop import Shop


async def come(scene, who, guide, room_id=None):
    await scene.touch(who, await scene.invite(guide, room_id=room_id))


async def buy(scene, who):
    order_id = await scene.buy(who)
    await scene.bind(order_id)
    return await scene.credit(order_id)


async def test_without_a_policy_nobody_is_bound(scene, shop):
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    await buy(scene, viewer)
    assert (await scene.bound(viewer)).items == []


async def test_the_first_paid_order_binds_and_another_guides_link_does_not_win_the_member(scene, shop):
    await scene.rules(binds="first_order", protection_days=30, renews=False)
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    assert (await scene.bound(viewer)).current is None
    first = await buy(scene, viewer)
    held = (await scene.bound(viewer)).current
    assert (held.guide.name, held.store.name, held.reason) == ("Guide Li", "Hangzhou", "first_order")
    assert (held.order_id, held.until - held.since) == (first.order_id, timedelta(days=30))
    scene.later(days=1)
    await come(scene, viewer, scene.other_guide)
    second = await buy(scene, viewer)
    assert (first.rule, second.rule, second.guide.name) == ("last-touch", "bound-guide", "Guide Li")
    assert [touch["outcome"] for touch in second.why["touches"]] == ["brought", "earlier"]
    assert second.why["binding"]["reason"] == "first_order"
    scene.later(days=30)
    await come(scene, viewer, scene.other_guide)
    assert (await buy(scene, viewer)).guide.name == "Guide Sun"
    assert await scene.broken() == {}


async def test_the_first_touch_binds_where_the_policy_says_so(scene, shop):
    await scene.rules(binds="first_touch", protection_days=10)
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    scene.later(hours=1)
    await come(scene, viewer, scene.other_guide)
    held = await scene.bound(viewer)
    assert [(one.guide.name, one.reason) for one in held.items] == [("Guide Li", "first_touch")]
    credit = await buy(scene, viewer)
    assert (credit.rule, credit.guide.name) == ("bound-guide", "Guide Li")


async def test_an_order_through_the_bound_guide_begins_the_protection_anew(scene, shop):
    await scene.rules(binds="first_order", protection_days=10)
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    await buy(scene, viewer)
    scene.later(days=6)
    second = await buy(scene, viewer)
    held = await scene.bound(viewer)
    assert [one.reason for one in held.items] == ["renewed", "first_order"]
    assert held.current.until == second.at + timedelta(days=10)


async def test_a_payment_told_twice_binds_once(scene, shop):
    await scene.rules(binds="first_order")
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    order_id = await scene.buy(viewer)
    await scene.bind(order_id)
    await scene.bind(order_id)
    assert len((await scene.bound(viewer)).items) == 1


async def test_a_change_of_policy_leaves_bindings_as_they_were_made(scene, shop):
    await scene.rules(binds="first_touch", protection_days=10)
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    until = (await scene.bound(viewer)).current.until
    await scene.rules(binds="never")
    assert (await scene.bound(viewer)).current.until == until
    await come(scene, viewer, scene.other_guide)
    assert (await scene.visit(viewer)).guide_id == scene.guide.id


async def test_a_bound_member_carries_the_guide_into_every_room_that_is_not_over(scene, shop):
    await scene.rules(binds="first_order")
    viewer, second, over = await shop.member(), await scene.room(), await scene.room()
    await come(scene, viewer, scene.other_guide, second)
    await come(scene, viewer, scene.other_guide, over)
    async with shop.database.transaction() as session:
        (await session.get(Room, over)).state = "ended"
    await come(scene, viewer, scene.guide)
    await buy(scene, viewer)
    assert (await scene.visit(viewer, second)).guide_id == scene.guide.id
    assert (await scene.visit(viewer, over)).guide_id == scene.other_guide.id


async def test_a_guide_who_left_leaves_the_member_to_the_store_and_a_closed_store_to_the_next_rule(
    scene, shop
):
    await scene.rules(binds="first_touch")
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    async with shop.database.transaction() as session:
        (await session.get(Account, scene.guide.id)).disabled_at = scene.now
    second = await scene.room()
    scene.later(days=8)  # the touch itself carries no more
    assert (await scene.enter(viewer, second)).store_id == shop.store_id
    assert (await scene.visit(viewer, second)).guide_id is None
    async with shop.database.transaction() as session:
        (await session.get(Store, shop.store_id)).closed_at = scene.now
    third = await scene.room()
    assert (await scene.enter(viewer, third, scene.other_store_id)).store_id == scene.other_store_id
    assert (await scene.enter(viewer, await scene.room())).store_id is None


# By hand


async def test_headquarters_bind_and_release_by_hand_and_it_is_recorded(scene, shop):
    operator = await scene.hire(Role.OPERATOR, None, "Operator He")
    viewer = await shop.member()
    await come(scene, viewer, scene.guide)
    path = f"/api/members/{viewer.id}/binding"
    body = {"guide_id": str(scene.other_guide.id), "note": "Served her for years"}
    bound = await scene.post(operator, path, body)
    assert (bound.status_code, bound.json()["current"]["guide"]["name"]) == (201, "Guide Sun")
    assert (await scene.visit(viewer)).guide_id == scene.other_guide.id
    assert (await buy(scene, viewer)).rule == "bound-guide"
    released = await scene.post(operator, path, {"guide_id": None, "note": "Moved away"})
    assert released.json()["current"] is None
    assert [(one["reason"], one["by"], one["note"]) for one in released.json()["items"]] == [
        ("released", "Operator He", "Moved away"),
        ("by_hand", "Operator He", "Served her for years"),
    ]
    assert (await scene.visit(viewer)).guide_id == scene.guide.id  # by the link again
    again = await scene.post(operator, path, {"guide_id": None, "note": "Twice"})
    assert (again.status_code, again.json()["slug"]) == (409, "not-bound")
    assert await scene.broken() == {}


async def test_only_owner_and_operator_bind_and_only_to_those_who_invite(scene, shop):
    viewer = await shop.member()
    path = f"/api/members/{viewer.id}/binding"
    body = {"guide_id": str(scene.guide.id), "note": "Why"}
    finance = await scene.hire(Role.FINANCE, None, "Finance")
    for staff, status in ((finance, 403), (scene.manager, 403), (scene.guide, 403), (None, 401)):
        assert (await scene.post(staff, path, body)).status_code == status
    assert (await scene.get(finance, path)).status_code == 200
    assert (await scene.get(scene.manager, path)).status_code == 403
    other = await Shop.open(shop.database)
    assert (await scene.post(other.owner, path, body)).status_code == 404
    assert (await scene.get(other.owner, path)).status_code == 404
    for guide_id, status in ((other.guide_id, 404), (finance.id, 422)):
        wrong = await scene.post(shop.owner, path, {"guide_id": str(guide_id), "note": "Why"})
        assert wrong.status_code == status
    assert (await scene.post(shop.owner, path, {**body, "note": "  "})).status_code == 422


# Merging


@pytest.mark.parametrize("guest_first", [True, False])
async def test_of_a_guest_and_the_member_they_become_whoever_was_bound_first_keeps_them(
    scene, shop, guest_first
):
    await scene.rules(binds="first_touch")
    guest, member = await shop.members(2)
    first, second = (guest, member) if guest_first else (member, guest)
    await come(scene, first, scene.guide)
    scene.later(minutes=5)
    await come(scene, second, scene.other_guide)
    scene.later(minutes=5)
    async with shop.database.transaction() as session:
        await service.merge(session, guest.id, member.id, scene.now)
    held = await scene.bound(member)
    assert held.current.guide.name == "Guide Li"
    assert {one.guide.name for one in held.items} == {"Guide Li", "Guide Sun"}


async def test_a_bound_guest_brings_the_binding_to_a_member_whom_nobody_had(scene, shop):
    await scene.rules(binds="first_touch")
    guest, member = await shop.members(2)
    await come(scene, guest, scene.guide)
    async with shop.database.transaction() as session:
        await service.merge(session, guest.id, member.id, scene.now)
    assert [one.reason for one in (await scene.bound(member)).items] == ["first_touch"]


# Races


async def test_orders_through_two_guides_paid_at_once_bind_to_one_of_them(scene, shop):
    await scene.rules(binds="first_order")
    viewer = await shop.member()
    orders = []
    for guide in (scene.guide, scene.other_guide):
        scene.later(minutes=1)
        await come(scene, viewer, guide)
        orders.append(await scene.buy(viewer))
    await asyncio.gather(*(scene.bind(order_id) for order_id in orders * 3))
    (held,) = (await scene.bound(viewer)).items
    assert held.reason == "first_order"
    assert (await scene.visit(viewer)).guide_id == held.guide.account_id


async def test_two_guides_links_opened_at_once_bind_to_one_of_them(scene, shop):
    await scene.rules(binds="first_touch")
    viewer = await shop.member()
    codes = [await scene.invite(guide) for guide in (scene.guide, scene.other_guide)]
    await asyncio.gather(*(scene.touch(viewer, code) for code in codes))
    (held,) = (await scene.bound(viewer)).items
    assert (await scene.visit(viewer)).guide_id == held.guide.account_id
