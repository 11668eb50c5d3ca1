"""Buying in a room, over HTTP: whom its audience takes, how often, and at the price that was shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from server.flash_sales.book import SaleBook
from server.kit.background import Background
from server.kit.principal import Principal
from server.members import limits
from server.tipping import service as tipping
from server.wallets import service as wallets
from server.wallets.rules import cash, of_member
from tests.server.rooms.floor import Floor, open_floor


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


@pytest.fixture
async def gift_id(stage) -> UUID:
    async with stage.session() as session:
        gift = await tipping.create_gift(
            session, stage.shop.brand_id, name="Rose", icon="🌹", price_minor=100
        )
    return gift.id


async def ask(floor: Floor, by: Principal, path: str, key: str = "tap", **body: Any) -> httpx.Response:
    path = f"/api/rooms/{floor.stage.room_id}/{path}"
    return await floor.ask("POST", path, by, json=body, headers={"Idempotency-Key": key})


async def order(floor: Floor, by: Principal, key: str = "tap", **line: Any) -> httpx.Response:
    return await ask(
        floor, by, "orders", key, lines=[{"sku_id": str(floor.stage.shop.sku_id), "quantity": 1, **line}]
    )


async def set_audience(floor: Floor, audience: str) -> None:
    room = f"/api/rooms/{floor.stage.room_id}"
    assert (await floor.ask("PATCH", room, floor.stage.host, json={"audience": audience})).status_code == 200


async def prove_phone(floor: Floor, member: Principal) -> None:
    async with floor.stage.session() as session:
        await session.execute(
            text("UPDATE member SET phone = :phone WHERE id = :id"),
            {"phone": f"+86138{member.id.int % 10**8:08d}", "id": member.id},
        )


async def fill_wallet(floor: Floor, member: Principal) -> None:
    brand_id = floor.stage.shop.brand_id
    async with floor.stage.session() as session:
        entries = [(of_member(member.id), 1000), (cash(brand_id), -1000)]
        await wallets.book(session, brand_id, "seed", f"seed:{member.id}", entries)


@pytest.mark.parametrize(("audience", "slug"), [("members", "members-only"), ("invited", "invited-only")])
async def test_whom_the_audience_does_not_take_neither_orders_nor_claims_nor_tips(
    floor, gift_id, audience, slug
):
    sale_id = await floor.stage.shop.sale(5)
    guest = await floor.stage.shop.member()
    await fill_wallet(floor, guest)
    await set_audience(floor, audience)

    async def tries() -> list[httpx.Response]:
        return [
            await order(floor, guest, "order"),
            await ask(floor, guest, f"flash-sales/{sale_id}/holds", "hold", quantity=1),
            await ask(floor, guest, "tips", "tip", gift_id=str(gift_id)),
        ]

    assert [(no.status_code, no.json()["slug"]) for no in await tries()] == [(403, slug)] * 3
    await prove_phone(floor, guest)
    async with floor.stage.session() as session:
        await session.execute(
            text(
                "INSERT INTO visit (room_id, member_id, brand_id, entered_at) VALUES (:room, :id, :brand, now())"
            ),
            {"room": floor.stage.room_id, "id": guest.id, "brand": guest.brand_id},
        )
    assert [yes.status_code for yes in await tries()] == [201] * 3


async def test_a_room_for_staff_is_not_there_for_buyers(floor, gift_id):
    guest = await floor.stage.shop.member()
    await set_audience(floor, "staff")
    assert (await order(floor, guest)).status_code == 404
    assert (await ask(floor, guest, "tips", gift_id=str(gift_id))).status_code == 404


async def test_a_sale_hears_within_seconds_that_its_rooms_audience_is_another(floor):
    now, background = [0.0], Background()
    sale_id = await floor.stage.shop.sale(5)
    book = SaleBook(floor.stage.database, background, lambda: now[0])
    assert (await book.look_up(sale_id)).audience == "public"
    await set_audience(floor, "members")
    assert (await book.look_up(sale_id)).audience == "public"
    now[0] = SaleBook.FRESH_S
    async with asyncio.timeout(20):
        while (await book.look_up(sale_id)).audience == "public":  # it is asked for meanwhile
            await asyncio.sleep(0.01)
    await background.stop()


async def test_one_address_places_so_many_orders_a_minute(floor, monkeypatch):
    monkeypatch.setattr(limits, "ORDERS_PER_MINUTE", 3)
    buyers = await floor.stage.shop.members(4)
    assert [(await order(floor, buyer)).status_code for buyer in buyers] == [201, 201, 201, 429]


async def test_a_price_that_is_another_now_is_told_and_nothing_is_ordered(floor):
    guest, sku_id = await floor.stage.shop.member(), str(floor.stage.shop.sku_id)
    refused = await order(floor, guest, price_minor=9800)
    assert (refused.status_code, refused.json()["slug"], refused.json()["prices"]) == (
        409,
        "price-changed",
        {sku_id: 9900},
    )
    assert (await order(floor, guest, price_minor=9900)).status_code == 201
    assert (await order(floor, guest, key="without")).status_code == 201
