"""Regions over HTTP: made by name, chosen by id, and stores found by them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.kit.ids import uuid7
from server.kit.principal import Role
from tests.server.brands.desk import Desk


async def _regions(desk: Desk, by: str) -> dict[str, int]:
    listed = (await desk.ask("GET", "/api/regions", by=by)).json()["items"]
    return {region["name"]: region["stores"] for region in listed}


async def _store(desk: Desk, by: str, **body: Any) -> dict[str, Any]:
    made = await desk.ask("POST", "/api/stores", by=by, json={"name": "Store", **body})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def test_a_region_that_is_named_is_made_once_and_shown_by_name(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    stores = [await _store(desk, owner, region=" 华东 ") for _ in range(2)]
    assert {store["region"] for store in stores} == {"华东"}
    assert stores[0]["region_id"] == stores[1]["region_id"]
    assert await _regions(desk, owner) == {"华东": 2}


async def test_the_same_region_named_at_once_is_one(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = await asyncio.gather(*(_store(desk, owner, region="华东") for _ in range(5)))
    assert len({store["region_id"] for store in made}) == 1


async def test_a_store_moves_to_another_region_and_out_of_any(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    store = await _store(desk, owner, region="华东")
    north = (await desk.ask("POST", "/api/regions", by=owner, json={"name": "华北"})).json()
    path = f"/api/stores/{store['store_id']}"
    moved = (await desk.ask("PATCH", path, by=owner, json={"region_id": north["region_id"]})).json()
    assert (moved["region"], moved["region_id"]) == ("华北", north["region_id"])
    kept = (await desk.ask("PATCH", path, by=owner, json={"name": "Other"})).json()
    assert kept["region"] == "华北"
    for out in ({"region_id": None}, {"region": ""}):
        await desk.ask("PATCH", path, by=owner, json={"region": "华东"})
        left = (await desk.ask("PATCH", path, by=owner, json=out)).json()
        assert (left["region"], left["region_id"]) == ("", None)


async def test_a_region_is_renamed_for_all_its_stores_and_never_twice_in_a_brand(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    store = await _store(desk, owner, region="East")
    await _store(desk, owner, region="North")
    path = f"/api/regions/{store['region_id']}"
    renamed = await desk.ask("PATCH", path, by=owner, json={"name": "华东"})
    assert renamed.json() == {"region_id": store["region_id"], "name": "华东", "stores": 1}
    shown = await desk.ask("GET", f"/api/stores/{store['store_id']}", by=owner)
    assert shown.json()["region"] == "华东"
    for method, where in (("PATCH", path), ("POST", "/api/regions")):
        taken = await desk.ask(method, where, by=owner, json={"name": "North"})
        assert (taken.status_code, taken.json()["slug"]) == (409, "region-taken")


async def test_stores_are_found_by_region_and_words_and_come_in_pages(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    east = (await _store(desk, owner, name="Hangzhou", code="HZ01", region="East"))["region_id"]
    for name, code in (("Suzhou", "SZ01"), ("Ningbo", "NB01")):
        await _store(desk, owner, name=name, code=code, region="East", address="West Road")
    closed = await _store(desk, owner, name="Beijing", code="BJ01", region="North")
    await desk.ask("PATCH", f"/api/stores/{closed['store_id']}", by=owner, json={"closed": True})

    async def found(**query: Any) -> list[str]:
        listed = (await desk.ask("GET", "/api/stores", by=owner, params=query)).json()
        return [store["name"] for store in listed["items"]]

    assert await found() == ["Beijing", "Hangzhou", "Ningbo", "Suzhou"]
    assert await found(region_id=east) == ["Hangzhou", "Ningbo", "Suzhou"]
    assert await found(q="zhou") == ["Hangzhou", "Suzhou"]
    assert await found(q="nb") == ["Ningbo"]
    assert await found(q="west road", region_id=east) == ["Ningbo", "Suzhou"]
    assert await found(closed=True) == ["Beijing"]
    assert await found(q="\x00%") == []
    pages, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await desk.ask("GET", "/api/stores", by=owner, params=query)).json()
        pages.append([store["name"] for store in page["items"]])
        if (cursor := page["next"]) is None:
            break
    assert pages == [["Beijing", "Hangzhou", "Ningbo"], ["Suzhou"]]


async def test_regions_are_headquarters_and_of_one_brand(desk: Desk) -> None:
    brand_id, other_brand = await desk.brand(), await desk.brand("Other")
    store = await desk.store(brand_id)
    owner, other = await desk.staff(brand_id), await desk.staff(other_brand)
    manager = await desk.staff(brand_id, Role.MANAGER, store_id=store.id)
    finance = await desk.staff(brand_id, Role.FINANCE)
    region = (await desk.ask("POST", "/api/regions", by=owner, json={"name": "East"})).json()
    path = f"/api/regions/{region['region_id']}"
    assert await _regions(desk, finance) == {"East": 0}
    assert await _regions(desk, other) == {}
    assert (await desk.ask("GET", "/api/regions", by=manager)).status_code == 403
    assert (await desk.ask("PATCH", path, by=finance, json={"name": "x"})).status_code == 403
    assert (await desk.ask("PATCH", path, by=other, json={"name": "x"})).status_code == 404
    theirs = await desk.ask(
        "POST", "/api/stores", by=other, json={"name": "x", "region_id": region["region_id"]}
    )
    assert theirs.status_code == 422
    found = await desk.ask("GET", "/api/stores", by=other, params={"region_id": region["region_id"]})
    assert found.json()["items"] == []


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": "x" * 41}, {"name": 1}, {}, {"name": "x", "more": 1}, []]
)
async def test_a_region_that_is_none_is_refused(desk: Desk, body: Any) -> None:
    owner = await desk.staff(await desk.brand())
    assert (await desk.ask("POST", "/api/regions", by=owner, json=body)).status_code == 422
    wrong = await desk.ask("POST", "/api/stores", by=owner, json={"name": "x", "region_id": str(uuid7())})
    assert wrong.status_code == 422


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"cursor": "x"}, {"region_id": "x"}])
async def test_a_list_of_stores_that_is_asked_for_wrongly_is_refused(desk: Desk, query: Any) -> None:
    owner = await desk.staff(await desk.brand())
    assert (await desk.ask("GET", "/api/stores", by=owner, params=query)).status_code == 422
