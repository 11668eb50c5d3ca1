"""Templates of sessions over HTTP: whose they are, and what rooms made from them keep."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.kit.principal import Role
from server.rooms import service
from tests.server.rooms.floor import Floor, open_floor

TEMPLATES = "/api/session-templates"


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def told(floor, method, path, by, status=200, **request):
    answer = await floor.ask(method, path, by, **request)
    assert answer.status_code == status, (path, answer.text)
    return answer.json() if answer.content else None


async def names(floor, by):
    return [one["name"] for one in (await told(floor, "GET", TEMPLATES, by))["items"]]


async def test_headquarters_templates_are_for_all_and_a_stores_own_for_itself(floor):
    stage = floor.stage
    manager, guide = stage.staff[Role.MANAGER], stage.staff[Role.GUIDE]
    other = await stage.hire(Role.MANAGER, store_id=await stage.store())
    stranger = await stage.other_brand_owner()
    ours = await told(floor, "POST", TEMPLATES, stage.owner, 201, json={"name": "All", "kind": "launch"})
    own = await told(floor, "POST", TEMPLATES, manager, 201, json={"name": "Own"})
    assert (ours["store"], own["store"]["store_id"]) == (None, str(stage.shop.store_id))
    assert await names(floor, stage.owner) == await names(floor, guide) == ["Own", "All"]
    assert await names(floor, other) == ["All"]
    assert await names(floor, stranger) == []

    for by, template, status in (
        (guide, own, 403),
        (manager, ours, 403),
        (other, own, 404),
        (stranger, ours, 404),
        (stage.staff[Role.HOST], own, 403),
    ):
        path = f"{TEMPLATES}/{template['id']}"
        await told(floor, "PATCH", path, by, status, json={"name": "Mine"})
        await told(floor, "DELETE", path, by, status)
    await told(floor, "POST", TEMPLATES, guide, 403, json={"name": "Guide's"})
    used = {"session_template_id": own["id"]}
    await told(floor, "POST", "/api/rooms", other, 404, json=used)
    await told(floor, "POST", "/api/rooms", stage.owner, 404, json=used)  # its room would be headquarters'
    await told(floor, "POST", "/api/rooms", guide, 201, json=used)


async def test_a_room_is_made_as_its_template_says_and_keeps_that(floor):
    stage, shop = floor.stage, floor.stage.shop
    manager = stage.staff[Role.MANAGER]
    terms = {
        "name": "Evening",
        "kind": "advice",
        "title": "{store} / {host}",
        "audience": "members",
        "product_ids": [str(shop.product_id)],
        "figures": ["likes", "watching"],
        "panels": ["chat", "stage"],
    }
    template = await told(floor, "POST", TEMPLATES, manager, 201, json=terms)
    path = f"{TEMPLATES}/{template['id']}"
    asked = {"session_template_id": template["id"]}
    room = await told(floor, "POST", "/api/rooms", manager, 201, json=asked)
    assert room["title"].endswith("/ Manager")
    assert (room["kind"], room["audience"]) == ("advice", "members")
    assert [card["product_id"] for card in room["shelf"]] == [str(shop.product_id)]
    shows = {"shelf": True, "asks": True, "figures": ["likes", "watching"], "panels": ["chat", "stage"]}
    assert room["shows"] == shows

    changed = {"kind": "training", "product_ids": [], "title": "Class"}
    after = await told(floor, "PATCH", path, manager, json=changed)
    assert (after["kind"], after["panels"][0], "show" in after["panels"]) == ("training", "stage", False)
    await told(floor, "DELETE", path, manager, 204)
    refused = await told(floor, "POST", "/api/rooms", manager, 409, json=asked)
    assert refused["slug"] == "template-archived"
    kept = await told(floor, "GET", f"/api/rooms/{room['id']}", manager)
    assert (kept["shows"], kept["kind"], len(kept["shelf"])) == (shows, "advice", 1)

    await told(floor, "PATCH", path, manager, json={"archived": False})
    own = {**asked, "title": "My title", "audience": "public"}
    other = await told(floor, "POST", "/api/rooms", manager, 201, json=own)
    assert (other["title"], other["audience"], other["shows"]["shelf"]) == ("My title", "public", False)


async def test_a_room_gives_a_template_that_makes_more_like_it(floor):
    stage, shop = floor.stage, floor.stage.shop
    made = await told(
        floor, "POST", "/api/rooms", stage.host, 201, json={"title": "Host tonight", "kind": "lifestyle"}
    )
    product = {"product_id": str(shop.product_id)}
    await told(floor, "POST", f"/api/rooms/{made['id']}/shelf", stage.host, 201, json=product)
    template = await told(
        floor, "POST", TEMPLATES, stage.host, 201, json={"room_id": made["id"], "name": "As tonight"}
    )
    assert template["product_ids"] == [str(shop.product_id)]
    assert (template["kind"], template["title"]) == ("lifestyle", "{主播} tonight")
    assert template["panels"] == made["shows"]["panels"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "  "},
        {"kind": "party"},
        {"figures": ["luck"]},
        {"panels": ["chat", "chat"]},
        {"title": "x" * 81},
    ],
)
async def test_a_template_that_makes_no_sense_is_refused(floor, wrong):
    await told(floor, "POST", TEMPLATES, floor.stage.owner, 422, json={"name": "T", **wrong})


async def test_another_brands_product_is_not_there(floor):
    stranger = await floor.stage.other_brand_owner()
    body = {"name": "T", "product_ids": [str(floor.stage.shop.product_id)]}
    await told(floor, "POST", TEMPLATES, stranger, 404, json=body)


async def test_a_room_without_a_shelf_sells_nothing(floor):
    stage, shop = floor.stage, floor.stage.shop
    for by in (stage.host, stage.staff[Role.MANAGER], stage.staff[Role.GUIDE]):
        made = await told(floor, "POST", "/api/rooms", by, 201, json={"title": "Class", "kind": "training"})
        room = f"/api/rooms/{made['id']}"
        await told(floor, "POST", f"{room}/state", by, json={"action": "start"})
        product = {"product_id": str(shop.product_id)}
        sale = {"sku_id": str(shop.sku_id), "price_minor": 100, "stock": 1}
        for method, path, body in (
            ("POST", "/shelf", product),
            ("PUT", "/shelf", {"product_ids": [str(shop.product_id)]}),
            ("DELETE", f"/shelf/{shop.product_id}", None),
            ("PUT", "/pin", product),
            ("POST", "/flash-sales", sale),
        ):
            refused = await told(floor, method, room + path, by, 409, json=body)
            assert refused["slug"] == "no-shelf", path
    async with stage.session() as session:
        assert (await service.verify(session))["rooms_without_shelf_sell_nothing"] == []


async def test_a_shelf_is_not_carried_into_a_room_without_one(floor):
    stage = floor.stage
    body = {"title": "Class", "kind": "training", "template": str(stage.room_id)}
    made = await told(floor, "POST", "/api/rooms", stage.host, 201, json=body)
    assert made["shelf"] == []


async def test_viewers_are_told_what_the_room_shows(floor):
    stage = floor.stage
    made = await told(
        floor, "POST", "/api/rooms", stage.host, 201, json={"title": "Jobs", "kind": "recruiting"}
    )
    public = await told(floor, "GET", f"/api/rooms/{made['id']}/public", None)
    assert (public["kind"], public["shows"]) == ("recruiting", made["shows"])
