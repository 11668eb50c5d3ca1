"""Guests over HTTP, and whom their tokens stand for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from server.kit.ids import uuid7
from server.kit.redis import Redis
from server.members import limits, tokens
from server.members.models import Member
from server.members.tokens import MemberTokens, member_tokens
from server.rooms.models import Room
from tests.server.brands.desk import Desk, Watch


async def _room(desk: Desk, brand_id: UUID) -> UUID:
    room = Room(brand_id=brand_id, title="Spring tea")
    async with desk.database.transaction() as session:
        session.add(room)
    return room.id


async def test_a_name_is_all_that_a_guest_needs(desk: Desk) -> None:
    await desk.brand()
    member_id, token = await desk.guest(" 王\u200b小明 ")
    me = await desk.ask("GET", "/api/me", by=token)
    assert me.json() == {"member_id": str(member_id), "name": "王小明", "phone": None, "guest": True}


async def test_a_guest_belongs_to_the_brand_of_the_room(desk: Desk) -> None:
    first, second = await desk.brand("First"), await desk.brand("Second")
    in_second, _ = await desk.guest(room_id=str(await _room(desk, second)))
    named, _ = await desk.guest(brand_id=str(second))
    default, _ = await desk.guest()
    owners = {brand: await desk.staff(brand) for brand in (first, second)}
    for brand, member_id in ((second, in_second), (second, named), (first, default)):
        for owner_of, owner in owners.items():
            seen = await desk.ask("GET", f"/api/members/{member_id}", by=owner)
            assert seen.status_code == (200 if owner_of == brand else 404)


async def test_a_room_or_brand_that_is_not_there_is_a_404(desk: Desk) -> None:
    await desk.brand()
    for body in ({"room_id": str(uuid7())}, {"brand_id": str(uuid7())}):
        assert (await desk.ask("POST", "/api/guests", json={"name": "Wang", **body})).status_code == 404


async def test_before_there_is_a_brand_there_are_no_guests(desk: Desk) -> None:
    refused = await desk.ask("POST", "/api/guests", json={"name": "Wang"})
    assert (refused.status_code, refused.json()["slug"]) == (409, "not-set-up")


@pytest.mark.parametrize(
    "body", [{}, {"name": "  "}, {"name": "王" * 25}, {"name": 5}, {"name": "W", "vip": True}]
)
async def test_a_wrong_name_is_a_422(desk: Desk, body: dict[str, object]) -> None:
    await desk.brand()
    refused = await desk.ask("POST", "/api/guests", json=body)
    assert (refused.status_code, bool(refused.json()["errors"])) == (422, True)


async def test_1500_guests_a_minute_come_from_one_address_in_the_demo(desk: Desk) -> None:
    assert limits.guests_per_minute(desk.settings) >= 1_500


async def test_guests_of_one_address_are_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWFLOOR_GUESTS_PER_MINUTE", "3")
    await desk.brand()
    answers = await asyncio.gather(*(desk.ask("POST", "/api/guests", json={"name": "W"}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 429, 429, 429]
    elsewhere = await desk.ask("POST", "/api/guests", json={"name": "W"}, address="198.51.100.7")
    assert elsewhere.status_code == 201


async def test_guests_still_come_while_redis_is_away(desk: Desk, redis: Redis) -> None:
    await desk.brand()
    redis.connection_pool.connection_kwargs["path"] = "/nowhere"
    await redis.aclose()
    await desk.guest()


async def test_a_guest_takes_another_name(desk: Desk) -> None:
    await desk.brand()
    member_id, token = await desk.guest()
    changed = await desk.ask("PATCH", "/api/me", by=token, json={"name": "Li"})
    assert (changed.status_code, changed.json()["name"]) == (200, "Li")
    principal = await member_tokens(desk.settings.secret).authenticate(desk.database, token, desk.watch())
    assert principal is not None
    assert (principal.id, principal.name) == (member_id, "Li")
    assert (await desk.ask("PATCH", "/api/me", by=token, json={"name": ""})).status_code == 422


async def test_me_is_for_viewers(desk: Desk) -> None:
    assert (await desk.ask("GET", "/api/me")).status_code == 401
    assert (await desk.ask("GET", "/api/me", by=await desk.staff(await desk.brand()))).status_code == 403


async def test_a_token_is_good_for_180_days(desk: Desk) -> None:
    await desk.brand()
    _, token = await desk.guest()
    desk.watch.forward(days=179)
    assert (await desk.ask("GET", "/api/me", by=token)).status_code == 200
    desk.watch.forward(days=2)
    assert (await desk.ask("GET", "/api/me", by=token)).status_code == 401


async def test_a_forged_token_is_nobodys(desk: Desk) -> None:
    await desk.brand()
    member_id, token = await desk.guest()
    strange = MemberTokens("cd" * 32)._signer.issue({"sub": str(member_id)}, desk.watch(), timedelta(days=1))
    cut = token[:-4] + "AAAA"
    for forged in (strange, cut, "a.b.c", "", "sfs_x", token + "x"):
        assert (await desk.ask("GET", "/api/me", by=forged)).status_code == 401


async def test_who_a_token_stands_for_is_remembered_for_half_a_minute(desk: Desk) -> None:
    await desk.brand()
    _, token = await desk.guest("Wang")
    elsewhere = MemberTokens(desk.settings.secret)  # another process

    async def name() -> str | None:
        principal = await elsewhere.authenticate(desk.database, token, desk.watch())
        return principal.name if principal else None

    assert await name() == "Wang"
    await desk.ask("PATCH", "/api/me", by=token, json={"name": "Li"})
    desk.watch.forward(seconds=29)
    assert await name() == "Wang"
    desk.watch.forward(seconds=2)
    assert await name() == "Li"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 3)
    own = MemberTokens("ef" * 32)
    members = [Member(brand_id=uuid7(), name="Wang") for _ in range(5)]
    for member in members:
        own.issue(member, Watch()())
    assert list(own._known) == [member.id for member in members[-3:]]
