"""A member's address book: their own, bounded, one default, and theirs still when they sign in."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from server.kit.ids import uuid7
from server.members import addresses, phones
from tests.server.brands.desk import Desk

HOME = {
    "name": "王小明",
    "phone": "139 0000 0001",
    "province": "浙江省",
    "city": "杭州市",
    "district": "西湖区",
    "detail": "文三路 1 号 2 单元",
}


@pytest.fixture
async def member(desk: Desk) -> tuple[UUID, str]:
    await desk.brand()
    return await desk.guest()


async def add(desk: Desk, by: str, **changes: Any) -> Any:
    return await desk.ask("POST", "/api/addresses", by=by, json=HOME | changes)


async def book(desk: Desk, by: str) -> list[dict[str, Any]]:
    return (await desk.ask("GET", "/api/addresses", by=by)).json()["items"]  # type: ignore[no-any-return]


async def test_the_first_address_is_the_default_until_another_takes_its_place(desk, member):
    _, token = member
    first, second = await add(desk, token), await add(desk, token, detail="2", is_default=True)
    assert (first.status_code, first.json()["is_default"]) == (201, True)
    assert first.json()["text"] == "浙江省 杭州市 西湖区 文三路 1 号 2 单元"
    assert first.json()["phone"] == "13900000001"
    assert {one["detail"]: one["is_default"] for one in await book(desk, token)} == {
        HOME["detail"]: False,
        "2": True,
    }
    path = f"/api/addresses/{second.json()['address_id']}"
    assert (await desk.ask("DELETE", path, by=token)).status_code == 204
    (left,) = await book(desk, token)
    assert left["is_default"]
    changed = await desk.ask(
        "PUT", f"/api/addresses/{left['address_id']}", by=token, json=HOME | {"city": "宁波市"}
    )
    assert (changed.json()["city"], changed.json()["is_default"]) == ("宁波市", True)


async def test_a_municipality_is_said_once(desk, member):
    _, token = member
    added = await add(desk, token, province="上海市", city="上海市", district="徐汇区", detail="1")
    assert added.json()["text"] == "上海市 徐汇区 1"


async def test_the_last_used_comes_first(desk, member):
    member_id, token = member
    ids = [(await add(desk, token, detail=str(n))).json()["address_id"] for n in range(3)]
    desk.watch.forward(hours=1)
    async with desk.database.transaction() as session:
        await addresses.use(session, member_id, UUID(ids[0]), desk.watch())
    assert (await book(desk, token))[0]["address_id"] == ids[0]


async def test_twenty_are_kept_however_fast_they_are_added_and_the_same_one_once(desk, member):
    _, token = member
    again = [(await add(desk, token)).json()["address_id"] for _ in range(2)]
    assert again[0] == again[1]
    answers = await asyncio.gather(*(add(desk, token, detail=str(n)) for n in range(22)))
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == 3
    assert {(a.status_code, a.json()["slug"], a.json()["most"]) for a in refused} == {
        (409, "too-many-addresses", 20)
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 25},
        {"phone": "call me"},
        {"phone": "12"},
        {"province": ""},
        {"city": ""},
        {"detail": "\u200b"},
        {"detail": "x" * 201},
        {"district": "x" * 41},
        {"street": "1"},
    ],
)
async def test_what_no_parcel_finds_is_refused(desk, member, wrong):
    _, token = member
    answer = await add(desk, token, **wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert await book(desk, token) == []


async def test_others_addresses_are_not_there(desk, member):
    _, token = member
    _, other = await desk.guest("Li")
    path = f"/api/addresses/{(await add(desk, token)).json()['address_id']}"
    assert (await desk.ask("PUT", path, by=other, json=HOME)).status_code == 404
    assert (await desk.ask("DELETE", path, by=other)).status_code == 404
    assert (await desk.ask("DELETE", f"/api/addresses/{uuid7()}", by=token)).status_code == 404
    assert await book(desk, other) == []
    assert (await desk.ask("GET", "/api/addresses")).status_code == 401
    assert len(await book(desk, token)) == 1


async def test_a_guests_addresses_are_the_members_after_signing_in(desk):
    brand_id = await desk.brand()
    guest_id, guest = await desk.guest()
    _, before = await desk.guest("Li")
    async with desk.database.transaction() as session:
        known = await phones.settle(session, brand_id, "+8613800138000", None)
    for detail in ("both", "guest"):
        await add(desk, guest, detail=detail, is_default=True)
    async with desk.database.transaction() as session:
        draft = addresses.Draft(**HOME | {"detail": "both", "is_default": True})
        await addresses.add(session, known.member.id, draft, desk.watch())
        await phones.settle(session, brand_id, "+8613800138000", guest_id)
        kept = await addresses.listing(session, known.member.id)
    assert sorted((one.detail, one.is_default) for one in kept) == [("both", True), ("guest", False)]
    assert await book(desk, before) == []
