from __future__ import annotations

import asyncio

from server.kit.principal import Role
from tests.server.shop import Shop

PATH = "/api/attribution/policy"


async def test_until_a_brand_writes_its_own_policy_the_seven_days_hold_and_nothing_is_shared(scene, shop):
    answer = await scene.get(shop.owner, PATH)
    assert answer.json() == {
        "version": 0,
        "policy": {
            "window_days": 7,
            "binds": "never",
            "protection_days": 30,
            "renews": True,
            "guide_bp": 0,
            "store_bp": 0,
            "sharing_bp": [],
            "bonus_minor": 0,
            "bonus_for": "guide",
        },
        "by": None,
        "at": None,
    }


async def test_a_change_is_a_new_version_and_the_earlier_ones_stay_to_be_read(scene, shop):
    owner = await scene.hire(Role.OWNER, None, "Owner Ma")
    first = await scene.put(owner, PATH, {"follows": 0, "policy": {"guide_bp": 500}})
    assert (first.status_code, first.json()["version"], first.json()["by"]) == (200, 1, "Owner Ma")
    await scene.put(owner, PATH, {"follows": 1, "policy": {"guide_bp": 800, "sharing_bp": [100, 50]}})
    kept = (await scene.get(owner, "/api/attribution/policies")).json()["items"]
    assert [(one["version"], one["policy"]["guide_bp"]) for one in kept] == [(2, 800), (1, 500), (0, 0)]
    assert (await scene.get(owner, PATH)).json()["policy"]["sharing_bp"] == [100, 50]


async def test_the_same_settings_again_are_no_new_version(scene, shop):
    body = {"follows": 0, "policy": {"guide_bp": 500}}
    assert (await scene.put(shop.owner, PATH, body)).json()["version"] == 1
    assert (await scene.put(shop.owner, PATH, {**body, "follows": 1})).json()["version"] == 1


async def test_a_change_on_an_older_version_is_refused_with_the_one_in_force(scene, shop):
    await scene.rules(guide_bp=500)
    late = await scene.put(shop.owner, PATH, {"follows": 0, "policy": {"guide_bp": 900}})
    assert (late.status_code, late.json()["slug"], late.json()["version"]) == (409, "policy-changed", 1)


async def test_of_two_changes_at_once_one_is_written(scene, shop):
    answers = await asyncio.gather(
        *(
            scene.put(shop.owner, PATH, {"follows": 0, "policy": {"guide_bp": bp}})
            for bp in range(100, 500, 50)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert (await scene.get(shop.owner, PATH)).json()["version"] == 1


async def test_more_than_two_levels_of_members_and_more_than_the_whole_are_refused(scene, shop):
    for policy, slug in (
        ({"sharing_bp": [300, 200, 100]}, "too-many-levels"),
        ({"guide_bp": 9000, "store_bp": 2000}, "rates-above-whole"),
        ({"window_days": 0}, "invalid"),
        ({"guide_bp": 12.5}, "invalid"),
        ({"levels": 2}, "invalid"),
    ):
        answer = await scene.put(shop.owner, PATH, {"follows": 0, "policy": policy})
        assert (answer.status_code, answer.json()["slug"]) == (422, slug), policy
    assert (await scene.get(shop.owner, PATH)).json()["version"] == 0


async def test_headquarters_read_the_policy_and_the_owner_alone_writes_it(scene, shop):
    body = {"follows": 0, "policy": {"guide_bp": 500}}
    for role in (Role.OPERATOR, Role.FINANCE, Role.READ_ONLY):
        staff = await scene.hire(role, None, role.value)
        assert (await scene.get(staff, PATH)).status_code == 200
        assert (await scene.get(staff, "/api/attribution/policies")).status_code == 200
        assert (await scene.put(staff, PATH, body)).status_code == 403
    for staff in (scene.manager, scene.guide, await scene.hire(Role.HOST, None, "Host"), await shop.member()):
        assert (await scene.get(staff, PATH)).status_code == 403
        assert (await scene.put(staff, PATH, body)).status_code == 403
    assert (await scene.get(None, PATH)).status_code == 401
    other = await Shop.open(shop.database)
    await scene.rules(guide_bp=500)
    assert (await scene.get(other.owner, PATH)).json()["version"] == 0


async def test_a_touch_carries_as_long_as_the_policy_of_its_time_says(scene, shop):
    early, late = await shop.members(2)
    await scene.touch(early, await scene.invite(scene.guide))
    scene.later(hours=1)
    await scene.rules(window_days=2)
    await scene.touch(late, await scene.invite(scene.guide))
    second_room = await scene.room()
    scene.later(days=3)
    assert (await scene.enter(early, second_room)).guide_id == scene.guide.id
    assert (await scene.enter(late, second_room)).guide_id is None


async def test_an_order_is_shared_by_the_policy_in_force_when_it_was_placed(scene, shop):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.guide))
    await scene.rules(guide_bp=500)
    scene.later(seconds=1)
    order_id = await scene.order(viewer)
    scene.later(seconds=1)
    await scene.rules(guide_bp=900)
    scene.later(seconds=1)
    await scene.pay(viewer, order_id)
    credit = await scene.credit(order_id)
    assert credit.policy_version == 1
    detail = (await scene.get(scene.guide, f"/api/credits/{credit.credit_id}")).json()
    assert [(one["kind"], one["bp"], one["amount_minor"]) for one in detail["shares"]] == [
        ("guide", 500, 495)
    ]
    assert await scene.broken() == {}
