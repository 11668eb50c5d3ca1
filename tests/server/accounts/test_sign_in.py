"""Signing in and out over HTTP."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie

import pytest

from server.accounts import passwords
from server.accounts.service import COOKIE, SESSION_TTL
from server.kit.principal import Role
from tests.server.brands.desk import PASSWORD, Desk


def _body(login: str = "li", password: str = PASSWORD) -> dict[str, str]:
    return {"login": login, "password": password}


async def test_a_right_password_gives_a_token_and_the_account(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    account, _ = await desk.account(brand_id, Role.GUIDE, store_id=store.id, login="li")
    signed_in = await desk.ask("POST", "/api/session", json=_body(" LI "))
    assert signed_in.status_code == 200
    assert signed_in.json()["account"] | {"created_at": None} == {
        "account_id": str(account.id),
        "name": "Li",
        "login": "li",
        "role": "guide",
        "brand": {"brand_id": str(brand_id), "name": "Tea House"},
        "store": {"store_id": str(store.id), "name": "Hangzhou"},
        "disabled": False,
        "created_at": None,
        "phone": None,
        "joined": True,
        "face": None,
    }
    again = await desk.ask("GET", "/api/session", by=signed_in.json()["token"])
    assert again.json()["account"] == signed_in.json()["account"]


async def test_the_cookie_is_for_this_site_and_for_no_script(desk: Desk) -> None:
    await desk.account(await desk.brand(), login="li")
    answer = await desk.ask("POST", "/api/session", json=_body())
    cookie = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert cookie.value == answer.json()["token"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "lax",
        "/",
    )
    assert int(cookie["max-age"]) == SESSION_TTL.total_seconds()


async def test_each_sign_in_gives_a_new_token_and_ends_the_one_that_came_along(desk: Desk) -> None:
    await desk.account(await desk.brand(), login="li")
    async with desk.browser() as browser:
        first = (await browser.post("/api/session", json=_body())).json()["token"]
        second = (await browser.post("/api/session", json=_body())).json()["token"]
    assert first != second
    assert (await desk.ask("GET", "/api/session", by=first)).status_code == 401
    assert (await desk.ask("GET", "/api/session", by=second)).status_code == 200


async def test_a_token_planted_in_the_cookie_is_never_taken_over(desk: Desk) -> None:
    await desk.account(await desk.brand(), login="li")
    async with desk.browser() as browser:
        browser.cookies.set(COOKIE, "sfs_planted")
        await browser.post("/api/session", json=_body())
    assert (await desk.ask("GET", "/api/session", by="sfs_planted")).status_code == 401


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(desk: Desk) -> None:
    await desk.account(await desk.brand(), login="li")
    async with desk.browser() as browser:
        token = (await browser.post("/api/session", json=_body())).json()["token"]
        assert (await browser.delete("/api/session")).status_code == 204
        assert COOKIE not in browser.cookies
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401
    assert (await desk.ask("DELETE", "/api/session")).status_code == 204


@pytest.mark.parametrize(
    ("method", "act", "body"),
    [("PUT", "password", {"password": "new horse battery"}), ("POST", "disable", None)],
)
async def test_a_sign_in_under_way_does_not_outlive_the_password_or_the_account(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, method: str, act: str, body: dict[str, str] | None
) -> None:
    brand_id = await desk.brand()
    owner = await desk.staff(brand_id)
    account, _ = await desk.account(brand_id, Role.OPERATOR, login="li")
    checked, go_on, matches = asyncio.Event(), asyncio.Event(), passwords.matches

    async def matches_and_waits(password_hash: str | None, password: str) -> bool:
        right = await matches(password_hash, password)
        checked.set()
        await go_on.wait()
        return right

    monkeypatch.setattr(passwords, "matches", matches_and_waits)
    signing_in = asyncio.create_task(desk.ask("POST", "/api/session", json=_body()))
    await checked.wait()
    done = await desk.ask(method, f"/api/accounts/{account.id}/{act}", by=owner, json=body)
    assert done.status_code in {200, 204}
    go_on.set()
    assert (await signing_in).json()["slug"] == "wrong-password"


async def test_a_session_ends_after_its_time(desk: Desk) -> None:
    _, token = await desk.account(await desk.brand())
    desk.watch.forward(hours=23)
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 200
    desk.watch.forward(hours=2)
    assert (await desk.ask("GET", "/api/session", by=token)).status_code == 401


@pytest.mark.parametrize("body", [_body("nobody"), _body("li", "wrong horse battery"), _body("li", "")])
async def test_an_unknown_login_and_a_wrong_password_look_the_same(desk: Desk, body: dict[str, str]) -> None:
    await desk.account(await desk.brand(), login="li")
    refused = await desk.ask("POST", "/api/session", json=body)
    assert refused.status_code == 401
    assert refused.json()["slug"] == "wrong-password"
    assert "set-cookie" not in refused.headers


async def test_wrong_passwords_are_limited_by_login_and_address(desk: Desk) -> None:
    await desk.account(await desk.brand(), login="li")
    wrong = [await desk.ask("POST", "/api/session", json=_body("Li", f"wrong {i}")) for i in range(10)]
    assert {answer.status_code for answer in wrong} == {401}
    refused = await desk.ask("POST", "/api/session", json=_body())
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 900
    elsewhere = await desk.ask("POST", "/api/session", json=_body(), address="198.51.100.9")
    assert elsewhere.status_code == 200


async def test_right_passwords_are_not_counted(desk: Desk) -> None:
    await desk.account(await desk.brand(), login="li")
    for _ in range(12):
        assert (await desk.ask("POST", "/api/session", json=_body())).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"login": "li"}, {"login": 1, "password": PASSWORD}, {**_body(), "admin": True}]
)
async def test_a_body_of_another_shape_is_a_422(desk: Desk, body: object) -> None:
    assert (await desk.ask("POST", "/api/session", json=body)).status_code == 422


async def test_a_lone_surrogate_is_a_422_or_a_refusal_but_no_fault(desk: Desk) -> None:
    answer = await desk.ask("POST", "/api/session", content=b'{"login":"li","password":"\\ud800 12345678"}')
    assert answer.status_code in {401, 422}


async def test_changing_the_own_password_needs_the_present_one_and_ends_other_sessions(desk: Desk) -> None:
    _, old = await desk.account(await desk.brand(), login="li")
    wrong = {"current": "not this one", "password": "new horse battery"}
    assert (await desk.ask("PUT", "/api/session/password", by=old, json=wrong)).status_code == 401
    right = {"current": PASSWORD, "password": "new horse battery"}
    changed = await desk.ask("PUT", "/api/session/password", by=old, json=right)
    assert changed.status_code == 200
    assert (await desk.ask("GET", "/api/session", by=old)).status_code == 401
    assert (await desk.ask("GET", "/api/session", by=changed.json()["token"])).status_code == 200
    assert (await desk.ask("POST", "/api/session", json=_body())).status_code == 401
    assert (await desk.ask("POST", "/api/session", json=_body("li", "new horse battery"))).status_code == 200
