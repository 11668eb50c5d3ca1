"""Flash sales at the staff's desk, over HTTP: made once, by whom, at which price, and in a room that is on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from server.kit.principal import Principal, Role
from tests.server.rooms.floor import Floor, open_floor


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def ask(
    floor: Floor, path: str = "", by: Principal | None = None, key: str | None = None, **body: Any
) -> httpx.Response:
    """Of the room's sales; with no `path` a new one."""
    new = {"sku_id": str(floor.stage.shop.sku_id), "price_minor": 2990, "stock": 5}
    return await floor.ask(
        "POST",
        f"/api/rooms/{floor.stage.room_id}/flash-sales{path}",
        by or floor.stage.host,
        json=body if path else new | body,
        headers={"Idempotency-Key": key} if key else {},
    )


async def at_headquarters(floor: Floor) -> int:
    async with floor.stage.session() as session:
        free = await session.execute(
            text("SELECT free FROM stock_balance WHERE pool_id = :id"), {"id": floor.stage.shop.brand_id}
        )
        return free.scalar_one()


async def test_a_sale_made_many_times_at_once_with_one_key_is_one_sale(floor):
    answers = await asyncio.gather(*(ask(floor, key="tap") for _ in range(5)))
    assert {(answer.status_code, answer.json()["sale_id"]) for answer in answers} == {
        (201, answers[0].json()["sale_id"])
    }
    assert await at_headquarters(floor) == 995
    other = await ask(floor, key="tap", stock=6)
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    assert (await ask(floor, key="another")).json()["sale_id"] != answers[0].json()["sale_id"]


async def test_a_sale_that_was_made_before_is_given_as_it_is_by_now(floor):
    sale_id = (await ask(floor, key="tap")).json()["sale_id"]
    assert (await ask(floor, f"/{sale_id}/close")).status_code == 200
    again = await ask(floor, key="tap")
    assert (again.status_code, again.json()["state"]) == (201, "closed")


async def test_more_stock_with_one_key_comes_once(floor):
    sale_id = (await ask(floor)).json()["sale_id"]
    for _ in range(2):
        more = await ask(floor, f"/{sale_id}/stock", key="tap", add=10)
        assert more.json()["lines"][0]["total"] == 15
    other = await ask(floor, f"/{sale_id}/stock", key="tap", add=20)
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    second = (await ask(floor)).json()["sale_id"]
    assert (await ask(floor, f"/{second}/stock", key="tap", add=10)).json()["lines"][0]["total"] == 15
    assert await at_headquarters(floor) == 1000 - 2 * 15


async def test_nothing_is_sold_for_nothing(floor):
    assert (await ask(floor, price_minor=0)).status_code == 422
    assert (await ask(floor, price_minor=1)).status_code == 201


async def test_no_sale_is_made_or_opened_in_a_room_that_has_ended(floor):
    sale_id = (await ask(floor, open=False)).json()["sale_id"]
    async with floor.stage.session() as session:
        await session.execute(
            text("UPDATE room SET state = 'ended' WHERE id = :id"), {"id": floor.stage.room_id}
        )
    for refused in (await ask(floor), await ask(floor, f"/{sale_id}/open")):
        assert (refused.status_code, refused.json()["slug"], refused.json()["reason"]) == (
            409,
            "wrong-state",
            "room-ended",
        )


async def test_a_host_sells_in_headquarters_rooms_and_not_in_a_stores_own(floor):
    stage = floor.stage
    sale_id = (await ask(floor, open=False)).json()["sale_id"]
    async with stage.session() as session:
        await session.execute(
            text("UPDATE room SET store_id = :store_id WHERE id = :id"),
            {"store_id": stage.shop.store_id, "id": stage.room_id},
        )
    for path in ("", f"/{sale_id}/open", f"/{sale_id}/close"):
        assert (await ask(floor, path)).status_code == 403
    listing = f"/api/rooms/{stage.room_id}/flash-sales"
    assert (await floor.ask("GET", listing, stage.host)).status_code == 403
    for by in (stage.owner, stage.staff[Role.MANAGER], stage.staff[Role.GUIDE]):
        assert (await floor.ask("GET", listing, by)).status_code == 200
    assert (await ask(floor, f"/{sale_id}/open", by=stage.staff[Role.MANAGER])).status_code == 200
