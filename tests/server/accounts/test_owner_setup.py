"""The one-time link of the first owner."""

from __future__ import annotations

import asyncio

import httpx
from sqlmodel import select

from server.accounts import service
from server.accounts.models import OwnerInvitation
from server.kit.principal import Role
from tests.server.brands.desk import PASSWORD, Desk


async def _link(desk: Desk) -> str | None:
    async with desk.database.transaction() as session:
        return await service.owner_setup_link(session, desk.settings)


async def _token(desk: Desk) -> str:
    link = await _link(desk)
    assert link is not None
    assert link.startswith("https://shop.example/setup/")
    return link.rpartition("/")[2]


async def _use(desk: Desk, token: str, login: str = "owner") -> httpx.Response:
    body = {
        "token": token,
        "brand_name": "西湖茶庄",
        "store_name": "总店",
        "name": "Li",
        "login": login,
        "password": PASSWORD,
    }
    return await desk.ask("POST", "/api/setup", json=body)


async def test_the_link_makes_brand_store_and_owner_and_signs_in(desk: Desk) -> None:
    made = await _use(desk, await _token(desk))
    assert made.status_code == 201
    account, token = made.json()["account"], made.json()["token"]
    assert (account["role"], account["brand"]["name"]) == ("owner", "西湖茶庄")
    assert service.COOKIE in made.headers["set-cookie"]
    stores = (await desk.ask("GET", "/api/stores", by=token)).json()["items"]
    assert [store["name"] for store in stores] == ["总店"]


async def test_only_the_newest_link_is_good(desk: Desk) -> None:
    older, newer = await _token(desk), await _token(desk)
    refused = await _use(desk, older)
    assert (refused.status_code, refused.json()["slug"]) == (410, "setup-link-ended")
    assert (await _use(desk, newer)).status_code == 201


async def test_of_links_made_at_once_one_is_good(desk: Desk) -> None:
    tokens = await asyncio.gather(*(_token(desk) for _ in range(6)))
    answers = [await _use(desk, token, f"owner{i}") for i, token in enumerate(tokens)]
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410, 410, 410]
    async with desk.database.transaction() as session:
        assert len((await session.exec(select(OwnerInvitation))).all()) == 1


async def test_a_link_used_twice_at_once_makes_one_owner(desk: Desk) -> None:
    token = await _token(desk)
    answers = await asyncio.gather(*(_use(desk, token, f"owner{i}") for i in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410]


async def test_a_wrong_field_does_not_use_the_link_up(desk: Desk) -> None:
    token = await _token(desk)
    assert (await _use(desk, token, "no spaces allowed")).status_code == 422
    assert (await _use(desk, token)).status_code == 201


async def test_there_is_no_link_once_there_is_an_owner(desk: Desk) -> None:
    await desk.account(await desk.brand(), Role.HOST)
    assert await _link(desk) is not None
    await desk.account(await desk.brand(), Role.OWNER)
    assert await _link(desk) is None


async def test_a_link_ends_when_an_owner_came_another_way(desk: Desk) -> None:
    token = await _token(desk)
    await desk.account(await desk.brand(), Role.OWNER)
    assert (await _use(desk, token)).status_code == 410
