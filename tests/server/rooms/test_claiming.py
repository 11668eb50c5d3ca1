"""Claims over HTTP: answered in front of the framework, and as the framework would."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from server.flash_sales.counter import ClaimDoor
from server.kit.ids import uuid7
from server.kit.principal import Principal
from tests.server.rooms.floor import Floor, open_floor

FRAMEWORK = {"Content-Type": "application/vnd.api+json"}
"""The door knows plain JSON alone; this goes on to the framework."""


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def opened(floor: Floor, **body: Any) -> UUID:
    wanted = {"sku_id": str(floor.stage.shop.sku_id), "price_minor": 2990, "stock": 3, **body}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    path = f"/api/rooms/{floor.stage.room_id}/flash-sales"
    made = await floor.ask("POST", path, floor.stage.host, json=wanted)
    assert made.status_code == 201, made.text
    return UUID(made.json()["sale_id"])


async def claim(
    floor: Floor, sale_id: UUID, by: Principal | None, key: str = "tap", body: Any = None, **headers: str
) -> httpx.Response:
    path = f"/api/rooms/{floor.stage.room_id}/flash-sales/{sale_id}/holds"
    content = body if isinstance(body, bytes) else json.dumps(body or {"quantity": 1}).encode()
    sent = {"Content-Type": "application/json", "Idempotency-Key": key, **headers}
    return await floor.ask("POST", path, by, content=content, headers=sent)


def shown(answer: httpx.Response) -> tuple[Any, ...]:
    unlike = {"date", "content-length"}
    return (
        answer.status_code,
        answer.json(),
        {name: value for name, value in answer.headers.items() if name not in unlike},
    )


@pytest.fixture
def by_the_door(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each tap, whether the door answered it."""
    answered: list[bool] = []
    answer = ClaimDoor._answer

    async def watched(self: ClaimDoor, *given: Any) -> Any:
        wired = await answer(self, *given)
        answered.append(wired is not None)
        return wired

    monkeypatch.setattr(ClaimDoor, "_answer", watched)
    return answered


async def test_the_door_and_the_framework_give_the_same_answers(floor, by_the_door):
    sale_id = await opened(floor, limit_per_buyer=2)
    buyer, late = await floor.stage.shop.members(2)
    asked: list[tuple[Any, ...]] = [
        (buyer, "one", {"quantity": 1}),
        (buyer, "one", {"quantity": 1}),
        (buyer, "one", {"quantity": 2}),
        (buyer, "two", {"quantity": 2}),
        (late, "one", {"quantity": 3}),
        (late, "two", {"lines": [{"sku_id": str(uuid7()), "quantity": 1}]}),
        (late, "three", {"quantity": 1, "lines": [{"sku_id": str(uuid7()), "quantity": 1}]}),
        (late, "", {"quantity": 1}),
        (late, "x" * 201, {"quantity": 1}),
        (late, "four", {"quantity": 1, "amount_minor": 1}),
    ]
    for by, key, body in asked:
        answers = [shown(await claim(floor, sale_id, by, key, body, **more)) for more in ({}, FRAMEWORK)]
        assert answers[0] == answers[1], (key, body)
    assert Counter(by_the_door) == {True: 6, False: 14}, "what makes no sense goes on to the framework, too"


async def test_the_same_key_gets_the_same_bytes_even_after_the_hold_ended(floor, by_the_door):
    sale_id = await opened(floor, stock=1)
    first, second = await floor.stage.shop.members(2)
    before = await claim(floor, sale_id, first)
    assert before.status_code == 201
    cancelled = await floor.ask("POST", f"/api/orders/{before.json()['order_id']}/cancel", first)
    assert cancelled.status_code == 200
    async with floor.stage.session() as session:
        await session.execute(
            text("UPDATE flash_sale SET limit_per_buyer = 1 WHERE id = :id"), {"id": sale_id}
        )
    assert (await claim(floor, sale_id, second, "other")).status_code in {201, 409}
    assert (await claim(floor, sale_id, first)).content == before.content
    assert all(by_the_door)


async def test_a_sold_out_sale_is_refused_without_postgresql(floor, monkeypatch):
    sale_id = await opened(floor, stock=1)
    buyer, *crowd = await floor.stage.shop.members(5)
    assert (await claim(floor, sale_id, buyer)).status_code == 201
    await claim(floor, sale_id, crowd[0])
    tokens = {member.id: await floor.token(member) for member in crowd}

    async def away(*_: Any, **__: Any) -> Any:
        raise AssertionError("PostgreSQL was asked")

    monkeypatch.setattr("asyncpg.connection.Connection._execute", away)
    monkeypatch.setattr("asyncpg.connection.Connection.prepare", away)
    for member in crowd:
        path = f"/api/rooms/{floor.stage.room_id}/flash-sales/{sale_id}/holds"
        headers = {"Authorization": f"Bearer {tokens[member.id]}", "Idempotency-Key": "tap"}
        answer = await floor.web.post(path, json={"quantity": 1}, headers=headers)
        assert answer.status_code == 409
        assert (answer.json()["slug"], answer.json()["left"], answer.json()["waitlist_open"]) == (
            "out-of-stock",
            0,
            True,
        )


@pytest.mark.parametrize("more", [{}, FRAMEWORK], ids=["door", "framework"])
async def test_who_may_not_claim_is_told_why(floor, more):
    sale_id = await opened(floor)
    (member,) = await floor.stage.shop.members(1)
    assert (await claim(floor, sale_id, None, **more)).status_code == 401
    assert (await claim(floor, sale_id, floor.stage.host, **more)).status_code == 403
    assert (await claim(floor, uuid7(), member, **more)).status_code == 404
    forged = {"Authorization": "Bearer a.b.c"}
    assert (await claim(floor, sale_id, None, **{**more, **forged})).status_code == 401
    scheduled = await opened(floor, open=False)
    answer = await claim(floor, scheduled, member, **more)
    assert (answer.status_code, answer.json()["slug"]) == (425, "not-open")
    closed = f"/api/rooms/{floor.stage.room_id}/flash-sales/{sale_id}/close"
    assert (await floor.ask("POST", closed, floor.stage.host)).status_code == 200
    answer = await claim(floor, sale_id, member, **more)
    assert (answer.status_code, answer.json()["slug"]) == (410, "ended")


@pytest.mark.parametrize(
    "body",
    [
        {"quantity": 0},
        {"quantity": -5},
        {"quantity": 10**30},
        {"quantity": "1"},
        {"quantity": 1.5},
        {"quantity": True},
        {"quantity": None},
        {"quantity": 1, "price_minor": 1},
        {"lines": []},
        {"lines": [{"sku_id": "x", "quantity": 1}]},
        {"quantity": 1, "amount_minor": 0},
        {"quantity": 1, "amount_minor": -1},
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"quantity":1}' + b" " * 20_000,
    ],
)
async def test_a_body_that_is_no_tap_is_refused_and_takes_nothing(floor, body):
    sale_id = await opened(floor)
    (member,) = await floor.stage.shop.members(1)
    answer = await claim(floor, sale_id, member, body=body)
    if body == b'{"quantity":1}' + b" " * 20_000:
        assert answer.status_code == 201, "long, but well-formed"
        return
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await cards(floor, sale_id))["lines"][0]["free"] == 3


async def test_mutated_bodies_never_take_more_than_one_tap(floor):
    sale_id = await opened(floor, limit_per_buyer=1000)
    (member,) = await floor.stage.shop.members(1)
    chance, good = random.Random(7), bytearray(b'{"quantity":1,"amount_minor":2990}')
    statuses = Counter[int]()
    for n in range(100):
        body = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        answer = await claim(floor, sale_id, member, f"k{n}", bytes(body))
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, (bytes(body), answer.text)
    assert statuses[422] > 70
    (line,) = (await cards(floor, sale_id))["lines"]
    assert line["free"] + line["held"] == 3
    assert statuses[201] <= line["held"]


async def cards(floor: Floor, sale_id: UUID) -> dict[str, Any]:
    path = f"/api/rooms/{floor.stage.room_id}/flash-sales"
    sales = (await floor.ask("GET", path, floor.stage.host)).json()
    return next(sale for sale in sales if sale["sale_id"] == str(sale_id))


async def test_a_host_opens_every_kind_of_sale_and_it_is_shown(floor):
    shop, tea = floor.stage.shop, {"sku_id": None, "price_minor": None, "stock": None}
    lines = [{"sku_id": str(shop.sku_id), "price_minor": 9000, "stock": 9}]
    several = await cards(floor, await opened(floor, **tea, lines=lines))
    assert (several["kind"], several["lines"][0]["price_minor"]) == ("flash_price", 9000)
    first = await cards(floor, await opened(floor, kind="first_n", first={"units": 2, "price_minor": 1990}))
    assert first["lines"][0]["first"] == {"units": 2, "price_minor": 1990, "then_minor": 2990, "left": 2}
    dropping = await opened(floor, kind="price_drop")
    path = f"/api/rooms/{floor.stage.room_id}/flash-sales/{dropping}/price"
    lowered = await floor.ask("POST", path, floor.stage.host, json={"price_minor": 1990})
    assert lowered.json()["lines"][0]["price_minor"] == 1990
    raised = await floor.ask("POST", path, floor.stage.host, json={"price_minor": 2990})
    assert raised.status_code == 422
    quota = [{"store_id": str(shop.store_id), "units": 5}]
    with_quota = await cards(floor, await opened(floor, quotas=quota))
    assert with_quota["lines"][0]["total"] == 8


async def test_whoever_comes_too_late_waits_in_line_over_http(floor):
    sale_id = await opened(floor, stock=1)
    buyer, late = await floor.stage.shop.members(2)
    path = f"/api/rooms/{floor.stage.room_id}/flash-sales/{sale_id}/waitlist"
    early = await floor.ask("POST", path, late, json={"quantity": 1})
    assert (early.status_code, early.json()["slug"]) == (409, "still-free")
    order = (await claim(floor, sale_id, buyer)).json()["order_id"]
    joined = await floor.ask("POST", path, late, json={"quantity": 1})
    assert (joined.status_code, joined.json()["ahead"]) == (201, 0)
    assert (await floor.ask("GET", path, late)).json() == joined.json()
    async with floor.visitor(late) as visitor:
        await visitor.hello()
        await floor.ask("POST", f"/api/orders/{order}/cancel", buyer)
        told = await visitor.fact("waitlist.promoted", "me")
        assert told["sale_id"] == str(sale_id)
    assert (await floor.ask("GET", path, late)).status_code == 404
    assert (await floor.ask("GET", f"/api/orders/{told['order_id']}", late)).json()[
        "status"
    ] == "awaiting_payment"
    assert (await floor.ask("DELETE", path, late)).status_code == 204
