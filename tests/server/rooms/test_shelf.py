"""A product changes at headquarters, and the rooms that show it hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from server.catalog import service as catalog
from server.catalog.models import Product
from server.catalog.service import SkuChange, SkuDraft
from server.kit.ids import uuid7
from server.rooms import furnishing, service
from server.rooms.rules import Audience
from tests.server.rooms.floor import open_floor, pins_told
from tests.server.rooms.stage import NOON
from tests.server.rooms.test_running_a_room import put_product


@pytest.fixture
async def shown(stage):
    """The stage's product, pinned; and another on the shelf of a room that has ended."""
    async with stage.session() as session:
        await furnishing.pin(session, stage.host, stage.room_id, stage.shop.product_id, NOON)
    async with stage.session() as session:
        room = await service.create(
            session, stage.owner, title="Old", audience=Audience.PUBLIC, template=stage.room_id
        )
        room.state = "ended"


def pinned_prices(frame: dict[str, Any]) -> list[int]:
    return [card["price_minor"] for cards in pins_told(frame) for card in cards]


async def test_a_new_price_is_on_the_shelf_and_the_pin_of_rooms_that_are_on(stage, shown, redis_url):
    async with (
        open_floor(stage, redis_url) as floor,
        floor.visitor(await stage.shop.member()) as visitor,
    ):
        await visitor.hello()
        sku = {"sku_id": str(stage.shop.sku_id), "price_minor": 8800}
        path = f"/api/products/{stage.shop.product_id}"
        assert (await floor.ask("PATCH", path, stage.owner, json={"skus": [sku]})).status_code == 200
        assert [card["price_minor"] for card in (await visitor.fact("shelf.changed"))["shelf"]] == [8800]
        # The pin itself may be told only now, and comes before.
        await visitor.until(lambda frame: 8800 in pinned_prices(frame))
    assert len(await stage.facts("shelf.changed")) == 1


async def test_a_new_price_is_told_of_what_is_pinned_beside_another(stage, shown, redis_url):
    honey = await put_product(stage, "Honey")
    async with stage.session() as session:
        await furnishing.put_on_shelf(session, stage.host, stage.room_id, honey)
        await furnishing.pin(session, stage.host, stage.room_id, honey, NOON, beside=True)
    async with (
        open_floor(stage, redis_url) as floor,
        floor.visitor(await stage.shop.member()) as visitor,
    ):
        await visitor.hello()
        async with stage.session() as session:
            tea = await session.get(Product, stage.shop.product_id)
            await catalog.change_product(
                session, tea, skus=[SkuChange(sku_id=stage.shop.sku_id, price_minor=8800)]
            )
        await visitor.until(lambda frame: pinned_prices(frame) == [5000, 8800])


@pytest.mark.parametrize("change", ["title", "variant"])
async def test_a_new_title_and_a_new_variant_are_on_the_shelf(stage, shown, redis_url, change):
    async with (
        open_floor(stage, redis_url) as floor,
        floor.visitor(await stage.shop.member()) as visitor,
    ):
        await visitor.hello()
        async with stage.session() as session:
            product = await session.get(Product, stage.shop.product_id)
            if change == "title":
                await catalog.change_product(session, product, title="Biluochun")
            else:
                await catalog.add_skus(session, product, [SkuDraft(title="500 g", price_minor=100)])
        (card,) = (await visitor.fact("shelf.changed"))["shelf"]
    assert (card["title"], len(card["skus"])) == (("Biluochun", 1) if change == "title" else ("Longjing", 2))


async def test_a_product_that_nobody_shows_is_told_to_nobody(stage, redis_url):
    async with stage.session() as session:
        product = await catalog.create_product(
            session, stage.shop.brand_id, "Honey", [SkuDraft(price_minor=100, code=str(uuid7()))]
        )
    async with open_floor(stage, redis_url) as floor, floor.visitor(await stage.shop.member()) as visitor:
        await visitor.hello()
        async with stage.session() as session:
            (sku,) = await catalog.skus_of(session, [product.id])
            await catalog.change_product(session, product, skus=[SkuChange(sku_id=sku.id, price_minor=200)])
        async with stage.session() as session:  # a later fact, so that the earlier ones have been reacted to
            await furnishing.pin(session, stage.host, stage.room_id, stage.shop.product_id, NOON)
        await visitor.fact("room.pinned")
    assert await stage.facts("shelf.changed") == []
