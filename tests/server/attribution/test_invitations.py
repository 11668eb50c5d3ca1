from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from server.attribution.facts import LinkTouched, ViewerCarried, ViewerEntered
from server.kit import facts
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.kit.problems import Forbidden, NotFound
from server.members.facts import MembersMerged
from tests.server.attribution.scene import heard
from tests.server.shop import Shop


async def test_a_guides_link_carries_the_viewer_for_the_guide_and_the_store(scene, shop):
    viewer = await shop.member()
    taken = await scene.touch(viewer, await scene.invite(scene.guide))
    assert (taken.store.name, taken.guide.name, taken.refused) == ("Hangzhou", "Guide Li", None)
    visit = await scene.enter(viewer)
    assert (visit.store_id, visit.guide_id) == (shop.store_id, shop.guide_id)


async def test_asking_again_gives_the_same_link_and_each_channel_has_its_own(scene):
    first, again = await scene.invite(scene.guide), await scene.invite(scene.guide)
    assert again == first
    assert await scene.invite(scene.guide, "wechat") != first
    assert await scene.invite(scene.manager) != first


async def test_one_link_asked_for_twenty_times_at_once_is_one_link(scene):
    assert len(set(await asyncio.gather(*(scene.invite(scene.guide) for _ in range(20))))) == 1


async def test_a_wall_screens_link_stands_for_the_store_whoever_opened_the_page(scene, shop):
    code = await scene.invite(scene.guide, "screen")
    assert await scene.invite(scene.manager, "screen") == code
    taken = await scene.touch(await shop.member(), code)
    assert (taken.store.name, taken.guide) == ("Hangzhou", None)


async def test_only_guides_managers_and_viewers_invite(scene, shop):
    for role in (Role.OWNER, Role.OPERATOR, Role.HOST, Role.MODERATOR, Role.FINANCE, Role.READ_ONLY):
        with pytest.raises(Forbidden):
            await scene.invite(await scene.hire(role, None, role.value))


async def test_nobody_invites_into_another_brands_or_another_stores_room(scene, shop):
    other = await Shop.open(shop.database)
    with pytest.raises(NotFound):
        await scene.invite(scene.guide, room_id=other.room_id)
    with pytest.raises(NotFound):
        await scene.invite(scene.guide, room_id=await scene.room(scene.other_store_id))
    assert await scene.invite(scene.guide, room_id=await scene.room(shop.store_id))


async def test_where_not_everybody_may_enter_only_who_was_in_invites_others(scene, shop):
    room_id = await scene.room(audience="invited")
    outsider, insider = await shop.members(2)
    with pytest.raises(NotFound):
        await scene.invite(outsider, room_id=room_id)
    await scene.enter(insider, room_id)
    assert await scene.invite(insider, room_id=room_id)


async def test_a_chain_of_shares_stays_whole_and_keeps_the_guide(scene, shop):
    a, b, c = await shop.members(3)
    code = await scene.invite(scene.guide)
    for viewer in (a, b, c):
        await scene.touch(viewer, code)
        await scene.enter(viewer)
        code = await scene.invite(viewer)
        visit = await scene.visit(viewer)
        assert (visit.store_id, visit.guide_id) == (shop.store_id, shop.guide_id)
    credit = await scene.credit(await scene.buy(c))
    assert [(one["kind"], one["name"]) for one in credit.why["chain"]] == [
        ("guide", "Guide Li"),
        ("member", a.name),
        ("member", b.name),
    ]


async def test_a_viewer_whom_nobody_brought_shares_for_the_rooms_store(scene, shop):
    room_id = await scene.room(scene.other_store_id)
    a, b = await shop.members(2)
    await scene.enter(a, room_id, scene.other_store_id)
    taken = await scene.touch(b, await scene.invite(a, room_id=room_id))
    assert (taken.store.name, taken.guide) == ("Suzhou", None)


async def test_a_viewer_brought_by_somebody_else_shares_with_a_new_link(scene, shop):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.guide))
    await scene.enter(viewer)
    first = await scene.invite(viewer)
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    second = await scene.invite(viewer)
    assert second != first
    friend = await shop.member()
    assert (await scene.touch(friend, second)).guide.name == "Guide Sun"


async def test_an_own_link_and_a_loop_are_kept_with_the_reason_and_carry_nobody(scene, shop):
    a, b = await shop.members(2)
    await scene.touch(a, await scene.invite(scene.guide))
    await scene.enter(a)
    shared = await scene.invite(a)
    assert (await scene.touch(a, shared)).refused == "self-invite"
    await scene.touch(b, shared)
    await scene.enter(b)
    assert (await scene.touch(a, await scene.invite(b))).refused == "loop"
    visit = await scene.visit(a)
    async with shop.database.transaction() as session:
        parent = await session.execute(
            text("SELECT parent_id FROM invitation_link WHERE code = :code"), {"code": shared}
        )
        assert visit.link_id == parent.scalar_one()
    credit = await scene.credit(await scene.buy(a))
    assert [(one["refused"], one["counted"]) for one in credit.why["touches"]] == [
        ("loop", False),
        ("self-invite", False),
        (None, True),
    ]


async def test_the_last_link_carries_also_a_viewer_who_is_in_the_room_already(scene, shop):
    viewer = await shop.member()
    await scene.enter(viewer)
    assert (await scene.visit(viewer)).store_id is None
    await scene.touch(viewer, await scene.invite(scene.guide))
    assert (await scene.visit(viewer)).guide_id == shop.guide_id
    scene.later(minutes=1)
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    assert (await scene.visit(viewer)).store_id == scene.other_store_id


async def test_a_touch_of_one_room_leaves_the_visit_of_another_as_it_was(scene, shop):
    viewer, second_room = await shop.member(), await scene.room()
    await scene.enter(viewer)
    await scene.touch(viewer, await scene.invite(scene.guide, room_id=second_room))
    assert (await scene.visit(viewer)).store_id is None
    assert (await scene.enter(viewer, second_room)).store_id == shop.store_id


async def test_a_touch_older_than_the_window_carries_no_more(scene, shop):
    viewer, earlier_room, soon_after = await shop.member(), await scene.room(), await scene.room()
    await scene.touch(viewer, await scene.invite(scene.guide, room_id=earlier_room))
    scene.later(days=6, hours=23)
    assert (await scene.enter(viewer, soon_after)).guide_id == shop.guide_id
    scene.later(hours=1, seconds=1)
    assert (await scene.enter(viewer)).store_id is None


async def test_opening_a_link_is_coming_into_its_room(scene, shop):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.guide))
    assert (await scene.visit(viewer)).guide_id == shop.guide_id
    await scene.enter(viewer)
    assert len(await scene.told("viewer.entered")) == 1


async def test_a_touch_that_does_not_count_is_no_visit(scene, shop):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(viewer))
    with pytest.raises(AssertionError):
        await scene.visit(viewer)


async def test_who_entered_stays_with_who_carried_them_then(scene, shop):
    viewer = await shop.member()
    await scene.enter(viewer)
    await scene.enter(viewer, room_store_id=shop.store_id)
    assert (await scene.visit(viewer)).store_id is None
    assert len(await scene.told("viewer.entered")) == 1


async def test_a_reload_is_the_same_touch(scene, shop):
    viewer, code = await shop.member(), await scene.invite(scene.guide)
    first = await scene.touch(viewer, code)
    scene.later(minutes=9)
    assert await scene.touch(viewer, code) == first
    scene.later(minutes=2)
    assert (await scene.touch(viewer, code)).touch_id != first.touch_id


async def test_another_brands_link_is_not_there(scene, shop):
    other = await Shop.open(shop.database)
    with pytest.raises(NotFound):
        await scene.touch(await other.member(), await scene.invite(scene.guide))


@pytest.mark.parametrize("attempt", range(5))
async def test_entering_and_touching_at_once_never_lose_the_touch(scene, shop, attempt):
    viewer, code = await shop.member(), await scene.invite(scene.guide)
    await asyncio.gather(scene.enter(viewer), scene.touch(viewer, code), scene.enter(viewer))
    assert (await scene.visit(viewer)).guide_id == shop.guide_id
    assert len(await scene.told("viewer.entered")) == 1


async def test_the_store_hears_of_an_arrival_with_what_the_viewer_bought_before(scene, shop):
    viewer = await shop.member("Wang")
    await scene.touch(viewer, await scene.invite(scene.guide))
    await scene.enter(viewer)
    await scene.buy(viewer, quantity=2)
    await scene.enter(viewer, await scene.room())
    first, second = [heard(fact) for fact in await scene.facts(ViewerEntered)]
    arrival, entered = first
    assert (arrival.topic, arrival.kind) == (f"store:{shop.store_id}", "arrival")
    assert (arrival.data["name"], arrival.data["orders"], arrival.data["tags"]) == (viewer.name, 0, ["new"])
    assert arrival.data["guide_id"] == str(shop.guide_id)
    assert (entered.topic, entered.kind) == (f"control:{shop.room_id}", "viewer.entered")
    assert entered.data["guide"] == {"account_id": str(shop.guide_id), "name": "Guide Li"}
    assert (second[0].data["orders"], second[0].data["amount_minor"]) == (1, 2 * 9900)
    assert second[0].data["tags"] == ["buyer"]


async def test_a_viewer_whom_no_store_carries_is_heard_of_at_the_control_desk_alone(scene, shop):
    await scene.enter(await shop.member())
    (fact,) = await scene.facts(ViewerEntered)
    assert [event.topic for event in heard(fact)] == [f"control:{shop.room_id}"]


async def test_a_store_hears_of_a_viewer_who_comes_to_it_in_the_middle_of_a_room(scene, shop):
    viewer = await shop.member()
    await scene.enter(viewer)
    await scene.touch(viewer, await scene.invite(scene.guide))
    (fact,) = await scene.facts(ViewerCarried)
    (event,) = heard(fact)
    assert (event.topic, event.kind) == (f"store:{shop.store_id}", "arrival")
    assert event.data["tags"] == ["new"]


async def test_visits_and_invitations_are_on_the_timelines_of_both(scene, shop):
    a, b = await shop.members(2)
    await scene.touch(a, await scene.invite(scene.guide))
    await scene.enter(a)
    await scene.touch(b, await scene.invite(a))
    await scene.enter(b)
    assert await scene.remembered(a, ViewerEntered, LinkTouched) == [
        ("visit", None),
        ("invitation", "came"),
        ("invitation", "brought"),
    ]
    assert await scene.remembered(b, ViewerEntered, LinkTouched) == [("visit", None), ("invitation", "came")]


async def merge(scene, guest, member) -> None:
    async with scene.shop.database.transaction() as session:
        await session.execute(
            text("UPDATE member SET merged_into = :member WHERE id = :guest"),
            {"member": member.id, "guest": guest.id},
        )
        await facts.record(
            session, MembersMerged(brand_id=scene.shop.brand_id, guest_id=guest.id, member_id=member.id)
        )


async def test_a_guest_who_signs_in_keeps_who_brought_them(scene, shop):
    guest, member = await shop.members(2)
    await scene.touch(guest, await scene.invite(scene.guide))
    await scene.enter(guest)
    order_id = await scene.buy(guest)
    await merge(scene, guest, member)
    visit = await scene.visit(member)
    assert visit.guide_id == shop.guide_id
    assert (await scene.enter(guest)).member_id == member.id
    async with shop.database.transaction() as session:
        row = await session.execute(
            text("SELECT member_id FROM credit WHERE order_id = :id"), {"id": order_id}
        )
        assert row.scalar_one() == member.id
    assert await scene.broken() == {}


async def test_signing_in_where_both_were_in_the_room_keeps_the_link_that_was_opened_last(scene, shop):
    guest, member = await shop.members(2)
    await scene.touch(member, await scene.invite(scene.other_guide))
    await scene.enter(member)
    scene.later(minutes=5)
    await scene.touch(guest, await scene.invite(scene.guide))
    await scene.enter(guest)
    await merge(scene, guest, member)
    assert (await scene.visit(member)).guide_id == shop.guide_id


async def test_signing_in_later_does_not_bring_back_an_older_link(scene, shop):
    guest, member = await shop.members(2)
    await scene.touch(guest, await scene.invite(scene.guide))
    await scene.enter(guest)
    scene.later(minutes=5)
    await scene.touch(member, await scene.invite(scene.other_guide))
    await scene.enter(member)
    await merge(scene, guest, member)
    assert (await scene.visit(member)).guide_id == scene.other_guide.id


async def test_signing_in_from_an_uninvited_visit_leaves_the_members_own_link(scene, shop):
    guest, member = await shop.members(2)
    await scene.touch(member, await scene.invite(scene.guide))
    await scene.enter(member)
    await scene.enter(guest)
    await merge(scene, guest, member)
    assert (await scene.visit(member)).guide_id == shop.guide_id


async def test_a_member_cannot_be_brought_by_the_guest_they_were(scene, shop):
    guest, member = await shop.members(2)
    await scene.enter(guest)
    shared = await scene.invite(guest)
    await merge(scene, guest, member)
    assert (await scene.touch(member, shared)).refused == "self-invite"


# Over HTTP


async def test_an_invitation_made_opened_and_touched_over_http(scene, shop):
    made = await scene.post(scene.guide, "/api/invitations", {"room_id": str(shop.room_id)})
    assert made.status_code == 201
    code = made.json()["code"]
    assert made.json() == {
        "code": code,
        "url": f"https://shop.example/i/{code}",
        "qr_url": f"/api/invitations/{code}/qr.svg",
        "poster_url": f"/api/invitations/{code}/poster.png",
        "friends": 0,
    }
    opened = await scene.get(None, f"/i/{code}")
    assert (opened.status_code, opened.headers["location"]) == (302, f"/live/{shop.room_id}?i={code}")
    shown = (await scene.get(None, f"/api/invitations/{code}")).json()
    assert shown == {
        "code": code,
        "room_id": str(shop.room_id),
        "product_id": None,
        "title": "Spring tea",
        "brand": "Tea House",
        "store": {"store_id": str(shop.store_id), "name": "Hangzhou"},
        "guide": {"account_id": str(shop.guide_id), "name": "Guide Li"},
        "inviter": "Guide Li",
        "campaign": None,
        "notice": None,
        "next_room": None,
    }
    touched = await scene.post(await shop.member(), f"/api/invitations/{code}/touches")
    assert touched.status_code == 201
    assert touched.json()["room_id"] == str(shop.room_id)
    assert touched.json()["guide"]["name"] == "Guide Li"


async def test_forged_codes_are_not_there_on_any_road(scene, shop):
    viewer, forged = await shop.member(), (await scene.invite(scene.guide))[::-1]
    for path in (
        "/i/{}",
        "/api/invitations/{}",
        "/api/invitations/{}/qr.svg",
        "/api/invitations/{}/poster.png",
    ):
        answer = await scene.get(None, path.format(forged))
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
    assert (await scene.post(viewer, f"/api/invitations/{forged}/touches")).status_code == 404


async def test_a_touch_needs_a_viewer_and_an_invitation_somebody_signed_in(scene, shop):
    code = await scene.invite(scene.guide)
    assert (await scene.post(None, f"/api/invitations/{code}/touches")).status_code == 401
    assert (await scene.post(scene.guide, f"/api/invitations/{code}/touches")).status_code == 403
    assert (await scene.post(None, "/api/invitations", {"room_id": str(shop.room_id)})).status_code == 401
    assert (
        await scene.post(shop.owner, "/api/invitations", {"room_id": str(shop.room_id)})
    ).status_code == 403


@pytest.mark.parametrize(
    "body",
    [{}, {"room_id": "x"}, {"room_id": str(uuid7()), "channel": "A B"}, {"room_id": str(uuid7()), "x": 1}],
)
async def test_a_wrong_body_is_refused(scene, body):
    answer = await scene.post(scene.guide, "/api/invitations", body)
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid")
