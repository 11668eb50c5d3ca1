"""Who is kept out, from where, for how long, and with which devices."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from server.chat import acts, bans, standing, undoing
from server.chat.reactions import follow_the_member
from server.chat.rules import Banned
from server.chat.standing import Viewer
from server.kit.facts import announcements, kinds
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, NotFound
from server.members.facts import MembersMerged
from tests.server.rooms.stage import NOON, Stage

PHONE, TABLET = b"p" * 16, b"t" * 16


async def enters(stage: Stage, who: Principal, device: bytes | None = None, *, room=None, at=NOON) -> bool:
    async with stage.session() as session:
        try:
            await bans.must_be_welcome(session, who, room or stage.room_id, device, at)
        except Banned:
            return False
        if device is not None:
            viewer = Viewer(who.id, who.brand_id, room or stage.room_id, device)
            await standing.came(session, [viewer], at)
        return True


async def ban(stage: Stage, who: Principal, *, by: Principal | None = None, **how):
    async with stage.session() as session:
        return await bans.ban(session, by or stage.host, stage.room_id, who.id, NOON, **how)


async def told(stage: Stage, kind: str):
    return [
        event
        for body in await stage.facts(kind)
        for event in announcements(msgspec.convert(body, kinds()[kind]))
    ]


async def test_a_banned_viewer_stays_out_of_that_room_until_then(stage):
    member, other_room = await stage.shop.member(), await stage.room()
    await ban(stage, member, minutes=30, reason="spam")
    assert not await enters(stage, member)
    assert await enters(stage, member, room=other_room)
    assert await enters(stage, member, at=NOON + timedelta(minutes=31))


async def test_a_ban_goes_for_the_devices_that_the_viewer_came_with(stage):
    member, friend, stranger = await stage.shop.members(3)
    assert await enters(stage, member, PHONE)
    assert await enters(stage, friend, PHONE)
    await ban(stage, member)
    assert not await enters(stage, friend, PHONE)
    assert await enters(stage, friend, TABLET)
    assert await enters(stage, stranger)
    (fact,) = await stage.facts("member.banned")
    assert fact["member_ids"] == [str(member.id), str(friend.id)]


async def test_a_ban_without_devices_goes_for_the_member_alone(stage):
    member, friend = await stage.shop.members(2)
    await enters(stage, member, PHONE)
    await ban(stage, member, devices=False)
    assert await enters(stage, friend, PHONE)
    assert not await enters(stage, member, TABLET)


async def test_headquarters_ban_from_every_room_of_the_brand_and_a_host_does_not(stage):
    member, other_room = await stage.shop.member(), await stage.room()
    with pytest.raises(Forbidden):
        await ban(stage, member, everywhere=True)
    await ban(stage, member, by=stage.staff[Role.OWNER], everywhere=True)
    assert not await enters(stage, member, room=other_room)
    rooms = {event.topic for event in await told(stage, "member.banned") if event.kind == "member.expelled"}
    assert f"room:{stage.room_id}" in rooms


async def test_a_new_ban_takes_the_place_of_the_one_that_stood(stage):
    member = await stage.shop.member()
    await ban(stage, member)
    await ban(stage, member, minutes=5)
    assert await enters(stage, member, at=NOON + timedelta(minutes=6))
    async with stage.session() as session:
        (standing,) = await bans.listing(session, stage.shop.brand_id, stage.room_id, NOON, None)
    assert standing.until == NOON + timedelta(minutes=5)


async def test_a_ban_that_is_lifted_and_undone_again_leaves_the_time_it_had_left(stage):
    member = await stage.shop.member()
    await ban(stage, member, minutes=60)
    async with stage.session() as session:
        await bans.unban(session, stage.host, stage.room_id, member.id, NOON + timedelta(minutes=20))
    assert await enters(stage, member, at=NOON + timedelta(minutes=21))
    async with stage.session() as session:
        (lifted, *_) = await acts.listing(session, stage.shop.brand_id, stage.room_id, None)
        assert lifted.act == "unban"
        await undoing.undo(session, stage.host, stage.room_id, lifted.id, NOON + timedelta(minutes=30))
    assert not await enters(stage, member, at=NOON + timedelta(minutes=69))
    assert await enters(stage, member, at=NOON + timedelta(minutes=71))


async def test_undoing_a_ban_lets_the_viewer_in(stage):
    member = await stage.shop.member()
    await ban(stage, member)
    async with stage.session() as session:
        (made, *_) = await acts.listing(session, stage.shop.brand_id, stage.room_id, None)
        done = await undoing.undo(session, stage.host, stage.room_id, made.id, NOON)
        assert done.undone_by is not None
        with pytest.raises(undoing.AlreadyUndone):
            await undoing.undo(session, stage.host, stage.room_id, made.id, NOON)
    assert await enters(stage, member)


async def test_undoing_a_ban_brings_back_the_one_that_it_replaced(stage):
    member = await stage.shop.member()
    await ban(stage, member, minutes=60)
    await ban(stage, member)
    async with stage.session() as session:
        (made, *_) = await acts.listing(session, stage.shop.brand_id, stage.room_id, None)
        await undoing.undo(session, stage.host, stage.room_id, made.id, NOON)
    assert not await enters(stage, member, at=NOON + timedelta(minutes=59))
    assert await enters(stage, member, at=NOON + timedelta(minutes=61))


async def test_a_ban_that_had_ended_is_neither_lifted_nor_brought_back(stage):
    member, later = await stage.shop.member(), NOON + timedelta(minutes=9)
    await ban(stage, member, minutes=5)
    async with stage.session() as session:
        await bans.unban(session, stage.host, stage.room_id, member.id, later)
        told = [act.act for act in await acts.listing(session, stage.shop.brand_id, stage.room_id, None)]
    assert told == ["ban"]


async def test_a_banned_guest_who_signs_in_stays_banned(stage):
    guest, member = await stage.shop.members(2)
    await enters(stage, guest, PHONE)
    await ban(stage, guest)
    async with stage.session() as session:
        await follow_the_member(
            session, MembersMerged(brand_id=stage.shop.brand_id, guest_id=guest.id, member_id=member.id)
        )
    assert not await enters(stage, member)
    assert not await enters(stage, await stage.shop.member(), PHONE)


async def test_only_who_moderates_bans_and_other_brands_find_nobody(stage):
    member = await stage.shop.member()
    with pytest.raises(Forbidden):
        await ban(stage, member, by=stage.staff[Role.GUIDE])
    with pytest.raises(Forbidden):
        await ban(stage, member, by=member)
    with pytest.raises(NotFound):
        await ban(stage, member, by=await stage.other_brand_owner())
