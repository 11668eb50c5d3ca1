"""The demo survives its use: rooms that were ended, stock that was sold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import select

from live.room import End
from server.accounts import service as accounts
from server.accounts.models import Account
from server.demo.act import SALE_STOCK as VISITORS_STOCK
from server.demo.act import keep_sale
from server.demo.seed import MORE_STOCK, SALE_STOCK, seed
from server.kit.database import Database
from server.kit.settings import Settings
from server.rooms import service as rooms
from server.rooms import shelf
from server.rooms.models import Room
from tests.server.rooms.stage import settings_for


@pytest.fixture
async def database(database_url: str):
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return settings_for(database, "redis://unused", data=tmp_path, demo=True)


async def seeded(settings: Settings) -> dict[str, Any]:
    """The keys of a start."""
    await seed(settings)
    keys: dict[str, Any] = json.loads((settings.data / "demo.json").read_text())
    return keys


async def end(database: Database, room_id: str) -> None:
    async with database.transaction() as session:
        host = (await session.exec(select(Account).where(Account.login == "host"))).one()
        await rooms.direct(session, accounts.principal_of(host), room_id, End(), datetime.now(UTC))


async def test_a_start_after_the_room_was_ended_has_a_new_room_on_air(database, settings):
    first = await seeded(settings)
    assert (await seeded(settings))["room_id"] == first["room_id"]
    await end(database, first["room_id"])
    second = await seeded(settings)
    assert second["room_id"] != first["room_id"]
    assert second["flash_sale_id"] != first["flash_sale_id"]
    async with database.transaction() as session:
        room = await session.get(Room, second["room_id"])
        cards = await shelf.cards(session, room)
    assert (room.state, len(cards)) == ("live", 4)
    assert [str(product_id) for product_id in room.pinned_ids] == [second["product_id"]]


async def test_a_start_finds_stock_for_its_sale_after_all_was_sold(database, settings):
    first = await seeded(settings)
    await end(database, first["room_id"])
    async with database.transaction() as session:
        await session.execute(text("UPDATE stock_balance SET total = 0, free = 0"))
    await seeded(settings)
    async with database.transaction() as session:
        free = await session.execute(text("SELECT free FROM stock_balance WHERE free > 0 ORDER BY free"))
    assert list(free.scalars()) == [SALE_STOCK, MORE_STOCK - SALE_STOCK]


@pytest.mark.parametrize(("free", "comes_in"), [(VISITORS_STOCK, False), (VISITORS_STOCK - 1, True)])
async def test_the_visitors_sale_gets_more_stock_when_there_is_little(free, comes_in):
    asked: list[tuple[str, str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, request.content))
        sku = {"sku_id": "s", "price_minor": 100, "free": free}
        return httpx.Response(200, json={"shelf": [{"skus": [sku]}]} if "public" in request.url.path else [])

    keys = {"room_id": "r", "accounts": {"operator": {"token": "t"}}}
    async with httpx.AsyncClient(base_url="http://demo", transport=httpx.MockTransport(answer)) as web:
        await keep_sale(web, keys)
    posts = [path for method, path, _ in asked if method == "POST"]
    assert posts == [*(["/api/skus/s/stock"] if comes_in else []), "/api/rooms/r/flash-sales"]
