"""Distributors and group owners: they invite and earn as guides do, without a store, and see no one else's."""

from __future__ import annotations

import pytest

from server.attribution.inviting import SCREEN
from server.kit.principal import Role
from server.kit.problems import Forbidden, NotFound

OUTSIDE = (Role.DISTRIBUTOR, Role.GROUP_OWNER)


@pytest.fixture(params=OUTSIDE)
async def outside(request, scene):
    return await scene.hire(request.param, None, "Outside Zhou")


async def come(scene, shop, guide):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(guide))
    await scene.enter(viewer)
    return viewer


async def test_their_link_carries_a_viewer_to_them_and_to_no_store(scene, shop, outside):
    code = await scene.invite(outside)
    assert code == await scene.invite(outside)
    shown = (await scene.get(None, f"/api/invitations/{code}")).json()
    assert (shown["guide"]["name"], shown["store"], shown["inviter"]) == (
        "Outside Zhou",
        None,
        "Outside Zhou",
    )
    poster = await scene.get(None, f"/api/invitations/{code}/poster.png")
    assert (poster.status_code, poster.headers["content-type"]) == (200, "image/png")
    visit = await scene.visit(await come(scene, shop, outside))
    assert (visit.store_id, visit.guide_id) == (None, outside.id)


async def test_what_they_brought_is_theirs_through_re_shares_and_refunds(scene, shop, outside):
    first = await come(scene, shop, outside)
    friend = await shop.member()
    await scene.touch(friend, await scene.invite(first))
    await scene.enter(friend)
    order_id = await scene.buy(friend)
    await scene.refund(order_id, 900)
    credit = await scene.credit(order_id)
    assert (credit.store, credit.guide.account_id, credit.net_minor) == (None, outside.id, 9000)
    assert await scene.broken() == {}


async def test_their_page_has_what_is_their_own(scene, shop, outside):
    other = await scene.hire(Role.DISTRIBUTOR, None, "Another")
    await scene.buy(await come(scene, shop, outside))
    await scene.buy(await come(scene, shop, other))
    await scene.buy(await come(scene, shop, scene.guide))
    page = (await scene.get(outside, "/api/guide")).json()
    assert (page["store"], page["guide"]["name"]) == (None, "Outside Zhou")
    assert page["totals"] == {"visits": 1, "orders": 1, "amount_minor": 9900, "credited_minor": 9900}
    assert [len(page[part]) for part in ("arrivals", "credits", "orders")] == [1, 1, 1]
    assert {one["guide"]["name"] for one in page["arrivals"] + page["credits"]} == {"Outside Zhou"}


async def test_the_reasons_of_their_credit_name_no_other_guide_and_no_store(scene, shop, outside):
    viewer = await come(scene, shop, scene.guide)
    scene.later(minutes=20)
    await scene.touch(viewer, await scene.invite(outside))
    order_id = await scene.buy(viewer)
    path = f"/api/orders/{order_id}/credits"
    (seen,) = (await scene.get(outside, path)).json()["items"]
    assert [touch["guide"]["name"] for touch in seen["why"]["touches"]] == ["Outside Zhou"]
    assert "Guide Li" not in str(seen)
    (listed,) = (await scene.get(outside, "/api/guide")).json()["credits"]
    assert listed["why"] == seen["why"]
    (whole,) = (await scene.get(shop.owner, path)).json()["items"]
    assert [touch["guide"]["name"] for touch in whole["why"]["touches"]] == ["Outside Zhou", "Guide Li"]


async def test_a_stores_things_and_anothers_are_not_there_for_them(scene, shop, outside):
    order_id = await scene.buy(await come(scene, shop, scene.guide))
    other = await scene.hire(Role.GROUP_OWNER, None, "Another")
    others = await scene.buy(await come(scene, shop, other))
    for part in ("board", "orders", "credits", "arrivals"):
        assert (await scene.get(outside, f"/api/stores/{shop.store_id}/{part}")).status_code == 404
    for order in (order_id, others):
        assert (await scene.get(outside, f"/api/orders/{order}/credits")).status_code == 404
    assert (await scene.get(outside, "/api/outside-guides/board")).status_code == 403


async def test_they_have_no_wall_screen_and_no_way_into_a_stores_own_room(scene, shop, outside):
    with pytest.raises(Forbidden):
        await scene.invite(outside, SCREEN)
    with pytest.raises(NotFound):
        await scene.invite(outside, room_id=await scene.room(shop.store_id))


async def test_a_guide_who_lost_the_store_invites_nobody(scene):
    lost = await scene.hire(Role.GUIDE, None, "Lost")
    with pytest.raises(Forbidden):
        await scene.invite(lost)


async def test_headquarters_rank_them_and_a_store_does_not(scene, shop, outside):
    idle = await scene.hire(Role.DISTRIBUTOR, None, "Idle")
    await scene.buy(await come(scene, shop, outside))
    await scene.buy(await come(scene, shop, scene.guide))
    shown = (await scene.get(shop.owner, "/api/outside-guides/board")).json()
    assert [(line["rank"], line["guide"]["account_id"], line["net_minor"]) for line in shown["guides"]] == [
        (1, str(outside.id), 9900),
        (2, str(idle.id), 0),
    ]
    assert (shown["totals"]["visits"], shown["totals"]["orders"]) == (1, 1)
    of_store = (await scene.get(scene.manager, f"/api/stores/{shop.store_id}/board")).json()
    assert str(outside.id) not in str(of_store)
    assert of_store["totals"]["orders"] == 1
    elsewhere = (
        await scene.get(shop.owner, "/api/outside-guides/board", room_id=str(await scene.room()))
    ).json()
    assert elsewhere["totals"]["orders"] == 0
