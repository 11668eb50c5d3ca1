"""Products over HTTP."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from sqlmodel import select

from server.catalog import service
from server.kit.ids import uuid7
from server.kit.outbox import OutboxRow
from server.kit.principal import Role
from server.stock import service as stock
from server.stock.rules import Pool
from tests.server.brands.desk import Desk

TEA = {
    "title": "西湖龙井",
    "description": "明前\n手工",
    "skus": [
        {"title": "250g", "price_minor": 9900, "was_minor": 12900, "stock": 12, "code": "LJ250"},
        {"title": "50g", "price_minor": 2900, "stock": 3},
    ],
}


async def _made(desk: Desk, by: str, product: Any = TEA) -> dict[str, Any]:
    made = await desk.ask("POST", "/api/products", by=by, json=product)
    assert made.status_code == 201, made.text
    return made.json()  # type: ignore[no-any-return]


async def _facts(desk: Desk, kind: str) -> list[dict[str, Any]]:
    async with desk.database.transaction() as session:
        rows = (await session.exec(select(OutboxRow).order_by("seq"))).all()
    return [row.body for row in rows if row.kind == kind]


def _picture(colour: str = "green") -> bytes:
    out = BytesIO()
    Image.new("RGB", (1000, 500), colour).save(out, "PNG")
    return out.getvalue()


async def test_a_product_comes_with_its_variants_and_their_stock(desk: Desk) -> None:
    brand_id = await desk.brand()
    owner = await desk.staff(brand_id)
    made = await _made(desk, owner)
    assert (made["title"], made["description"], made["image"]) == ("西湖龙井", "明前\n手工", None)
    assert [(s["title"], s["price_minor"], s["was_minor"]) for s in made["skus"]] == [
        ("250g", 9900, 12900),
        ("50g", 2900, None),
    ]
    assert made["skus"][0]["code"] == "LJ250"
    assert len(made["skus"][1]["code"]) == 10
    ids = [UUID(sku["sku_id"]) for sku in made["skus"]]
    async with desk.database.transaction() as session:
        free = await stock.free(session, ids, [(Pool.HEADQUARTERS, brand_id)])
    assert [free[sku_id] for sku_id in ids] == [12, 3]
    assert (await desk.ask("GET", f"/api/products/{made['product_id']}", by=owner)).json() == made


async def test_all_staff_see_products_but_only_owner_and_operator_make_them(desk: Desk) -> None:
    brand_id = await desk.brand()
    made = await _made(desk, await desk.staff(brand_id, Role.OPERATOR))
    for role in (Role.HOST, Role.FINANCE):
        by = await desk.staff(brand_id, role)
        assert (await desk.ask("POST", "/api/products", by=by, json=TEA)).status_code == 403
        assert (await desk.ask("GET", "/api/products", by=by)).json()["items"] == [made]


async def test_another_brands_product_is_not_there(desk: Desk) -> None:
    path = f"/api/products/{(await _made(desk, await desk.staff(await desk.brand())))['product_id']}"
    other = await desk.staff(await desk.brand("Other"))
    assert (await desk.ask("GET", path, by=other)).status_code == 404
    assert (await desk.ask("PATCH", path, by=other, json={"title": "Mine"})).status_code == 404
    assert (await desk.ask("PUT", f"{path}/image", by=other, content=_picture())).status_code == 404
    assert (await desk.ask("GET", "/api/products", by=other)).json()["items"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "x" * 81},
        {"skus": []},
        {"skus": [{"price_minor": -1}]},
        {"skus": [{"price_minor": 0}]},
        {"skus": [{"price_minor": 1, "stock": -1}]},
        {"skus": [{"price_minor": 29.9}]},
        {"skus": [{"price_minor": 10**12}]},
        {"colour": "green"},
    ],
)
async def test_a_wrong_field_is_a_422(desk: Desk, change: dict[str, Any]) -> None:
    owner = await desk.staff(await desk.brand())
    assert (await desk.ask("POST", "/api/products", by=owner, json={**TEA, **change})).status_code == 422


async def test_a_code_names_one_sku_of_a_brand_even_when_taken_at_once(desk: Desk) -> None:
    owner, other = await desk.staff(await desk.brand()), await desk.staff(await desk.brand("Other"))
    answers = await asyncio.gather(*(desk.ask("POST", "/api/products", by=owner, json=TEA) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert next(a for a in answers if a.status_code == 409).json()["codes"] == ["LJ250"]
    await _made(desk, other)


async def test_a_new_price_is_a_fact_and_the_same_price_is_none(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = await _made(desk, owner)
    path, sku = f"/api/products/{made['product_id']}", made["skus"][0]
    priced = {"skus": [{"sku_id": sku["sku_id"], "price_minor": 8800}]}
    for _ in range(2):
        changed = await desk.ask("PATCH", path, by=owner, json=priced)
        assert changed.json()["skus"][0]["price_minor"] == 8800
        assert changed.json()["skus"][0]["was_minor"] == 12900
    (fact,) = await _facts(desk, "catalog.prices_changed")
    (price,) = fact["prices"]
    assert (price["sku_id"], price["price_minor"], price["previous_minor"]) == (sku["sku_id"], 8800, 9900)
    bare = {"skus": [{"sku_id": sku["sku_id"], "was_minor": None}]}
    assert (await desk.ask("PATCH", path, by=owner, json=bare)).json()["skus"][0]["was_minor"] is None


async def test_a_change_that_names_a_strange_sku_changes_nothing(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = await _made(desk, owner)
    path = f"/api/products/{made['product_id']}"
    body = {"title": "New", "skus": [{"sku_id": str(uuid7()), "price_minor": 1}]}
    assert (await desk.ask("PATCH", path, by=owner, json=body)).status_code == 404
    assert (await desk.ask("GET", path, by=owner)).json() == made
    assert await _facts(desk, "catalog.product_changed") == []


async def test_a_variant_can_be_added(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = await _made(desk, owner)
    body = {"title": "500g", "price_minor": 18800, "stock": 5}
    added = await desk.ask("POST", f"/api/products/{made['product_id']}/skus", by=owner, json=body)
    assert added.status_code == 201
    assert [sku["title"] for sku in added.json()["skus"]] == ["250g", "50g", "500g"]
    (fact,) = await _facts(desk, "catalog.skus_added")
    assert fact["skus"] == [{"sku_id": added.json()["skus"][2]["sku_id"], "stock": 5}]


async def test_products_are_found_by_title_and_code_and_come_in_pages(desk: Desk) -> None:
    brand_id = await desk.brand()
    owner = await desk.staff(brand_id)
    async with desk.database.transaction() as session:
        for number in range(52):
            sku = service.SkuDraft(price_minor=100, code=f"C-{number:03}")
            await service.create_product(session, brand_id, f"Tea {number} 100%", [sku])

    async def titles(query: str) -> tuple[list[str], str | None]:
        found = (await desk.ask("GET", f"/api/products?{query}", by=owner)).json()
        return [item["title"] for item in found["items"]], found["next"]

    first, cursor = await titles("")
    assert (first[0], len(first)) == ("Tea 51 100%", 50)
    assert await titles(f"cursor={cursor}") == (["Tea 1 100%", "Tea 0 100%"], None)
    assert (await titles("q=tea 17"))[0] == ["Tea 17 100%"]
    assert (await titles("q=c-020"))[0] == ["Tea 20 100%"]
    assert (await titles("q=_"))[0] == []
    assert (await desk.ask("GET", "/api/products?cursor=x", by=owner)).status_code == 422


async def test_a_picture_is_shown_by_its_hash_and_kept_for_good(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = await _made(desk, owner)
    path = f"/api/products/{made['product_id']}/image"
    shown = await desk.ask("PUT", path, by=owner, content=_picture())
    image = await desk.ask("GET", shown.json()["image"])
    assert (image.status_code, image.headers["content-type"]) == (200, "image/webp")
    assert "immutable" in image.headers["cache-control"]
    assert Image.open(BytesIO(image.content)).size == (800, 400)
    unchanged = await desk.ask("GET", shown.json()["image"], headers={"if-none-match": image.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    again = await desk.ask("PUT", path, by=owner, content=_picture())
    assert again.json()["image"] == shown.json()["image"]
    assert len(await _facts(desk, "catalog.product_changed")) == 1


@pytest.mark.parametrize("name", ["0" * 64 + ".webp", "0" * 64, "x.webp", "0" * 64 + ".png", "..%2fsecret"])
async def test_a_picture_that_is_not_there_is_a_404(desk: Desk, name: str) -> None:
    assert (await desk.ask("GET", f"/images/{name}")).status_code == 404


async def test_a_file_that_is_no_picture_or_too_large_is_refused(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    path = f"/api/products/{(await _made(desk, owner))['product_id']}/image"
    assert (await desk.ask("PUT", path, by=owner, content=b"no picture")).json()[
        "slug"
    ] == "unreadable-picture"
    assert (await desk.ask("PUT", path, by=owner, content=b"\0" * (10 * 1024 * 1024 + 1))).status_code == 413


async def test_a_line_names_product_and_variant_and_is_the_brands_own(desk: Desk) -> None:
    brand_id = await desk.brand()
    tea = await _made(desk, await desk.staff(brand_id))
    asked = [UUID(tea["skus"][0]["sku_id"]), uuid7()]
    async with desk.database.transaction() as session:
        lines = await service.lines(session, brand_id, asked)
        assert await service.lines(session, uuid7(), asked) == {}
    assert [(line.title, line.price_minor) for line in lines.values()] == [("西湖龙井 · 250g", 9900)]
