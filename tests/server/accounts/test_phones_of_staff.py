"""Staff with a phone, made and changed by headquarters, and found among many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.kit.principal import Role
from tests.server.brands.desk import PASSWORD, Desk

MEI = {"name": "Mei", "role": "distributor", "phone": "13800138000"}


async def test_somebody_is_made_with_a_phone_alone(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = await desk.ask("POST", "/api/accounts", by=owner, json=MEI)
    assert made.status_code == 201
    shown = made.json()
    assert (shown["phone"], shown["login"], shown["joined"]) == ("+8613800138000", None, False)
    path = f"/api/accounts/{shown['account_id']}/password"
    assert (await desk.ask("PUT", path, by=owner, json={"password": PASSWORD})).status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"phone": None},
        {"phone": "1"},
        {"login": "mei"},
        {"password": PASSWORD},
        {"phone": None, "login": "mei"},
        {"role": "boss"},
    ],
)
async def test_somebody_without_a_whole_way_in_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    owner = await desk.staff(await desk.brand())
    assert (await desk.ask("POST", "/api/accounts", by=owner, json=MEI | change)).status_code == 422


async def test_a_phone_is_one_persons_in_a_brand_however_many_take_it_at_once(desk: Desk) -> None:
    owner, other = await desk.staff(await desk.brand()), await desk.staff(await desk.brand("Other"))
    made = await asyncio.gather(*(desk.ask("POST", "/api/accounts", by=owner, json=MEI) for _ in range(4)))
    assert sorted(one.status_code for one in made) == [201, 409, 409, 409]
    assert {one.json()["slug"] for one in made if one.status_code == 409} == {"phone-taken"}
    assert (await desk.ask("POST", "/api/accounts", by=other, json=MEI)).status_code == 201
    second = await desk.ask("POST", "/api/accounts", by=owner, json=MEI | {"phone": "13800138001"})
    path = f"/api/accounts/{second.json()['account_id']}"
    taken = await desk.ask("PATCH", path, by=owner, json={"phone": MEI["phone"]})
    assert (taken.status_code, taken.json()["slug"]) == (409, "phone-taken")


async def test_two_who_are_given_one_phone_at_once_have_it_once(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    ids = []
    for at in range(4):
        body = MEI | {"phone": f"1380013800{at}"}
        ids.append((await desk.ask("POST", "/api/accounts", by=owner, json=body)).json()["account_id"])
    answers = await asyncio.gather(
        *(desk.ask("PATCH", f"/api/accounts/{one}", by=owner, json={"phone": "13900139000"}) for one in ids)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_another_phone_ends_the_sessions_of_the_old_one(desk: Desk) -> None:
    brand_id = await desk.brand()
    owner = await desk.staff(brand_id)
    account, token = await desk.account(brand_id, Role.GROUP_OWNER)
    path = f"/api/accounts/{account.id}"
    await desk.ask("PATCH", path, by=owner, json={"phone": "13800138000"})
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 200
    await desk.ask("PATCH", path, by=owner, json={"phone": "+86 138 0013 8000", "name": "Same"})
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 200
    await desk.ask("PATCH", path, by=owner, json={"phone": "13900139000"})
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401
    assert (await desk.ask("PATCH", path, by=owner, json={"phone": None})).json()["phone"] is None


async def test_the_only_way_in_is_not_taken_away(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = (await desk.ask("POST", "/api/accounts", by=owner, json=MEI)).json()
    refused = await desk.ask("PATCH", f"/api/accounts/{made['account_id']}", by=owner, json={"phone": None})
    assert refused.status_code == 422


async def test_an_operator_manages_guides_from_outside_and_gives_headquarters_no_phone(desk: Desk) -> None:
    brand_id = await desk.brand()
    operator = await desk.staff(brand_id, Role.OPERATOR)
    made = await desk.ask("POST", "/api/accounts", by=operator, json=MEI)
    assert made.status_code == 201
    host, _ = await desk.account(brand_id, Role.HOST)
    body = {"phone": "13900139000"}
    assert (await desk.ask("PATCH", f"/api/accounts/{host.id}", by=operator, json=body)).status_code == 403


async def test_people_are_found_by_name_login_phone_place_store_and_region(desk: Desk) -> None:
    brand_id = await desk.brand()
    await desk.account(brand_id, login="boss")
    by = await desk.staff(brand_id, Role.OPERATOR)
    east = (await desk.ask("POST", "/api/stores", by=by, json={"name": "HZ", "region": "East"})).json()
    for name, phone, store in (("Mei", "13800138000", east["store_id"]), ("Wen", "13800138001", None)):
        body = {"name": name, "phone": phone, "role": "guide" if store else "group_owner", "store_id": store}
        assert (await desk.ask("POST", "/api/accounts", by=by, json=body)).status_code == 201

    async def found(**query: Any) -> set[str]:
        listed = await desk.ask("GET", "/api/accounts", by=by, params=query)
        assert listed.status_code == 200, listed.text
        return {one["login"] or one["name"] for one in listed.json()["items"]}

    assert await found(q="me") == {"Mei"}
    assert await found(q="BOS") == {"boss"}
    assert await found(q="8001") == {"Wen"}
    assert await found(q="138 0013 8000") == {"Mei"}
    assert await found(place="stores") == {"Mei"}
    assert await found(place="outside") == {"Wen"}
    assert "boss" in await found(place="headquarters")
    assert not {"Mei", "Wen"} & await found(place="headquarters")
    assert await found(store_id=east["store_id"]) == {"Mei"}
    assert await found(region_id=east["region_id"]) == {"Mei"}
    assert await found(role="group_owner") == {"Wen"}
    assert await found(q="%\x00") == set()
    other = await desk.staff(await desk.brand("Other"))
    theirs = await desk.ask("GET", "/api/accounts", by=other, params={"store_id": east["store_id"]})
    assert theirs.json()["items"] == []
    for wrong in ({"place": "x"}, {"role": "x"}, {"store_id": "x"}, {"q": "x" * 101}):
        assert (await desk.ask("GET", "/api/accounts", by=by, params=wrong)).status_code == 422
