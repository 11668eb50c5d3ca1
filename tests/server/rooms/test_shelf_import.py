"""A list of products onto a room's shelf, over HTTP: what lands where, what is named, what the same list does twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from sqlmodel import func, select

from server.catalog.models import Product, Sku
from server.catalog.sheet import MOST_BYTES
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.rooms.models import ShelfItem
from server.rooms.rules import SHELF_SIZE
from tests.server.rooms.floor import Floor, open_floor

LIST = """title,variant,price,stock,code
Mist tea,250 g,99.00,12,MT250
Honey,,39.90,8,
Mist tea,50 g,29.00,30,MT050
Bad row,,for free,1,
"""


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def sent(
    floor: Floor, text: str | bytes = LIST, by: Principal | None = None, room_id: UUID | None = None
) -> httpx.Response:
    body = text.encode() if isinstance(text, str) else text
    path = f"/api/rooms/{room_id or floor.stage.room_id}/shelf/import"
    return await floor.ask("POST", path, by or floor.stage.owner, content=body)


async def shelf_of(floor: Floor, room_id: UUID | None = None) -> list[str]:
    async with floor.stage.session() as session:
        titles = await session.exec(
            select(Product.title)
            .join(ShelfItem, ShelfItem.product_id == Product.id)
            .where(ShelfItem.room_id == (room_id or floor.stage.room_id))
            .order_by(ShelfItem.position)
        )
        return list(titles.all())


async def filled(floor: Floor, places: int) -> None:
    """The shelf, with so many places left."""
    brand_id, room_id = floor.stage.shop.brand_id, floor.stage.room_id
    products = [Product(brand_id=brand_id, title=f"Tea {n}") for n in range(SHELF_SIZE - 1 - places)]
    async with floor.stage.session() as session:
        session.add_all(products)
        await session.flush()
        for place, product in enumerate(products, start=1):
            session.add(Sku(brand_id=brand_id, product_id=product.id, code=f"{uuid7()}", price_minor=100))
            session.add(ShelfItem(room_id=room_id, product_id=product.id, position=place))


async def test_the_lists_products_go_last_in_its_order_and_the_bad_row_is_named(floor):
    done = await sent(floor)
    assert done.status_code == 201
    assert done.json() == {
        "rows": 4,
        "created": 3,
        "updated": 0,
        "unchanged": 0,
        "problems": [{"row": 5, "column": "price", "message": "an amount such as 29.90"}],
    }
    assert await shelf_of(floor) == ["Longjing", "Mist tea", "Honey"]


async def test_the_room_hears_once_of_its_whole_shelf(floor):
    async with floor.visitor(await floor.stage.shop.member()) as visitor:
        await visitor.hello()
        await sent(floor)
        told = await visitor.fact("shelf.changed")
    assert [(card["title"], [sku["free"] for sku in card["skus"]]) for card in told["shelf"]] == [
        ("Longjing", [1000]),
        ("Mist tea", [12, 30]),
        ("Honey", [8]),
    ]
    assert len(await floor.stage.facts("shelf.changed")) == 1


async def test_the_same_list_again_changes_nothing_and_tells_nobody(floor):
    await sent(floor)
    again = (await sent(floor)).json()
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 3)
    assert await shelf_of(floor) == ["Longjing", "Mist tea", "Honey"]
    assert len(await floor.stage.facts("shelf.changed")) == 1


async def test_the_same_list_sent_many_times_at_once_stands_there_once(floor):
    answers = await asyncio.gather(*(sent(floor) for _ in range(5)))
    assert sorted(answer.json()["created"] for answer in answers) == [0, 0, 0, 0, 3]
    assert await shelf_of(floor) == ["Longjing", "Mist tea", "Honey"]


async def test_what_stands_there_stays_where_it_is_and_its_new_price_is_told(floor):
    await sent(floor)
    done = await sent(floor, "title,variant,price,code\nCup,,5,\nMist tea,50 g,25,MT050\nLongjing,,88,LJ\n")
    assert (done.json()["created"], done.json()["updated"]) == (1, 2)
    assert await shelf_of(floor) == ["Longjing", "Mist tea", "Honey", "Cup"]
    last = (await floor.stage.facts("shelf.changed"))[-1]["shelf"]
    assert [card["price_minor"] for card in last] == [8800, 2500, 3990, 500]


async def test_products_of_another_rooms_list_are_shown_here_too_and_not_made_again(floor):
    room_id = await floor.stage.room()
    await sent(floor)
    reversed_rows = "title,price\nHoney,39.90\nLongjing,99\n"
    done = (await sent(floor, reversed_rows, room_id=room_id)).json()
    assert (done["created"], done["unchanged"], done["problems"]) == (0, 2, [])
    assert await shelf_of(floor, room_id) == ["Honey", "Longjing"]


async def test_rows_beyond_the_shelfs_end_are_named_and_make_no_product(floor):
    await filled(floor, places=1)
    done = (await sent(floor, LIST + "Longjing,,99,,LJ\n")).json()
    assert (done["rows"], done["created"], done["unchanged"]) == (5, 2, 1)
    full = f"the shelf holds {SHELF_SIZE} products; take some off, then import again"
    assert done["problems"][0] == {"row": 3, "column": "title", "message": full}
    shelf = await shelf_of(floor)
    assert (len(shelf), shelf[-1]) == (SHELF_SIZE, "Mist tea")
    async with floor.stage.session() as session:
        honeys = select(func.count()).where(
            Product.title == "Honey", Product.brand_id == floor.stage.shop.brand_id
        )
        assert (await session.exec(honeys)).one() == 0


async def test_whoever_runs_the_room_shows_products_but_the_catalogs_keepers_make_and_price_them(floor):
    stage = floor.stage
    room_id = await stage.room(store_id=stage.shop.store_id)
    rows = "title,price,code\nLongjing,99,LJ\nHoney,39.90,\n"
    for by in (stage.staff[Role.MANAGER], stage.staff[Role.GUIDE]):
        done = await sent(floor, rows, by, room_id)
        assert done.status_code == 201
        assert done.json()["problems"] == [
            {"row": 3, "column": "title", "message": "only an owner or operator adds products"}
        ]
    assert await shelf_of(floor, room_id) == ["Longjing"]
    cheap = await sent(floor, rows.replace("99", "1"), stage.host)
    assert cheap.json()["problems"][0] == {
        "row": 2,
        "column": "price",
        "message": "only an owner or operator changes prices",
    }
    assert await stage.facts("catalog.prices_changed") == await stage.facts("catalog.product_created") == []


async def test_only_who_may_furnish_the_room_imports(floor):
    stage = floor.stage
    barred = [
        (await stage.other_brand_owner(), 404),
        (await stage.shop.member(), 403),
        (stage.staff[Role.MODERATOR], 403),
        (stage.staff[Role.FINANCE], 403),
        (stage.staff[Role.MANAGER], 403),
        (stage.staff[Role.GUIDE], 403),
    ]
    for who, status in barred:
        assert (await sent(floor, by=who)).status_code == status, who.role
    assert (await sent(floor, room_id=uuid7())).status_code == 404
    nobody = await floor.ask("POST", f"/api/rooms/{stage.room_id}/shelf/import", content=LIST.encode())
    assert nobody.status_code == 401
    ended = await sent(floor, room_id=await stage.room(state="ended"))
    assert (ended.status_code, ended.json()["reason"]) == (409, "room-ended")
    assert await shelf_of(floor) == ["Longjing"]


async def test_a_file_that_is_no_list_is_refused_whole(floor):
    refused = await sent(floor, "hello\nworld\n")
    assert (refused.status_code, refused.json()["slug"]) == (422, "unreadable-sheet")
    assert refused.json()["missing"] == ["title", "price"]
    assert (await sent(floor, b"x" * (MOST_BYTES + 1))).status_code == 413
    assert await shelf_of(floor) == ["Longjing"]
