"""The staff's desk over HTTP, on the whole web role."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.kit.ids import uuid7
from server.kit.principal import Role
from tests.server.rooms.floor import Floor, open_floor
from tests.server.rooms.test_running_a_room import put_product


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def test_a_room_from_its_making_to_its_report(floor):
    stage, shop = floor.stage, floor.stage.shop
    host = stage.host

    async def ask(method, path="", by=host, **request):
        return await floor.ask(method, path, by, **request)

    async def told(method, path="", by=host, status=200, **request):
        answer = await ask(method, path, by, **request)
        assert answer.status_code == status, (path, answer.text)
        return answer.json()

    key = {"Idempotency-Key": "tap"}
    made = await told("POST", "/api/rooms", json={"title": " Autumn "}, headers=key, status=201)
    again = await told("POST", "/api/rooms", json={"title": " Autumn "}, headers=key, status=201)
    assert (made["id"], made["title"], made["host"]) == (again["id"], "Autumn", {"name": "Host"})
    reused = await told("POST", "/api/rooms", json={"title": "Winter"}, headers=key, status=422)
    assert reused["slug"] == "idempotency-key-reused"
    room = f"/api/rooms/{made['id']}"

    assert (await told("PATCH", room, json={"audience": "members"}))["audience"] == "members"
    assert (await told("PATCH", room, json={"audience": "public"}))["title"] == "Autumn"
    await told("POST", f"{room}/shelf", json={"product_id": str(shop.product_id)}, status=201)
    refused = await told("PUT", f"{room}/pin", json={"product_id": str(shop.product_id)}, status=409)
    assert (refused["slug"], refused["state"]) == ("wrong-state", "planned")
    assert (await told("POST", f"{room}/state", json={"action": "start"}))["state"] == "live"
    pinned = await told("PUT", f"{room}/pin", json={"product_id": str(shop.product_id)})
    assert pinned["pinned"]["title"] == "Longjing"
    assert (await told("PUT", f"{room}/pin", json={"product_id": None})) == {"pinned": None, "beside": []}
    assert (await told("PUT", f"{room}/shelf", json={"product_ids": []}))["shelf"] == []

    token = await told("POST", f"{room}/broadcast-tokens", status=201)
    assert token["whip_url"] == f"{floor.settings.base_url}/whip/{made['id']}"
    public = await told("GET", f"{room}/public", by=None)
    assert (public["brand"], public["state"]) == ({"name": "Tea House"}, "live")
    assert public["whep_url"].endswith(f"/whep/{made['id']}")

    reply = await told("POST", f"{room}/messages", json={"text": "欢迎"}, status=201)
    (message,) = (await told("GET", f"{room}/messages"))["items"]
    assert (message["id"], message["role"]) == (reply["id"], "host")

    assert (await told("GET", f"{room}/viewers")) == {"count": 0, "items": []}
    assert (await told("GET", f"{room}/figures"))["comments"] == 1
    assert (await told("GET", f"{room}/report", status=409))["slug"] == "not-ended"
    assert (await told("POST", f"{room}/state", json={"action": "end"}))["state"] == "ended"
    report = await told("GET", f"{room}/report")
    assert [mark["label"] for mark in report["marks"]] == ["live", "Longjing", "ended"]
    assert (await told("POST", f"{room}/broadcast-tokens", status=409))["reason"] == "room-ended"

    listed = await told("GET", "/api/rooms", params={"state": "ended"})
    assert [row["id"] for row in listed["items"]] == [made["id"]]
    assert (await told("GET", "/api/screen", by=stage.owner))["orders"] == 0


async def test_a_product_is_pinned_beside_another_and_each_is_taken_away_alone(floor):
    stage = floor.stage
    room, tea, honey = (
        f"/api/rooms/{stage.room_id}",
        str(stage.shop.product_id),
        str(await put_product(stage)),
    )
    await floor.ask("PUT", f"{room}/shelf", stage.host, json={"product_ids": [tea, honey]})

    async def pinned(method, path="", **body):
        answer = await floor.ask(method, f"{room}/pin{path}", stage.host, **({"json": body} if body else {}))
        assert answer.status_code == 200, answer.text
        view = answer.json()
        staff, public = [(await floor.ask("GET", f"{room}{of}", stage.host)).json() for of in ("", "/public")]
        for shown in (staff, public):
            assert {"pinned": shown["pinned"], "beside": shown["beside"]} == view
        return [card and card["product_id"] for card in (view["pinned"], *view["beside"])]

    assert await pinned("PUT", product_id=tea) == [tea]
    for _ in range(2):
        assert await pinned("PUT", product_id=honey, beside=True) == [honey, tea]
    assert await pinned("PUT", product_id=tea, beside=True) == [tea, honey]
    for _ in range(2):
        assert await pinned("DELETE", f"/{tea}") == [honey]
    assert await pinned("PUT", product_id=tea) == [tea]
    refused = await floor.ask("PUT", f"{room}/pin", stage.host, json={"product_id": None, "beside": True})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "product_id")
    assert await pinned("DELETE", f"/{tea}") == [None]


async def test_wrong_bodies_are_refused_and_roles_are_held(floor):
    stage = floor.stage
    room = f"/api/rooms/{stage.room_id}"
    wrong = [
        ("POST", "/api/rooms", {"title": ""}),
        ("POST", "/api/rooms", {"title": "x" * 81}),
        ("POST", "/api/rooms", {"title": "x", "audience": "all"}),
        ("POST", "/api/rooms", {"title": "x", "state": "live"}),
        ("POST", f"{room}/state", {"action": "explode"}),
        ("PUT", f"{room}/shelf", {"product_ids": [str(uuid7())] * 201}),
        ("POST", f"{room}/mutes", {"member_id": str(uuid7()), "minutes": 0}),
        ("POST", f"{room}/messages", {"text": ""}),
    ]
    for method, path, body in wrong:
        answer = await floor.ask(method, path, stage.host, json=body)
        assert answer.status_code == 422, (path, body, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
    viewer = await stage.shop.member()
    guide, manager = stage.staff[Role.GUIDE], stage.staff[Role.MANAGER]
    stranger = await stage.other_brand_owner()
    barred = [
        (None, "GET", room, 401),
        (viewer, "GET", room, 403),
        (guide, "GET", room, 200),
        (stranger, "GET", room, 404),
        (guide, "GET", f"{room}/figures", 403),
        (manager, "GET", f"{room}/viewers", 403),
        (stage.staff[Role.FINANCE], "GET", f"{room}/figures", 200),
        (guide, "GET", f"{room}/messages", 403),
        (guide, "POST", f"{room}/broadcast-tokens", 403),
        (stranger, "POST", f"{room}/broadcast-tokens", 404),
        (manager, "GET", "/api/screen", 403),
    ]
    for who, method, path, status in barred:
        answer = await floor.ask(method, path, who)
        assert answer.status_code == status, (path, who and who.role, answer.text)
