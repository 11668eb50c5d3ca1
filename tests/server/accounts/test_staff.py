"""The staff of a brand over HTTP."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest

from server.accounts import service
from server.accounts.models import Account
from server.kit.principal import Principal, Role
from tests.server.brands.desk import PASSWORD, Desk


def _new(role: Role, store_id: UUID | None = None, login: str = "wei") -> dict[str, str | None]:
    return {
        "name": "Wei",
        "login": login,
        "role": role.value,
        "password": PASSWORD,
        "store_id": str(store_id) if store_id else None,
    }


async def test_an_owner_makes_an_account_that_signs_in(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    made = await desk.ask("POST", "/api/accounts", by=owner, json=_new(Role.HOST))
    assert (made.status_code, made.json()["role"], made.json()["store"]) == (201, "host", None)
    signed_in = await desk.ask("POST", "/api/session", json={"login": "wei", "password": PASSWORD})
    assert signed_in.json()["account"]["account_id"] == made.json()["account_id"]


async def test_an_operator_makes_store_staff_only(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    operator = await desk.staff(brand_id, Role.OPERATOR)
    guide = await desk.ask("POST", "/api/accounts", by=operator, json=_new(Role.GUIDE, store.id))
    assert guide.status_code == 201
    for role in (Role.OWNER, Role.OPERATOR, Role.HOST, Role.FINANCE):
        refused = await desk.ask("POST", "/api/accounts", by=operator, json=_new(role, login=f"x-{role}"))
        assert refused.status_code == 403


async def test_store_staff_make_no_accounts(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    manager = await desk.staff(brand_id, Role.MANAGER, store_id=store.id)
    assert (
        await desk.ask("POST", "/api/accounts", by=manager, json=_new(Role.GUIDE, store.id))
    ).status_code == 403
    assert (await desk.ask("GET", "/api/accounts", by=manager)).status_code == 403
    assert (await desk.ask("GET", "/api/accounts")).status_code == 401


async def test_two_accounts_never_share_a_login(desk: Desk) -> None:
    owners = [await desk.staff(await desk.brand(name)) for name in ("One", "Two")]
    answers = await asyncio.gather(
        *(desk.ask("POST", "/api/accounts", by=by, json=_new(Role.HOST)) for by in owners)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert next(a for a in answers if a.status_code == 409).json()["slug"] == "login-taken"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "\u200b"},
        {"login": "a b"},
        {"password": "short"},
        {"role": "guide"},
        {"role": "king"},
        {"x": 1},
    ],
)
async def test_a_wrong_field_is_a_422(desk: Desk, change: dict[str, object]) -> None:
    owner = await desk.staff(await desk.brand())
    answer = await desk.ask("POST", "/api/accounts", by=owner, json={**_new(Role.HOST), **change})
    assert answer.status_code == 422


async def test_a_store_of_another_brand_is_no_store(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    other = await desk.store(await desk.brand("Other"))
    answer = await desk.ask("POST", "/api/accounts", by=owner, json=_new(Role.GUIDE, other.id))
    assert answer.status_code == 422


async def test_the_list_has_the_brands_own_staff_newest_first(desk: Desk) -> None:
    await desk.account(await desk.brand("Other"))
    brand_id = await desk.brand()
    owner, token = await desk.account(brand_id)
    host, _ = await desk.account(brand_id, Role.HOST)
    listed = (await desk.ask("GET", "/api/accounts", by=token)).json()
    assert [item["account_id"] for item in listed["items"]] == [str(host.id), str(owner.id)]
    assert listed["next"] is None


async def test_a_disabled_account_is_out_at_once_until_it_is_enabled(desk: Desk) -> None:
    brand_id = await desk.brand()
    owner = await desk.staff(brand_id)
    host, token = await desk.account(brand_id, Role.HOST, login="wei")
    disabled = await desk.ask("POST", f"/api/accounts/{host.id}/disable", by=owner)
    assert (disabled.status_code, disabled.json()["disabled"]) == (200, True)
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401
    assert (await _sign_in(desk)).status_code == 401
    assert (await desk.ask("POST", f"/api/accounts/{host.id}/enable", by=owner)).json()["disabled"] is False
    assert (await _sign_in(desk)).status_code == 200
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401


async def test_nobody_disables_themselves(desk: Desk) -> None:
    account, token = await desk.account(await desk.brand())
    refused = await desk.ask("POST", f"/api/accounts/{account.id}/disable", by=token)
    assert (refused.status_code, refused.json()["slug"]) == (409, "not-yourself")


async def test_two_owners_who_disable_each_other_at_once_leave_one(desk: Desk) -> None:
    async def disable(actor: Account, target: Account) -> None:
        principal = Principal(
            kind="staff", id=actor.id, brand_id=actor.brand_id, role=Role.OWNER, name=actor.name
        )
        async with desk.database.transaction() as session:
            await service.disable(session, principal, target.id, desk.watch())

    acts = []
    for _ in range(8):
        brand_id = await desk.brand()
        one, two = (await desk.account(brand_id))[0], (await desk.account(brand_id))[0]
        acts += [disable(one, two), disable(two, one)]
    results = await asyncio.gather(*acts, return_exceptions=True)
    kinds = [type(result).__name__ for result in results]
    assert [sorted(pair) for pair in zip(kinds[::2], kinds[1::2], strict=True)] == [
        ["LastOwner", "NoneType"]
    ] * 8


async def test_another_brands_account_is_not_there(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    other, _ = await desk.account(await desk.brand("Other"), Role.HOST)
    for act in ("disable", "enable"):
        assert (await desk.ask("POST", f"/api/accounts/{other.id}/{act}", by=owner)).status_code == 404


async def test_a_reset_password_ends_the_accounts_sessions(desk: Desk) -> None:
    brand_id = await desk.brand()
    me, owner = await desk.account(brand_id)
    host, token = await desk.account(brand_id, Role.HOST, login="wei")
    body = {"password": "new horse battery"}
    assert (
        await desk.ask("PUT", f"/api/accounts/{host.id}/password", by=owner, json=body)
    ).status_code == 204
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401
    assert (await _sign_in(desk, "new horse battery")).status_code == 200
    own = await desk.ask("PUT", f"/api/accounts/{me.id}/password", by=owner, json=body)
    assert own.json()["slug"] == "not-yourself"


async def test_a_stores_guides_are_for_its_manager_and_headquarters(desk: Desk) -> None:
    brand_id = await desk.brand()
    store, other = await desk.store(brand_id), await desk.store(brand_id, "Suzhou")
    owner = await desk.staff(brand_id)
    manager_account, manager = await desk.account(brand_id, Role.MANAGER, store_id=store.id, login="boss")
    guide_account, guide = await desk.account(brand_id, Role.GUIDE, store_id=store.id, login="guide")
    gone, _ = await desk.account(brand_id, Role.GUIDE, store_id=store.id, login="gone")
    await desk.ask("POST", f"/api/accounts/{gone.id}/disable", by=owner)
    stranger = await desk.staff(brand_id, Role.MANAGER, store_id=other.id)
    for by in (owner, manager):
        listed = (await desk.ask("GET", f"/api/stores/{store.id}/guides", by=by)).json()["items"]
        assert {item["account_id"] for item in listed} == {str(manager_account.id), str(guide_account.id)}
        assert set(listed[0]) == {"account_id", "name", "login", "role"}
    for by in (guide, stranger):
        assert (await desk.ask("GET", f"/api/stores/{store.id}/guides", by=by)).status_code == 404


async def _sign_in(desk: Desk, password: str = PASSWORD) -> httpx.Response:
    return await desk.ask("POST", "/api/session", json={"login": "wei", "password": password})


async def test_a_guide_moves_to_another_store(desk: Desk) -> None:
    brand_id = await desk.brand()
    old, new = await desk.store(brand_id), await desk.store(brand_id)
    owner = await desk.staff(brand_id)
    guide, token = await desk.account(brand_id, Role.GUIDE, store_id=old.id)
    moved = await _change(desk, owner, guide.id, {"store_id": str(new.id), "name": "Wei Li"})
    assert (moved.status_code, moved.json()["store"]["store_id"]) == (200, str(new.id))
    session = await desk.ask("GET", "/api/session", by=token)
    assert session.json()["account"]["store"]["store_id"] == str(new.id)
    assert session.json()["account"]["name"] == "Wei Li"


async def test_a_guide_becomes_the_manager_and_a_manager_leaves_the_stores(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    owner, operator = await desk.staff(brand_id), await desk.staff(brand_id, Role.OPERATOR)
    guide, _ = await desk.account(brand_id, Role.GUIDE, store_id=store.id)
    manager = await _change(desk, operator, guide.id, {"role": "manager"})
    assert (manager.json()["role"], manager.json()["store"]["store_id"]) == ("manager", str(store.id))
    assert (await _change(desk, operator, guide.id, {"role": "host", "store_id": None})).status_code == 403
    assert (await _change(desk, owner, guide.id, {"role": "host"})).status_code == 422
    host = await _change(desk, owner, guide.id, {"role": "host", "store_id": None})
    assert (host.json()["role"], host.json()["store"]) == ("host", None)


async def test_the_last_owner_stays_an_owner(desk: Desk) -> None:
    brand_id = await desk.brand()
    (one, by_one), (other, by_other) = await desk.account(brand_id), await desk.account(brand_id)
    assert (await _change(desk, by_one, one.id, {"role": "operator"})).json()["slug"] == "not-yourself"
    assert (await _change(desk, by_one, one.id, {"name": "Boss"})).json()["name"] == "Boss"
    answers = await asyncio.gather(
        _change(desk, by_one, other.id, {"role": "host"}), _change(desk, by_other, one.id, {"role": "host"})
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])


async def test_another_brands_account_and_store_are_not_there_to_change(desk: Desk) -> None:
    brand_id, elsewhere = await desk.brand(), await desk.brand("Elsewhere")
    owner, stranger = await desk.staff(brand_id), await desk.staff(elsewhere)
    guide, _ = await desk.account(brand_id, Role.GUIDE, store_id=(await desk.store(brand_id)).id)
    foreign = await desk.store(elsewhere)
    assert (await _change(desk, stranger, guide.id, {"name": "Mine"})).status_code == 404
    assert (await _change(desk, owner, guide.id, {"store_id": str(foreign.id)})).status_code == 422
    assert (await _change(desk, owner, guide.id, {"login": "x"})).status_code == 422


async def _change(desk: Desk, by: str, account_id: UUID, to: dict[str, object]) -> httpx.Response:
    return await desk.ask("PATCH", f"/api/accounts/{account_id}", by=by, json=to)
