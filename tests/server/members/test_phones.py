"""Proving a phone number over HTTP, and what becomes of the guest."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import msgspec
from sqlmodel import col, func, select

from server.kit.facts import Fact
from server.kit.outbox import OutboxRow
from server.kit.redis import Redis
from server.members import phones, service
from server.members.facts import MembersMerged, PhoneProved
from server.members.models import Member, PhoneCode, TimelineEntry
from server.members.sms import SmsFailed
from server.wallets.models import Wallet
from tests.server.brands.desk import Desk

PHONE = "138 0013 8000"
NUMBER = "+8613800138000"


async def _code(desk: Desk, phone: str = PHONE, by: str | None = None) -> str:
    sent = await desk.ask("POST", "/api/phone-codes", by=by, json={"phone": phone})
    assert sent.status_code == 202, sent.text
    return sent.json()["demo_code"]  # type: ignore[no-any-return]


async def _prove(
    desk: Desk, code: str, by: str | None = None, phone: str = PHONE, **body: Any
) -> httpx.Response:
    return await desk.ask("POST", "/api/phone-sessions", by=by, json={"phone": phone, "code": code, **body})


async def _member(desk: Desk, phone: str = PHONE) -> tuple[UUID, str]:
    """A member with a proved number: (member id, token)."""
    proved = (await _prove(desk, await _code(desk, phone), phone=phone)).json()
    return UUID(proved["member_id"]), proved["token"]


async def _facts(desk: Desk, kind: type[Fact]) -> list[Any]:
    tag = kind.__struct_config__.tag
    async with desk.database.transaction() as session:
        rows = (await session.exec(select(OutboxRow).where(col(OutboxRow.kind) == tag))).all()
    return [msgspec.convert(row.body, kind) for row in rows]


def _other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_a_guest_becomes_a_member_and_keeps_id_and_name(desk: Desk) -> None:
    await desk.brand()
    guest_id, token = await desk.guest("Wang")
    proved = await _prove(desk, await _code(desk, by=token), token)
    assert proved.status_code == 200
    assert proved.json() | {"token": ""} == {
        "token": "",
        "member_id": str(guest_id),
        "name": "Wang",
        "merged": False,
    }
    me = (await desk.ask("GET", "/api/me", by=proved.json()["token"])).json()
    assert me == {"member_id": str(guest_id), "name": "Wang", "phone": NUMBER, "guest": False}
    assert [fact.member_id for fact in await _facts(desk, PhoneProved)] == [guest_id]


async def test_a_guest_whose_number_is_known_becomes_that_member(desk: Desk) -> None:
    await desk.brand()
    member_id, _ = await _member(desk)
    guest_id, guest_token = await desk.guest("Wang")
    proved = (await _prove(desk, await _code(desk, by=guest_token), guest_token)).json()
    assert (proved["member_id"], proved["merged"]) == (str(member_id), True)
    (fact,) = await _facts(desk, MembersMerged)
    assert (fact.guest_id, fact.member_id) == (guest_id, member_id)
    as_guest = (await desk.ask("GET", "/api/me", by=guest_token)).json()
    assert as_guest["member_id"] == str(member_id)


async def test_without_a_guest_the_number_alone_makes_a_member(desk: Desk) -> None:
    await desk.brand()
    named = (await _prove(desk, await _code(desk), name="Li")).json()
    assert (named["name"], named["merged"]) == ("Li", False)
    again = (await _prove(desk, await _code(desk), name="Somebody else")).json()
    assert (again["member_id"], again["name"]) == (named["member_id"], "Li")
    other = (await _prove(desk, await _code(desk, "13900139000"), phone="13900139000")).json()
    assert other["name"] == "用户9000"


async def test_a_member_who_proves_another_number_is_not_merged_away(desk: Desk) -> None:
    await desk.brand()
    first_id, first = await _member(desk)
    proved = (await _prove(desk, await _code(desk, "13900139000", first), first, "13900139000")).json()
    assert (proved["member_id"] != str(first_id), proved["merged"]) == (True, False)
    assert (await desk.ask("GET", "/api/me", by=first)).json()["phone"] == NUMBER


async def test_the_same_number_is_another_member_in_another_brand(desk: Desk) -> None:
    first, second = await desk.brand("First"), await desk.brand("Second")
    ids = set()
    for brand_id in (first, second):
        _, guest = await desk.guest(brand_id=str(brand_id))
        ids.add((await _prove(desk, await _code(desk, by=guest), guest)).json()["member_id"])
    assert len(ids) == 2


async def test_guests_who_prove_one_number_at_once_become_one_member(desk: Desk) -> None:
    brand_id = await desk.brand()
    guests = [(await desk.guest(f"Wang {number}"))[0] for number in range(5)]

    async def settle(guest_id: UUID) -> UUID:
        async with desk.database.transaction() as session:
            return (await phones.settle(session, brand_id, NUMBER, guest_id)).member.id

    members = set(await asyncio.gather(*map(settle, guests)))
    assert len(members) == 1
    async with desk.database.transaction() as session:
        left = select(func.count()).select_from(Member).where(col(Member.merged_into).is_(None))
        assert (await session.exec(left)).one() == 1
    assert len(await _facts(desk, MembersMerged)) == 4


async def test_a_guest_who_proves_two_numbers_at_once_is_merged_into_one(desk: Desk) -> None:
    brand_id = await desk.brand()
    for phone in (PHONE, "13900139000"):
        await _member(desk, phone)
    guest_id, _ = await desk.guest()

    async def settle(number: str) -> bool:
        async with desk.database.transaction() as session:
            return (await phones.settle(session, brand_id, number, guest_id)).merged

    merged = await asyncio.gather(settle(NUMBER), settle("+8613900139000"))
    assert sorted(merged) == [False, True]


async def test_a_code_used_twice_at_once_proves_once(desk: Desk) -> None:
    await desk.brand()
    code = await _code(desk)
    answers = await asyncio.gather(*(_prove(desk, code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]


async def test_five_wrong_guesses_end_a_code_even_side_by_side(desk: Desk) -> None:
    await desk.brand()
    code = await _code(desk)
    guesses = await asyncio.gather(*(_prove(desk, _other(code)) for _ in range(12)))
    assert sorted(answer.status_code for answer in guesses) == [410] * 7 + [422] * 5
    wrong = [answer.json() for answer in guesses if answer.status_code == 422]
    assert sorted(answer["tries_left"] for answer in wrong) == [0, 1, 2, 3, 4]
    assert {answer["slug"] for answer in wrong} == {"wrong-code"}
    assert (await _prove(desk, code)).json()["slug"] == "code-expired"


async def test_a_wrong_guess_leaves_the_right_one_good(desk: Desk) -> None:
    await desk.brand()
    code = await _code(desk)
    assert (await _prove(desk, _other(code))).status_code == 422
    assert (await _prove(desk, code)).status_code == 200


async def test_a_code_ends_after_five_minutes(desk: Desk) -> None:
    await desk.brand()
    code = await _code(desk)
    desk.watch.forward(minutes=5)
    assert (await _prove(desk, code)).status_code == 410


async def test_a_code_is_sent_again_after_a_minute_and_ends_the_first(desk: Desk) -> None:
    await desk.brand()
    first = await _code(desk)
    too_soon = await desk.ask("POST", "/api/phone-codes", json={"phone": PHONE})
    assert (too_soon.status_code, too_soon.headers["retry-after"]) == (429, "60")
    desk.watch.forward(seconds=61)
    second = await _code(desk)
    if first != second:
        assert (await _prove(desk, first)).status_code == 422
    assert (await _prove(desk, second)).status_code == 200


async def test_one_number_gets_ten_codes_an_hour(desk: Desk) -> None:
    await desk.brand()
    for _ in range(10):
        await _code(desk)
        desk.watch.forward(seconds=61)
    assert (await desk.ask("POST", "/api/phone-codes", json={"phone": PHONE})).status_code == 429
    desk.watch.forward(hours=1)
    await _code(desk)


async def test_codes_are_kept_as_keyed_hashes_only(desk: Desk) -> None:
    await desk.brand()
    code = await _code(desk)
    async with desk.database.transaction() as session:
        kept = (await session.exec(select(PhoneCode))).one()
    assert code.encode() not in kept.code_hash
    assert len(kept.code_hash) == 32


async def test_without_a_provider_no_code_is_made(desk: Desk) -> None:
    await desk.brand()
    desk.settings = msgspec.structs.replace(desk.settings, demo=False)
    refused = await desk.ask("POST", "/api/phone-codes", json={"phone": PHONE})
    assert (refused.status_code, refused.json()["slug"]) == (503, "sms-not-configured")


class _Provider:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.down = False

    async def send_code(self, phone: str, code: str) -> None:
        if self.down:
            raise SmsFailed
        self.sent.append((phone, code))


async def test_a_providers_code_goes_to_the_phone_and_never_into_the_answer(desk: Desk) -> None:
    await desk.brand()
    desk.settings = msgspec.structs.replace(desk.settings, demo=False)
    provider = desk.app.state.sms = _Provider()
    sent = await desk.ask("POST", "/api/phone-codes", json={"phone": PHONE})
    ((number, code),) = provider.sent
    assert (number, sent.json()) == (NUMBER, {"expires_in_s": 300})
    assert (await _prove(desk, code)).status_code == 200


async def test_a_code_that_could_not_be_sent_may_be_asked_for_again_at_once(desk: Desk) -> None:
    await desk.brand()
    provider = desk.app.state.sms = _Provider()
    provider.down = True
    assert (await desk.ask("POST", "/api/phone-codes", json={"phone": PHONE})).status_code == 503
    provider.down = False
    assert (await desk.ask("POST", "/api/phone-codes", json={"phone": PHONE})).status_code == 202


async def test_a_number_or_code_of_another_shape_is_a_422(desk: Desk) -> None:
    await desk.brand()
    assert (await desk.ask("POST", "/api/phone-codes", json={"phone": "call me"})).status_code == 422
    assert (await _prove(desk, "123456", phone="call me")).status_code == 422
    assert (await desk.ask("POST", "/api/phone-sessions", json={"phone": PHONE})).status_code == 422


async def test_the_guests_timeline_and_money_come_along(desk: Desk, redis: Redis) -> None:
    brand_id = await desk.brand()
    member_id, _ = await _member(desk)
    guest_id, token = await desk.guest()
    told = PhoneProved(brand_id=brand_id, member_id=guest_id)
    async with desk.database.transaction() as session:
        session.add(Wallet(brand_id=brand_id, kind="member", owner_id=guest_id, balance_minor=0))
        await service.remember(session, [told])
    await _prove(desk, await _code(desk, by=token), token)
    async with desk.database.transaction() as session:
        lines = (await session.exec(select(TimelineEntry.member_id, TimelineEntry.fact_id))).all()
    assert lines == [(member_id, told.fact_id)]


async def test_a_line_that_both_have_is_kept_once(desk: Desk) -> None:
    brand_id = await desk.brand()
    (member_id, _), (guest_id, _) = await desk.guest(), await desk.guest()
    first = PhoneProved(brand_id=brand_id, member_id=guest_id)
    second = msgspec.structs.replace(first, member_id=member_id)
    async with desk.database.transaction() as session:
        await service.remember(session, [first])
        await service.remember(session, [second])
        await service.move_timeline(session, guest_id, member_id)
        lines = (await session.exec(select(TimelineEntry.member_id))).all()
    assert lines == [member_id]
