"""Stores over HTTP: who sees and keeps them."""

from __future__ import annotations

import asyncio

import pytest

from server.kit.principal import Role
from tests.server.brands.desk import Desk


async def test_headquarters_make_and_see_all_stores_of_their_brand(desk: Desk) -> None:
    brand_id = await desk.brand()
    await desk.store(await desk.brand("Other"))
    operator = await desk.staff(brand_id, Role.OPERATOR)
    body = {"name": "西湖店", "code": "HZ01", "region": "杭州", "address": "北山街 1 号"}
    made = await desk.ask("POST", "/api/stores", by=operator, json=body)
    assert made.status_code == 201
    assert {key: made.json()[key] for key in body} == body
    await desk.ask("POST", "/api/stores", by=operator, json={"name": "Annex"})
    finance = await desk.staff(brand_id, Role.FINANCE)
    listed = (await desk.ask("GET", "/api/stores", by=finance)).json()
    assert [store["name"] for store in listed["items"]] == ["Annex", "西湖店"]


async def test_store_staff_list_their_own_store_and_others_none(desk: Desk) -> None:
    brand_id = await desk.brand()
    own = await desk.store(brand_id)
    await desk.store(brand_id, "Suzhou")
    for role, seen in ((Role.MANAGER, [own.id]), (Role.GUIDE, [own.id]), (Role.HOST, [])):
        by = await desk.staff(brand_id, role, store_id=own.id if seen else None)
        listed = (await desk.ask("GET", "/api/stores", by=by)).json()["items"]
        assert [store["store_id"] for store in listed] == [str(store_id) for store_id in seen]


async def test_a_store_is_for_its_manager_and_headquarters(desk: Desk) -> None:
    brand_id, other_brand = await desk.brand(), await desk.brand("Other")
    store, other = await desk.store(brand_id), await desk.store(brand_id, "Suzhou")
    seen = {
        "owner": (await desk.staff(brand_id), 200),
        "finance": (await desk.staff(brand_id, Role.FINANCE), 200),
        "own manager": (await desk.staff(brand_id, Role.MANAGER, store_id=store.id), 200),
        "own guide": (await desk.staff(brand_id, Role.GUIDE, store_id=store.id), 404),
        "other manager": (await desk.staff(brand_id, Role.MANAGER, store_id=other.id), 404),
        "host": (await desk.staff(brand_id, Role.HOST), 404),
        "other owner": (await desk.staff(other_brand), 404),
        "viewer": ((await desk.guest(brand_id=str(brand_id)))[1], 403),
        "nobody": (None, 401),
    }
    answers = {
        who: (await desk.ask("GET", f"/api/stores/{store.id}", by=by)).status_code
        for who, (by, _) in seen.items()
    }
    assert answers == {who: status for who, (_, status) in seen.items()}


async def test_only_owner_and_operator_change_a_store(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    manager = await desk.staff(brand_id, Role.MANAGER, store_id=store.id)
    assert (
        await desk.ask("PATCH", f"/api/stores/{store.id}", by=manager, json={"name": "X"})
    ).status_code == 403
    owner = await desk.staff(brand_id)
    changed = await desk.ask("PATCH", f"/api/stores/{store.id}", by=owner, json={"address": " 1 Lake Road "})
    assert (changed.json()["name"], changed.json()["address"]) == ("Hangzhou", "1 Lake Road")
    other_owner = await desk.staff(await desk.brand("Other"))
    assert (
        await desk.ask("PATCH", f"/api/stores/{store.id}", by=other_owner, json={"name": "X"})
    ).status_code == 404


async def test_a_code_names_one_store_of_a_brand(desk: Desk) -> None:
    brand_id = await desk.brand()
    owner, other = await desk.staff(brand_id), await desk.staff(await desk.brand("Other"))
    body = {"name": "Hangzhou", "code": "HZ"}
    answers = await asyncio.gather(*(desk.ask("POST", "/api/stores", by=owner, json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {a.json()["slug"] for a in answers if a.status_code == 409} == {"store-code-taken"}
    assert (await desk.ask("POST", "/api/stores", by=other, json=body)).status_code == 201


async def test_viewers_choose_among_the_open_stores_of_their_brand(desk: Desk) -> None:
    brand_id = await desk.brand()
    await desk.store(await desk.brand("Other"), "Elsewhere")
    open_store, closed = await desk.store(brand_id), await desk.store(brand_id, "Suzhou")
    owner = await desk.staff(brand_id)
    shut = await desk.ask("PATCH", f"/api/stores/{closed.id}", by=owner, json={"closed": True})
    assert shut.json()["closed"] is True
    _, viewer = await desk.guest(brand_id=str(brand_id))
    shown = (await desk.ask("GET", "/api/pick-up-stores", by=viewer)).json()["items"]
    assert shown == [{"store_id": str(open_store.id), "name": "Hangzhou", "address": ""}]
    await desk.ask("PATCH", f"/api/stores/{closed.id}", by=owner, json={"closed": False})
    shown = (await desk.ask("GET", "/api/pick-up-stores", by=viewer)).json()["items"]
    assert [store["name"] for store in shown] == ["Hangzhou", "Suzhou"]
    assert (await desk.ask("GET", "/api/pick-up-stores", by=owner)).status_code == 403


async def test_nobody_is_hired_into_a_closed_store(desk: Desk) -> None:
    brand_id = await desk.brand()
    store, owner = await desk.store(brand_id), await desk.staff(brand_id)
    await desk.ask("PATCH", f"/api/stores/{store.id}", by=owner, json={"closed": True})
    body = {"name": "Li", "login": "li", "password": "12345678", "role": "guide", "store_id": str(store.id)}
    assert (await desk.ask("POST", "/api/accounts", by=owner, json=body)).status_code == 422


@pytest.mark.parametrize("body", [{"name": ""}, {"name": "x" * 25}, {"name": "A", "address": "x" * 201}, {}])
async def test_a_wrong_field_is_a_422(desk: Desk, body: dict[str, str]) -> None:
    owner = await desk.staff(await desk.brand())
    assert (await desk.ask("POST", "/api/stores", by=owner, json=body)).status_code == 422
