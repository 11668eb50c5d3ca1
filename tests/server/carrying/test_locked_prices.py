"""In a room of headquarters a store's manager sets what is the store's, and nothing of headquarters'."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from server.kit.principal import Role
from tests.server.rooms.floor import Floor, open_floor

OF_GOODS = text(
    """
    SELECT p.title, p.image, k.price_minor, k.was_minor, b.pool, b.pool_id, b.total, b.free, i.position, r.title,
           r.pinned_ids, r.state, r.reach
    FROM product p JOIN sku k ON k.product_id = p.id JOIN stock_balance b ON b.sku_id = k.id
    JOIN shelf_item i ON i.product_id = p.id JOIN room r ON r.id = i.room_id
    WHERE p.brand_id = :brand_id ORDER BY k.id, b.id, r.id
    """
)


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def goods(floor) -> list[Any]:
    async with floor.stage.session() as session:
        found = await session.execute(OF_GOODS, {"brand_id": floor.stage.shop.brand_id})
        return [tuple(row) for row in found]


async def test_a_manager_can_change_no_price_title_or_stock_of_headquarters(floor):
    shop, manager = floor.stage.shop, floor.stage.staff[Role.MANAGER]
    sale_id = await shop.sale(5)
    room, product, sku = f"/api/rooms/{shop.room_id}", str(shop.product_id), str(shop.sku_id)
    line = {"sku_id": sku, "price_minor": 1}
    own = {"pool": "store", "id": str(shop.store_id)}
    attempts = [
        ("PATCH", f"/api/products/{product}", {"json": {"title": "Mine"}}),
        ("PATCH", f"/api/products/{product}", {"json": {"skus": [line]}}),
        ("PUT", f"/api/products/{product}/image", {"content": b"-"}),
        ("POST", "/api/products", {"json": {"title": "Mine", "skus": [{"title": "", "price_minor": 1}]}}),
        ("POST", "/api/products/imports", {"content": b"title,price\nLongjing,0.01\n"}),
        ("POST", f"/api/skus/{sku}/stock", {"json": {"add": 9}}),
        (
            "POST",
            "/api/stock/moves",
            {"json": {"sku_id": sku, "source": {"pool": "headquarters"}, "target": own, "quantity": 1}},
        ),
        ("PATCH", room, {"json": {"title": "Mine"}}),
        ("PATCH", room, {"json": {"reach": {"kind": "stores", "store_ids": [str(shop.store_id)]}}}),
        ("POST", f"{room}/state", {"json": {"action": "end"}}),
        ("PUT", f"{room}/shelf", {"json": {"product_ids": []}}),
        ("POST", f"{room}/shelf", {"json": {"product_id": product}}),
        ("POST", f"{room}/shelf/import", {"content": b"title,price\nLongjing,0.01\n"}),
        ("DELETE", f"{room}/shelf/{product}", {}),
        ("PUT", f"{room}/pin", {"json": {"product_id": product}}),
        ("POST", f"{room}/flash-sales", {"json": {"sku_id": sku, "price_minor": 1, "stock": 1}}),
        ("POST", f"{room}/flash-sales/{sale_id}/price", {"json": {"price_minor": 1}}),
        ("POST", f"{room}/flash-sales/{sale_id}/open", {}),
        ("POST", f"{room}/flash-sales/{sale_id}/close", {}),
        ("POST", f"{room}/flash-sales/{sale_id}/stock", {"json": {"add": 5}}),
    ]
    before = await goods(floor)
    answers = [await floor.ask(method, path, manager, **asked) for method, path, asked in attempts]
    taken = [(asked[:2], got.status_code) for asked, got in zip(attempts, answers, strict=True)]
    assert [one for one in taken if one[1] not in {403, 404, 405}] == []
    carrying = f"/api/stores/{shop.store_id}/carrying/{shop.room_id}"
    assert (await floor.ask("PUT", carrying, manager, json={"greeting": "Hi"})).status_code == 200
    for field in ("price_minor", "title", "stock", "products"):
        wrong = await floor.ask("PUT", carrying, manager, json={"greeting": "Hi", field: 1})
        assert wrong.status_code == 422
    assert await goods(floor) == before


async def test_the_viewer_s_page_hears_of_a_change_and_reads_it(floor):
    shop, manager = floor.stage.shop, floor.stage.staff[Role.MANAGER]
    viewer = await shop.member(brought_by_guide=True)
    async with floor.visitor(viewer) as visitor:
        await visitor.hello()
        path = f"/api/stores/{shop.store_id}/carrying/{shop.room_id}"
        set_ = await floor.ask("PUT", path, manager, json={"greeting": "欢迎", "pick_up": False})
        assert set_.json()["greeting"] == "欢迎"
        assert await visitor.fact("carrying.changed") == {"store_id": str(shop.store_id)}
    read = (await floor.ask("GET", f"/api/rooms/{shop.room_id}/carried", viewer)).json()
    assert (read["store"]["name"], read["greeting"], read["pick_up"]) == ("Hangzhou", "欢迎", False)


async def test_a_store_sees_the_rooms_of_headquarters_that_it_carries(floor):
    shop, staff = floor.stage.shop, floor.stage.staff
    planned = await floor.stage.room()
    await floor.stage.room(store_id=shop.store_id)
    await floor.stage.room(state="ended")
    path = f"/api/stores/{shop.store_id}/carrying"
    rooms = (await floor.ask("GET", path, staff[Role.MANAGER])).json()["items"]
    assert [(room["room_id"], room["state"]) for room in rooms] == [
        (str(shop.room_id), "live"),
        (str(planned), "planned"),
    ]
    stranger = await floor.stage.hire(Role.MANAGER, store_id=await floor.stage.store())
    assert (await floor.ask("GET", path, stranger)).status_code == 404
