from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, text

from server.chat import bans, moderation, moderators
from server.chat.rules import Banned
from server.kit.ids import uuid7
from server.kit.problems import NotFound
from server.members.audience import InvitedOnly, MembersOnly
from server.members.models import Member
from server.rooms.doorkeeper import Admitted, Caller, Doorkeeper

NOW = datetime(2025, 11, 11, 12, tzinfo=UTC)


@pytest.fixture
def doorkeeper(stage) -> Doorkeeper:
    return Doorkeeper(stage.database, lambda: NOW)


async def answers(doorkeeper: Doorkeeper, *callers: Caller) -> list[Admitted | BaseException]:
    return await asyncio.gather(*(doorkeeper.admit(caller) for caller in callers), return_exceptions=True)


async def test_in_one_batch_each_caller_is_judged_alone(stage, doorkeeper):
    room = stage.room_id
    plain, muted, banned, helper = await stage.shop.members(4)
    async with stage.session() as session:
        until = (await moderation.mute(session, stage.host, room, muted.id, 5, NOW)).until
        await bans.ban(session, stage.host, room, banned.id, NOW, reason="spam")
        await moderators.appoint(session, stage.host, room, helper.id, NOW)
    members_only, invited, staff = [await stage.room(audience=a) for a in ("members", "invited", "staff")]
    told = await answers(
        doorkeeper,
        Caller(plain, room),
        Caller(muted, room),
        Caller(banned, room),
        Caller(helper, room),
        Caller(banned, await stage.room()),
        Caller(plain, members_only),
        Caller(plain, invited),
        Caller(plain, staff),
        Caller(stage.host, staff),
        Caller(plain, uuid7()),
        Caller(await stage.other_brand_owner(), room),
    )
    assert [(one.muted_until, one.helps) for one in (told[0], told[1], told[3])] == [
        (None, False),
        (until, False),
        (None, True),
    ]
    assert isinstance(told[2], Banned)
    assert told[2].body()["reason"] == "spam"
    assert isinstance(told[4], Admitted)
    assert [type(one) for one in told[5:8]] == [MembersOnly, InvitedOnly, NotFound]
    assert told[8].room.id == staff
    assert [type(one) for one in told[9:]] == [NotFound, NotFound]


async def test_a_crowd_at_the_door_costs_what_one_caller_costs(stage, doorkeeper):
    statements: list[str] = []
    event.listen(
        stage.database.engine.sync_engine,
        "before_cursor_execute",
        lambda *seen: statements.append(seen[2]),
    )
    crowd = await stage.shop.members(200)
    statements.clear()
    await doorkeeper.admit(Caller(crowd[0], stage.room_id, b"device"))
    alone = len(statements)
    statements.clear()
    admitted = await answers(
        doorkeeper, *(Caller(member, stage.room_id, member.id.bytes) for member in crowd)
    )
    assert all(isinstance(one, Admitted) for one in admitted)
    assert len(statements) == alone == 3
    async with stage.session() as session:
        devices = await session.execute(
            text(
                "SELECT count(*) FROM member_device d JOIN member m ON m.id = d.member_id WHERE brand_id = :b"
            ),
            {"b": stage.shop.brand_id},
        )
        assert devices.scalar_one() == 201


async def test_a_banned_device_keeps_out_whoever_brings_it_and_who_is_kept_out_leaves_no_device(
    stage, doorkeeper
):
    first, second = await stage.shop.members(2)
    await doorkeeper.admit(Caller(first, stage.room_id, b"phone"))
    async with stage.session() as session:
        await bans.ban(session, stage.host, stage.room_id, first.id, NOW)
    by_phone, by_other = await answers(
        doorkeeper, Caller(second, stage.room_id, b"phone"), Caller(first, stage.room_id, b"tablet")
    )
    assert isinstance(by_phone, Banned)
    assert isinstance(by_other, Banned)
    assert isinstance(await doorkeeper.admit(Caller(second, stage.room_id)), Admitted)
    async with stage.session() as session:
        kept = await session.execute(
            text("SELECT member_id, device FROM member_device WHERE member_id IN (:first, :second)"),
            {"first": first.id, "second": second.id},
        )
        assert [tuple(row) for row in kept] == [(first.id, b"phone")]


async def test_a_guest_who_signed_in_by_phone_is_taken_as_the_member(stage, doorkeeper):
    guest, member = await stage.shop.members(2)
    room_id = await stage.room(audience="members")
    async with stage.session() as session:
        (await session.get(Member, member.id)).phone = f"+86{member.id.int % 10**11:011}"
        (await session.get(Member, guest.id)).merged_into = member.id
    assert isinstance(await doorkeeper.admit(Caller(guest, room_id)), Admitted)
