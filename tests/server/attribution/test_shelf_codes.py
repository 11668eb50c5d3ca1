"""A code at a product on a store's shelf: it leads to a room that shows the product, or to the product itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from server.attribution.routes import ROUTES
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.kit.redis import connect
from server.stock import service as stock
from server.stock.rules import Pool
from tests.server.attribution.scene import Scene
from tests.server.shop import Shop
from tests.server.wallets.serving import Served


@pytest.fixture
async def shelf(scene: Scene, redis_url: str) -> AsyncIterator[Scene]:
    redis = connect(redis_url)
    scene.served = Served(scene.shop.database, ROUTES, clock=lambda: scene.now, redis=redis)
    yield scene
    await redis.aclose()


async def make(scene: Scene, by: Any, product_id: Any = None, store_id: Any = None) -> Any:
    path = f"/api/stores/{store_id or scene.shop.store_id}/shelf-codes"
    return await scene.post(by, path, {"product_id": str(product_id or scene.shop.product_id)})


async def code_of(scene: Scene) -> str:
    return (await make(scene, scene.manager)).json()["code"]  # type: ignore[no-any-return]


async def room_is(shop: Shop, state: str, audience: str = "public") -> None:
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE room SET state = :state, audience = :audience WHERE id = :id"),
            {"state": state, "audience": audience, "id": shop.room_id},
        )


async def order(scene: Scene, who: Any, code: str, key: str = "k", **line: Any) -> Any:
    body = {"lines": [{"sku_id": str(scene.shop.sku_id), "quantity": 1} | line]}
    async with scene.served.as_(who) as client:
        return await client.post(
            f"/api/invitations/{code}/orders", json=body, headers={"Idempotency-Key": key}
        )


async def test_a_code_is_the_stores_and_made_once(shelf):
    made = (await make(shelf, shelf.guide)).json()
    assert made == (await make(shelf, shelf.manager)).json() == (await make(shelf, shelf.shop.owner)).json()
    assert made["url"] == f"https://shop.example/i/{made['code']}"
    shown = (await shelf.get(None, f"/api/invitations/{made['code']}")).json()
    assert (shown["product_id"], shown["room_id"], shown["title"]) == (
        str(shelf.shop.product_id),
        None,
        "Longjing",
    )
    assert (shown["store"]["name"], shown["guide"]) == ("Hangzhou", None)


async def test_a_code_leads_to_the_room_that_shows_the_product_and_the_store_carries_who_comes(shelf):
    code, shop = await code_of(shelf), shelf.shop
    opened = await shelf.get(None, f"/i/{code}")
    path, _, query = opened.headers["location"].partition("?")
    given = dict(part.split("=") for part in query.split("&"))
    assert (opened.status_code, path, given["p"]) == (302, f"/live/{shop.room_id}", str(shop.product_id))
    wang = await shop.member()
    await shelf.enter(wang)
    await shelf.touch(wang, given["i"])
    assert (await shelf.visit(wang)).store_id == shop.store_id
    again = await shelf.get(None, f"/i/{code}")
    assert again.headers["location"] == opened.headers["location"]


@pytest.mark.parametrize(
    ("state", "audience"), [("ended", "public"), ("planned", "public"), ("live", "members")]
)
async def test_without_a_room_for_everybody_it_leads_to_the_product_itself(shelf, state, audience):
    code = await code_of(shelf)
    await room_is(shelf.shop, state, audience)
    opened = await shelf.get(None, f"/i/{code}")
    assert opened.headers["location"] == f"/p/{shelf.shop.product_id}?i={code}"
    product = (await shelf.get(None, f"/api/invitations/{code}/product")).json()
    assert (product["title"], product["store"]["name"]) == ("Longjing", "Hangzhou")
    assert [(sku["price_minor"], sku["free"]) for sku in product["skus"]] == [(9900, 1000)]


async def test_an_order_at_the_shelf_has_no_room_and_its_store_the_credit(shelf):
    shop, code = shelf.shop, await code_of(shelf)
    async with shop.database.transaction() as session:
        await stock.adjust(session, shop.brand_id, shop.sku_id, Pool.STORE, shop.store_id, 2, uuid7())
    wang = await shop.member()
    placed = await order(shelf, wang, code, price_minor=9900)
    assert placed.status_code == 201, placed.text
    assert (await order(shelf, wang, code, price_minor=9900)).json() == placed.json()
    order_id = placed.json()["order_id"]
    await shelf.pay(wang, order_id)
    credit = await shelf.credit(order_id)
    assert (credit.store.name, credit.guide, credit.net_minor) == ("Hangzhou", None, 9900)
    async with shop.database.transaction() as session:
        free = await stock.free(session, [shop.sku_id], [(Pool.STORE, shop.store_id)])
        room = await session.execute(text("SELECT room_id FROM orders WHERE id = :id"), {"id": order_id})
        assert (free[shop.sku_id], room.scalar_one()) == (1, None)
    assert {name: rows for name, rows in (await shelf.broken()).items() if rows} == {}


async def test_what_is_not_the_codes_product_is_not_sold_there(shelf):
    shop, code = shelf.shop, await code_of(shelf)
    wang = await shop.member()
    rival = await (await Shop.open(shop.database)).member()
    assert (await order(shelf, wang, code, sku_id=str(uuid7()))).json()["slug"] == "invalid"
    assert (await order(shelf, wang, code, "b", price_minor=9800)).json()["slug"] == "price-changed"
    assert (await order(shelf, wang, code, "c", quantity=0)).status_code == 422
    assert (await order(shelf, rival, code)).status_code == 404
    assert (await order(shelf, None, code)).status_code == 401
    room_code = await shelf.invite(shelf.guide)
    for no_such in (room_code, "AAAAAAAAAAAAAA", code[:-1] + ("A" if code[-1] != "A" else "B")):
        assert (await order(shelf, wang, no_such)).status_code == 404
        for path in ("product", "card.png"):
            assert (await shelf.get(None, f"/api/invitations/{no_such}/{path}")).status_code == 404


async def test_only_who_is_of_the_store_or_runs_the_brand_makes_its_codes(shelf):
    shop = shelf.shop
    finance = await shelf.hire(Role.FINANCE, None, "Fin")
    for by, status in ((shelf.other_guide, 404), (finance, 403), (await shop.member(), 403), (None, 401)):
        assert (await make(shelf, by)).status_code == status
    assert (await make(shelf, shop.owner, product_id=uuid7())).status_code == 404
    assert (await make(shelf, shop.owner, store_id=uuid7())).status_code == 404
    rival = await Shop.open(shop.database)
    assert (await make(shelf, rival.owner)).status_code == 404
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE store SET closed_at = now() WHERE id = :id"), {"id": shop.store_id}
        )
    assert (await make(shelf, shop.owner)).status_code == 422


async def test_the_card_to_print_is_a_picture(shelf):
    code = await code_of(shelf)
    card = await shelf.get(None, f"/api/invitations/{code}/card.png", language="en")
    assert card.headers["content-type"] == "image/png"
    with Image.open(BytesIO(card.content)) as picture:
        assert picture.size == (750, 1000)
