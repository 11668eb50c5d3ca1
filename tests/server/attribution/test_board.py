from __future__ import annotations

import pytest
from sqlalchemy import text

from server.accounts.models import Account
from server.kit.ids import uuid7
from server.kit.paging import PAGE
from server.kit.principal import Role
from tests.server.shop import Shop

PARTS = ("board", "orders", "credits", "arrivals")


async def come(scene, shop, guide, *, room_id=None):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(guide, room_id=room_id))
    await scene.enter(viewer, room_id)
    return viewer


async def board(scene, shop, **query) -> dict:
    return (await scene.get(scene.manager, f"/api/stores/{shop.store_id}/board", **query)).json()


async def test_a_board_ranks_the_guides_and_its_totals_are_the_sum(scene, shop):
    wu = await scene.hire(Role.GUIDE, shop.store_id, "Guide Wu")
    await scene.hire(Role.GUIDE, shop.store_id, "Guide Zero")
    await scene.buy(await come(scene, shop, scene.guide))
    second = await scene.buy(await come(scene, shop, scene.guide))
    await scene.buy(await come(scene, shop, wu), quantity=2)
    await scene.refund(second, 900)
    await come(scene, shop, scene.other_guide)
    shown = await board(scene, shop)
    assert shown["store"] == {"store_id": str(shop.store_id), "name": "Hangzhou"}
    assert [
        (line["rank"], line["guide"]["name"], line["visits"], line["orders"], line["net_minor"])
        for line in shown["guides"]
    ] == [(1, "Guide Wu", 1, 1, 19800), (2, "Guide Li", 2, 2, 18900), (3, "Guide Zero", 0, 0, 0)]
    assert shown["totals"] == {
        "visits": 3,
        "new_members": 3,
        "orders": 3,
        "amount_minor": 39600,
        "reversed_minor": 900,
        "net_minor": 38700,
    }
    assert await scene.broken() == {}


async def test_what_came_to_a_store_by_no_guide_stands_apart_and_counts_in_the_totals(scene, shop):
    viewer = await shop.member()
    await scene.enter(viewer, room_store_id=shop.store_id)
    await scene.buy(viewer)
    shown = await board(scene, shop)
    assert (shown["unguided"]["orders"], shown["unguided"]["net_minor"]) == (1, 9900)
    assert (shown["totals"]["orders"], shown["totals"]["net_minor"]) == (1, 9900)


async def test_a_board_of_one_room_leaves_the_others_out(scene, shop):
    second_room = await scene.room()
    await scene.buy(await come(scene, shop, scene.guide))
    await come(scene, shop, scene.guide, room_id=second_room)
    assert (await board(scene, shop))["totals"]["visits"] == 2
    of_second = (await board(scene, shop, room_id=str(second_room)))["totals"]
    assert (of_second["visits"], of_second["orders"]) == (1, 0)


async def test_a_guide_who_left_the_store_keeps_the_line_that_was_earned(scene, shop):
    await scene.buy(await come(scene, shop, scene.guide))
    async with shop.database.transaction() as session:
        account = await session.get(Account, shop.guide_id)
        account.store_id = scene.other_store_id
        session.add(account)
    assert [(line["guide"]["name"], line["orders"]) for line in (await board(scene, shop))["guides"]] == [
        ("Guide Li", 1)
    ]


@pytest.mark.parametrize("part", PARTS)
async def test_a_store_is_seen_by_its_manager_and_headquarters_alone(scene, shop, part):
    path = f"/api/stores/{shop.store_id}/{part}"
    for role in (Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.READ_ONLY):
        assert (await scene.get(await scene.hire(role, None, role.value), path)).status_code == 200
    assert (await scene.get(scene.manager, path)).status_code == 200
    other_manager = await scene.hire(Role.MANAGER, scene.other_store_id, "Manager Qian")
    host = await scene.hire(Role.HOST, None, "Host")
    other_brand = await Shop.open(shop.database)
    for staff in (scene.guide, scene.other_guide, other_manager, host, other_brand.owner):
        assert (await scene.get(staff, path)).status_code == 404
    assert (await scene.get(await shop.member(), path)).status_code == 403
    assert (await scene.get(None, path)).status_code == 401
    assert (await scene.get(shop.owner, f"/api/stores/{uuid7()}/{part}")).status_code == 404


async def test_a_stores_lists_hold_its_own_alone(scene, shop):
    own = await come(scene, shop, scene.guide)
    own_order = await scene.buy(own)
    await scene.buy(await come(scene, shop, scene.other_guide))

    async def items(part: str) -> list[dict]:
        return (await scene.get(shop.owner, f"/api/stores/{shop.store_id}/{part}")).json()["items"]

    assert [order["order_id"] for order in await items("orders")] == [str(own_order)]
    (credit,) = await items("credits")
    assert (credit["order_id"], credit["guide"]["name"]) == (str(own_order), "Guide Li")
    (arrival,) = await items("arrivals")
    assert (arrival["member_id"], arrival["name"]) == (str(own.id), own.name)
    assert (arrival["orders"], arrival["amount_minor"], arrival["tags"]) == (1, 9900, ["buyer"])
    assert arrival["guide"] == {"account_id": str(shop.guide_id), "name": "Guide Li"}


async def test_a_label_shows_its_number_to_who_hands_over_and_not_to_who_counts(scene, shop):
    await scene.buy(await come(scene, shop, scene.guide))
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE orders SET delivery = :label WHERE store_id = :store_id"),
            {"label": '{"method": "delivery", "phone": "+8613900000002"}', "store_id": shop.store_id},
        )
    path = f"/api/stores/{shop.store_id}/orders"
    for staff, number in (
        (scene.manager, "+8613900000002"),
        (shop.owner, "+8613900000002"),
        (await scene.hire(Role.FINANCE, None, "Finance"), "+86139****0002"),
    ):
        (order,) = (await scene.get(staff, path)).json()["items"]
        assert order["delivery"]["phone"] == number, staff.role
    (own,) = (await scene.get(scene.guide, "/api/guide")).json()["orders"]
    assert own["delivery"]["phone"] == "+8613900000002"


async def test_arrivals_are_paged_newest_first_and_none_is_left_out(scene, shop):
    viewers = await shop.members(PAGE + 3)
    for viewer in viewers:
        await scene.enter(viewer, room_store_id=shop.store_id)
    path = f"/api/stores/{shop.store_id}/arrivals"
    first = (await scene.get(scene.manager, path)).json()
    rest = (await scene.get(scene.manager, path, cursor=first["next"])).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (PAGE, 3, None)
    shown = [arrival["member_id"] for arrival in first["items"] + rest["items"]]
    assert shown == [str(viewer.id) for viewer in reversed(viewers)]


@pytest.mark.parametrize("part", ["orders", "credits", "arrivals"])
async def test_a_made_up_cursor_is_refused(scene, shop, part):
    answer = await scene.get(scene.manager, f"/api/stores/{shop.store_id}/{part}", cursor="yesterday")
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid")


async def test_a_guide_sees_the_own_arrivals_credits_and_orders_and_nobody_elses(scene, shop):
    own = await come(scene, shop, scene.guide)
    order_id = await scene.buy(own)
    await scene.refund(order_id, 900)
    await come(scene, shop, scene.guide)
    await scene.buy(await come(scene, shop, scene.other_guide))
    page = (await scene.get(scene.guide, "/api/guide")).json()
    assert page["store"] == {"store_id": str(shop.store_id), "name": "Hangzhou"}
    assert page["guide"] == {"account_id": str(shop.guide_id), "name": "Guide Li"}
    assert len(page["arrivals"]) == 2
    assert [credit["net_minor"] for credit in page["credits"]] == [9000]
    assert [order["order_id"] for order in page["orders"]] == [str(order_id)]
    assert page["totals"] == {"visits": 2, "orders": 1, "amount_minor": 9900, "credited_minor": 9000}


async def test_a_guide_who_brought_nobody_yet_sees_an_empty_page(scene):
    page = (await scene.get(scene.other_guide, "/api/guide")).json()
    assert (page["arrivals"], page["credits"], page["orders"]) == ([], [], [])
    assert page["totals"] == {"visits": 0, "orders": 0, "amount_minor": 0, "credited_minor": 0}


async def test_only_store_staff_have_a_page_of_their_own(scene, shop):
    assert (await scene.get(scene.manager, "/api/guide")).status_code == 200
    assert (await scene.get(shop.owner, "/api/guide")).status_code == 403
    assert (await scene.get(await shop.member(), "/api/guide")).status_code == 403
