"""Staff by phone: onto a store's list, back again, and by asking."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, func, select

from server.accounts import joining
from server.accounts.joining_routes import TRIES_FROM_ADDRESS
from server.accounts.models import Account, JoinRequest
from server.accounts.service import NewAccount, create_account
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.members import phones
from server.stores.models import Store
from tests.server.brands.desk import PASSWORD, Desk

PHONE = "138 0013 8000"
NUMBER = "+8613800138000"


async def _code(desk: Desk, phone: str = PHONE) -> str:
    sent = await desk.ask("POST", "/api/staff/phone-codes", json={"phone": phone})
    assert sent.status_code == 202, sent.text
    return sent.json()["demo_code"]  # type: ignore[no-any-return]


async def _enter(desk: Desk, code: str, phone: str = PHONE, **body: Any) -> httpx.Response:
    return await desk.ask("POST", "/api/staff/phone-sessions", json={"phone": phone, "code": code, **body})


async def _ask(desk: Desk, code: str, store: str, phone: str = PHONE, **body: Any) -> httpx.Response:
    asked = {"phone": phone, "code": code, "store_code": store, "name": "小新", **body}
    return await desk.ask("POST", "/api/staff/join-requests", json=asked)


async def _listed(desk: Desk, brand_id: UUID, store: Store | None, phone: str = PHONE) -> Account:
    role = Role.GUIDE if store else Role.DISTRIBUTOR
    new = NewAccount(name="Mei", role=role, phone=phone, store_id=store.id if store else None)
    async with desk.database.transaction() as session:
        return await create_account(session, brand_id, new)


def _slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["slug"]


async def test_who_is_on_the_list_joins_by_store_code_and_comes_back_by_phone(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    account = await _listed(desk, brand_id, store)
    joined = await _enter(desk, await _code(desk), store_code=f" {store.code.lower()} ")
    assert joined.status_code == 200, joined.text
    shown = joined.json()["account"]
    assert (shown["account_id"], shown["joined"], shown["phone"]) == (str(account.id), True, NUMBER)
    assert "showfloor_staff" in joined.headers["set-cookie"]
    assert (await desk.ask("GET", "/api/session", by=joined.json()["token"])).status_code == 200
    desk.watch.forward(minutes=2)
    back = await _enter(desk, await _code(desk))
    assert back.json()["account"]["account_id"] == str(account.id)


async def test_a_code_is_good_once(desk: Desk) -> None:
    brand_id = await desk.brand()
    await _listed(desk, brand_id, await desk.store(brand_id))
    code = await _code(desk)
    assert (await _enter(desk, code)).status_code == 200
    assert _slug(await _enter(desk, code)) == (410, "code-expired")


async def test_a_wrong_code_lets_nobody_in_and_a_viewers_code_is_none(desk: Desk) -> None:
    brand_id = await desk.brand()
    await _listed(desk, brand_id, await desk.store(brand_id))
    code = await _code(desk)
    assert _slug(await _enter(desk, f"{(int(code) + 1) % 10**6:06}")) == (422, "wrong-code")
    other = "13900139000"
    await _listed(desk, brand_id, await desk.store(brand_id), other)
    viewers = await desk.ask("POST", "/api/phone-codes", json={"phone": other})
    assert _slug(await _enter(desk, viewers.json()["demo_code"], other)) == (410, "code-expired")


async def test_an_unknown_store_and_an_unlisted_phone_get_the_same_answers(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    answers = []
    for phone, code_of_store in (("13800138001", store.code), ("13800138002", "NOWHERE")):
        sent = await desk.ask("POST", "/api/staff/phone-codes", json={"phone": phone})
        code = sent.json().pop("demo_code")
        refused = await _enter(desk, code, phone, store_code=code_of_store)
        asked = await _ask(desk, code, code_of_store, phone)
        answers.append((sent.status_code, refused.json(), asked.status_code, asked.content))
    assert answers[0] == answers[1]
    assert (answers[0][1]["slug"], answers[0][2]) == ("not-on-list", 202)
    async with desk.database.transaction() as session:
        assert (await session.exec(select(col(JoinRequest.phone)))).all() == ["+8613800138001"]


async def test_two_who_join_at_once_by_one_code_are_one_account_and_one_session(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    await _listed(desk, brand_id, store)
    code = await _code(desk)
    answers = await asyncio.gather(*(_enter(desk, code, store_code=store.code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]


async def test_who_asked_is_in_once_the_manager_admits_them_however_many_admit(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    manager = await desk.staff(brand_id, Role.MANAGER, store_id=store.id)
    owner = await desk.staff(brand_id)
    assert (await _ask(desk, await _code(desk), store.code)).status_code == 202
    listed = (await desk.ask("GET", "/api/join-requests", by=manager)).json()
    (request,) = listed["items"]
    assert (listed["count"], request["name"], request["phone"]) == (1, "小新", "+86138****8000")
    path = f"/api/join-requests/{request['request_id']}/admit"
    answers = await asyncio.gather(*(desk.ask("POST", path, by=by) for by in (manager, owner) * 3))
    assert {answer.status_code for answer in answers} == {204}
    async with desk.database.transaction() as session:
        (account,) = (await session.exec(select(Account).where(Account.phone == NUMBER))).all()
    assert (account.role, account.store_id, account.name) == ("guide", store.id, "小新")
    assert (await desk.ask("GET", "/api/join-requests", by=manager)).json()["count"] == 0
    desk.watch.forward(minutes=2)
    assert (await _enter(desk, await _code(desk))).status_code == 200
    refused = await desk.ask("POST", path.replace("admit", "refuse"), by=manager)
    assert _slug(refused) == (409, "request-decided")


async def test_asking_again_is_the_same_request(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    for name in ("小新", "小欣"):
        await _ask(desk, await _code(desk), store.code, name=name)
        desk.watch.forward(minutes=2)
    async with desk.database.transaction() as session:
        assert (await session.exec(select(col(JoinRequest.name)))).all() == ["小欣"]


async def test_requests_made_at_once_are_one(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    await _code(desk)

    async def ask(name: str) -> None:
        async with desk.database.transaction() as session:
            code = phones.PhoneCode(
                brand_id=joining.CODES, phone=NUMBER, code_hash=b"", expires_at=desk.watch()
            )
            session.add(code)
            await session.flush()
            await joining.ask(session, NUMBER, code.id, store.code, name, desk.watch())

    await asyncio.gather(*(ask(f"小新{at}") for at in range(5)))
    async with desk.database.transaction() as session:
        assert (await session.exec(select(func.count()).select_from(JoinRequest))).one() == 1


async def test_who_was_refused_asks_in_vain_for_a_day(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    owner = await desk.staff(brand_id)

    async def asked() -> list[str]:
        assert (await _ask(desk, await _code(desk), store.code)).status_code == 202
        listed = (await desk.ask("GET", "/api/join-requests", by=owner)).json()["items"]
        return [request["request_id"] for request in listed]

    (request_id,) = await asked()
    path = f"/api/join-requests/{request_id}/refuse"
    assert (await desk.ask("POST", path, by=owner)).status_code == 204
    desk.watch.forward(hours=2)
    assert await asked() == []
    assert _slug(await _enter(desk, await _code_later(desk))) == (403, "not-on-list")
    desk.watch.forward(hours=23)
    owner = await desk.staff(brand_id)
    assert len(await asked()) == 1


async def _code_later(desk: Desk) -> str:
    desk.watch.forward(minutes=2)
    return await _code(desk)


async def test_who_is_turned_off_comes_in_no_way(desk: Desk) -> None:
    brand_id = await desk.brand()
    store, owner = await desk.store(brand_id), await desk.staff(brand_id)
    account = await _listed(desk, brand_id, store)
    token = (await _enter(desk, await _code(desk))).json()["token"]
    await desk.ask("POST", f"/api/accounts/{account.id}/disable", by=owner)
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401
    code = await _code_later(desk)
    assert _slug(await _enter(desk, code)) == (403, "account-off")
    assert _slug(await _enter(desk, code, store_code=store.code)) == (403, "account-off")
    assert (await _ask(desk, code, store.code)).status_code == 202
    assert (await desk.ask("GET", "/api/join-requests", by=owner)).json()["count"] == 0


async def test_who_is_on_two_brands_lists_says_which_by_the_same_code(desk: Desk) -> None:
    places = {}
    for name in ("One", "Two"):
        brand_id = await desk.brand(name)
        places[name] = brand_id
        await _listed(desk, brand_id, await desk.store(brand_id))
    code = await _code(desk)
    asked = await _enter(desk, code)
    assert _slug(asked) == (409, "choose-brand")
    assert {one["name"]: one["brand_id"] for one in asked.json()["brands"]} == {
        name: str(brand_id) for name, brand_id in places.items()
    }
    chosen = await _enter(desk, code, brand_id=str(places["Two"]))
    assert chosen.json()["account"]["brand"]["name"] == "Two"
    desk.watch.forward(minutes=2)
    other = await desk.brand("Three")
    assert _slug(await _enter(desk, await _code(desk), brand_id=str(other))) == (403, "not-on-list")


async def test_a_store_code_that_two_brands_have_asks_which(desk: Desk) -> None:
    brands = [await desk.brand("One"), await desk.brand("Two")]
    for brand_id in brands:
        owner = await desk.staff(brand_id)
        await desk.ask("POST", "/api/stores", by=owner, json={"name": "First", "code": "1"})
    code = await _code(desk)
    assert _slug(await _ask(desk, code, "1")) == (409, "choose-brand")
    assert (await _ask(desk, code, "1", brand_id=str(brands[1]))).status_code == 202
    async with desk.database.transaction() as session:
        assert (await session.exec(select(col(JoinRequest.brand_id)))).all() == [brands[1]]


async def test_a_closed_store_takes_nobody(desk: Desk) -> None:
    brand_id = await desk.brand()
    store, owner = await desk.store(brand_id), await desk.staff(brand_id)
    await _ask(desk, await _code(desk), store.code)
    await desk.ask("PATCH", f"/api/stores/{store.id}", by=owner, json={"closed": True})
    (request,) = (await desk.ask("GET", "/api/join-requests", by=owner)).json()["items"]
    admitted = await desk.ask("POST", f"/api/join-requests/{request['request_id']}/admit", by=owner)
    assert admitted.status_code == 422
    late = await _ask(desk, await _code(desk, "13800138009"), store.code, "13800138009")
    assert late.status_code == 202
    assert (await desk.ask("GET", "/api/join-requests", by=owner)).json()["count"] == 1


async def test_requests_are_for_the_stores_manager_and_headquarters(desk: Desk) -> None:
    brand_id = await desk.brand()
    store, other = await desk.store(brand_id), await desk.store(brand_id, "Suzhou")
    await _ask(desk, await _code(desk), store.code)
    owner = await desk.staff(brand_id)
    (request,) = (await desk.ask("GET", "/api/join-requests", by=owner)).json()["items"]
    assert request["phone"] == NUMBER
    path = f"/api/join-requests/{request['request_id']}"
    neighbour = await desk.staff(brand_id, Role.MANAGER, store_id=other.id)
    stranger = await desk.staff(await desk.brand("Other"))
    for by in (neighbour, stranger):
        query = {"store_id": str(store.id)}
        listed = await desk.ask("GET", "/api/join-requests", by=by, params=query)
        assert (listed.json()["items"], listed.json()["count"]) == ([], 0)
        for act in ("admit", "refuse"):
            assert (await desk.ask("POST", f"{path}/{act}", by=by)).status_code == 404
    guide = await desk.staff(brand_id, Role.GUIDE, store_id=store.id)
    outside = await desk.staff(brand_id, Role.DISTRIBUTOR)
    finance = await desk.staff(brand_id, Role.FINANCE)
    for by in (guide, outside, finance):
        assert (await desk.ask("GET", "/api/join-requests", by=by)).status_code == 403
        assert (await desk.ask("POST", f"{path}/admit", by=by)).status_code == 404
    assert (await desk.ask("POST", f"/api/join-requests/{uuid7()}/admit", by=owner)).status_code == 404


async def test_somebody_put_on_the_list_meanwhile_is_admitted_as_they_are(desk: Desk) -> None:
    brand_id = await desk.brand()
    store, other = await desk.store(brand_id), await desk.store(brand_id, "Suzhou")
    owner = await desk.staff(brand_id)
    await _ask(desk, await _code(desk), store.code)
    account = await _listed(desk, brand_id, other)
    (request,) = (await desk.ask("GET", "/api/join-requests", by=owner)).json()["items"]
    path = f"/api/join-requests/{request['request_id']}"
    await desk.ask("POST", f"/api/accounts/{account.id}/disable", by=owner)
    assert _slug(await desk.ask("POST", f"{path}/admit", by=owner)) == (409, "phone-taken")
    await desk.ask("POST", f"/api/accounts/{account.id}/enable", by=owner)
    assert (await desk.ask("POST", f"{path}/admit", by=owner)).status_code == 204
    async with desk.database.transaction() as session:
        (kept,) = (await session.exec(select(Account).where(Account.phone == NUMBER))).all()
    assert (kept.id, kept.store_id) == (account.id, other.id)


async def test_codes_are_as_few_as_viewers_have(desk: Desk) -> None:
    await desk.brand()
    await _code(desk)
    again = await desk.ask("POST", "/api/staff/phone-codes", json={"phone": PHONE})
    assert again.status_code == 429
    for _ in range(phones.CODES_AN_HOUR - 1):
        desk.watch.forward(minutes=2)
        await _code(desk)
    desk.watch.forward(minutes=2)
    assert (await desk.ask("POST", "/api/staff/phone-codes", json={"phone": PHONE})).status_code == 429


async def test_tries_that_lead_nowhere_are_counted_by_address(desk: Desk) -> None:
    await desk.brand()
    answers = [(await _enter(desk, "000000")).status_code for _ in range(TRIES_FROM_ADDRESS + 1)]
    assert answers[-1] == 429
    assert 429 not in answers[:-1]


async def test_a_first_login_and_password_stand_beside_the_phone(desk: Desk) -> None:
    brand_id = await desk.brand()
    await _listed(desk, brand_id, await desk.store(brand_id))
    await desk.account(brand_id, login="taken")
    token = (await _enter(desk, await _code(desk))).json()["token"]
    chosen = {"login": "mei", "password": PASSWORD}
    taken = await desk.ask("PUT", "/api/session/login", by=token, json={**chosen, "login": "taken"})
    assert _slug(taken) == (409, "login-taken")
    done = await desk.ask("PUT", "/api/session/login", by=token, json=chosen)
    assert (done.status_code, done.json()["account"]["login"]) == (200, "mei")
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401
    assert (await desk.ask("POST", "/api/session", json=chosen)).status_code == 200
    again = await desk.ask("PUT", "/api/session/login", by=done.json()["token"], json=chosen)
    assert again.status_code == 401
    assert (await _enter(desk, await _code_later(desk))).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("phone-codes", {}),
        ("phone-codes", {"phone": "12"}),
        ("phone-codes", {"phone": None}),
        ("phone-codes", {"phone": PHONE, "more": 1}),
        ("phone-sessions", {"phone": PHONE}),
        ("phone-sessions", {"phone": PHONE, "code": 1}),
        ("phone-sessions", {"phone": "x", "code": "000000"}),
        ("phone-sessions", {"phone": PHONE, "code": "000000", "brand_id": "x"}),
        ("phone-sessions", []),
        ("join-requests", {"phone": PHONE, "code": "000000", "store_code": "1"}),
        ("join-requests", {"phone": PHONE, "code": "000000", "store_code": "x" * 401, "name": "x"}),
    ],
)
async def test_what_is_asked_wrongly_is_refused(desk: Desk, path: str, body: Any) -> None:
    assert (await desk.ask("POST", f"/api/staff/{path}", json=body)).status_code == 422


async def test_a_name_that_is_none_leaves_the_code_good(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    code = await _code(desk)
    assert (await _ask(desk, code, store.code, name=" ")).status_code == 422
    assert (await _ask(desk, code, store.code)).status_code == 202
