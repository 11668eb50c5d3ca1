"""Units set aside for stores and rooms, over HTTP, and where orders take theirs from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from server.kit.ids import uuid7
from server.kit.principal import Role
from tests.server.rooms.floor import Floor, open_floor


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


HEADQUARTERS = {"pool": "headquarters"}


async def move(
    floor: Floor, source: Any, target: Any, quantity: Any = 5, key: str = "", by: Any = None
) -> httpx.Response:
    body = {"sku_id": str(floor.stage.shop.sku_id), "source": source, "target": target, "quantity": quantity}
    headers = {"Idempotency-Key": key or uuid7().hex}
    return await floor.ask("POST", "/api/stock/moves", by or floor.stage.owner, json=body, headers=headers)


def room_of(floor: Floor) -> dict[str, str]:
    return {"pool": "room", "id": str(floor.stage.room_id)}


def store_of(floor: Floor) -> dict[str, str]:
    return {"pool": "store", "id": str(floor.stage.shop.store_id)}


async def pools(floor: Floor) -> dict[str, tuple[int, int, int]]:
    answer = await floor.ask("GET", f"/api/skus/{floor.stage.shop.sku_id}/stock", floor.stage.owner)
    return {pool["pool"]: (pool["free"], pool["held"], pool["sold"]) for pool in answer.json()}


async def order(floor: Floor, quantity: int = 1, by: Any = None, key: str = "order") -> httpx.Response:
    buyer = by or await floor.stage.shop.member(brought_by_guide=True)
    body = {"lines": [{"sku_id": str(floor.stage.shop.sku_id), "quantity": quantity}]}
    headers = {"Idempotency-Key": key}
    path = f"/api/rooms/{floor.stage.room_id}/orders"
    placed = await floor.ask("POST", path, buyer, json=body, headers=headers)
    assert placed.status_code == 201, placed.text
    return placed


async def test_orders_take_from_the_room_then_the_store_then_headquarters(floor):
    assert (await move(floor, HEADQUARTERS, room_of(floor), 2)).status_code == 201
    assert (await move(floor, HEADQUARTERS, store_of(floor), 1)).status_code == 201
    assert await pools(floor) == {"headquarters": (997, 0, 0), "store": (1, 0, 0), "room": (2, 0, 0)}
    for _ in range(4):
        await order(floor)
    assert await pools(floor) == {"headquarters": (996, 1, 0), "store": (0, 1, 0), "room": (0, 2, 0)}


async def test_what_was_set_aside_for_a_room_goes_back_when_it_ends_and_after(floor):
    await move(floor, HEADQUARTERS, room_of(floor), 5)
    placed = await order(floor, 2)
    path = f"/api/rooms/{floor.stage.room_id}/state"
    assert (await floor.ask("POST", path, floor.stage.host, json={"action": "end"})).status_code == 200
    assert await pools(floor) == {"headquarters": (998, 0, 0), "room": (0, 2, 0)}
    cancel = f"/api/orders/{placed.json()['order_id']}/cancel"
    assert (await floor.ask("POST", cancel, floor.stage.owner)).status_code == 200
    for _ in range(100):
        if await pools(floor) == {"headquarters": (1000, 0, 0)}:
            return
    pytest.fail(f"{await pools(floor)}")


async def test_a_closed_store_gives_what_it_has_and_takes_nothing_more(floor):
    await move(floor, HEADQUARTERS, store_of(floor), 5)
    path = f"/api/stores/{floor.stage.shop.store_id}"
    closed = await floor.ask("PATCH", path, floor.stage.owner, json={"closed": True})
    assert closed.status_code == 200, closed.text
    assert (await move(floor, HEADQUARTERS, store_of(floor), 1)).status_code == 422
    assert (await move(floor, store_of(floor), HEADQUARTERS, 5)).status_code == 201
    assert await pools(floor) == {"headquarters": (1000, 0, 0)}


async def test_what_a_guide_from_outside_has_is_sold_by_them_before_headquarters(floor):
    outside = await floor.stage.hire(Role.DISTRIBUTOR)
    own = {"pool": "guide", "id": str(outside.id)}
    assert (await move(floor, HEADQUARTERS, own, 1)).status_code == 201
    invited = await floor.ask("POST", "/api/invitations", outside, json={"room_id": str(floor.stage.room_id)})
    buyer = await floor.stage.shop.member()
    touch = f"/api/invitations/{invited.json()['code']}/touches"
    assert (await floor.ask("POST", touch, buyer)).status_code == 201
    await order(floor)  # somebody else's customer
    assert await pools(floor) == {"headquarters": (998, 1, 0), "guide": (1, 0, 0)}
    await order(floor, by=buyer)
    await order(floor, by=buyer, key="again")
    assert await pools(floor) == {"headquarters": (997, 2, 0), "guide": (0, 1, 0)}


async def test_a_guide_who_left_gives_what_they_have_and_takes_nothing_more(floor):
    outside = await floor.stage.hire(Role.GROUP_OWNER)
    own = {"pool": "guide", "id": str(outside.id)}
    assert (await move(floor, HEADQUARTERS, own, 5)).status_code == 201
    left = await floor.ask("POST", f"/api/accounts/{outside.id}/disable", floor.stage.owner)
    assert left.is_success, left.text
    assert (await move(floor, HEADQUARTERS, own, 1)).status_code == 404
    assert (await move(floor, own, HEADQUARTERS, 5)).status_code == 201
    of_store = await floor.stage.hire(Role.GUIDE, store_id=floor.stage.shop.store_id)
    assert (await move(floor, HEADQUARTERS, {"pool": "guide", "id": str(of_store.id)})).status_code == 404


async def test_a_move_and_its_reverse_leave_everything_as_it_was(floor):
    before = await pools(floor)
    there = await move(floor, HEADQUARTERS, room_of(floor), 7)
    assert {pool["pool"]: pool["free"] for pool in there.json()} == {"headquarters": 993, "room": 7}
    assert (await move(floor, room_of(floor), HEADQUARTERS, 7)).status_code == 201
    assert await pools(floor) == before


async def test_a_move_happens_once_and_only_within_the_brand(floor):
    for _ in range(2):
        assert (await move(floor, HEADQUARTERS, store_of(floor), key="once")).status_code == 201
    assert (await pools(floor))["store"] == (5, 0, 0)
    assert (await move(floor, HEADQUARTERS, store_of(floor), 6, key="once")).status_code == 422
    refused = [
        (await move(floor, store_of(floor), room_of(floor), 6), 409),
        (await move(floor, store_of(floor), store_of(floor)), 422),
        (await move(floor, HEADQUARTERS, {"pool": "store"}), 422),
        (await move(floor, {"pool": "headquarters", "id": str(uuid7())}, store_of(floor)), 422),
        (await move(floor, HEADQUARTERS, {"pool": "store", "id": str(uuid7())}), 422),
        (await move(floor, HEADQUARTERS, {"pool": "room", "id": str(uuid7())}), 404),
        (await move(floor, HEADQUARTERS, {"pool": "sale", "id": str(uuid7())}), 422),
        (await move(floor, HEADQUARTERS, store_of(floor), 0), 422),
        (await move(floor, HEADQUARTERS, store_of(floor), -1), 422),
        (await move(floor, HEADQUARTERS, store_of(floor), by=floor.stage.staff[Role.MANAGER]), 403),
    ]
    assert [answer.status_code for answer, _ in refused] == [status for _, status in refused]
    assert await pools(floor) == {"headquarters": (995, 0, 0), "store": (5, 0, 0)}
