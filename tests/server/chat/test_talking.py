from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import text

from live.events import room_topic
from server.chat import moderation, rules
from server.chat.facts import LinesSaid
from server.chat.reactions import follow_the_member
from server.chat.service import Chat, RefReused
from server.kit.ids import uuid7
from server.kit.problems import TooMany
from server.members.facts import MembersMerged
from tests.server.rooms.stage import NOON, Stage


@pytest.fixture
async def chat(stage, broker, redis) -> AsyncIterator[Chat]:
    chat = Chat(stage.database, broker, redis, lambda: NOON)
    yield chat
    await chat.stop()


async def rows(stage: Stage) -> list[str]:
    async with stage.session() as session:
        found = await session.execute(
            text("SELECT text FROM chat_message WHERE room_id = :room_id ORDER BY id"),
            {"room_id": stage.room_id},
        )
        return list(found.scalars())


async def test_a_line_is_kept_told_and_remembered(stage, chat, broker):
    member = await stage.shop.member("Wang")
    said = await chat.say(member, stage.room_id, "c1", "多少钱?")
    (line,) = await broker.recent_talk(room_topic(stage.room_id))
    assert line == said.talk
    assert msgspec.json.decode(line) == {
        "kind": "chat.said",
        "id": str(said.id),
        "member_id": str(member.id),
        "name": "Wang 0",
        "role": "member",
        "text": "多少钱?",
        "at": "2025-06-01T04:00:00Z",
    }
    (fact,) = await stage.facts("chat.said")
    (entry,) = msgspec.convert(fact, LinesSaid).remembered()
    assert (entry.member_id, entry.kind, entry.room_id) == (member.id, "chat", stage.room_id)


async def test_lines_of_one_moment_are_one_batch_and_one_fact(stage, chat):
    members = await stage.shop.members(40)
    await asyncio.gather(*(chat.say(member, stage.room_id, "c1", "来了") for member in members))
    assert len(await rows(stage)) == 40
    facts = await stage.facts("chat.said")
    assert sum(len(fact["lines"]) for fact in facts) == 40
    assert len(facts) <= 2


async def test_the_same_ref_at_once_and_from_two_processes_is_one_line(stage, chat, broker, redis):
    other = Chat(stage.database, broker, redis, lambda: NOON)
    member = await stage.shop.member()
    told = [desk.say(member, stage.room_id, "c1", "来了") for desk in (chat, other) for _ in range(2)]
    said = await asyncio.gather(*told)
    assert len({one.id for one in said}) == 1
    assert await rows(stage) == ["来了"]
    assert len(await broker.recent_talk(room_topic(stage.room_id))) == 1


async def test_a_ref_names_one_line(stage, chat):
    member = await stage.shop.member()
    await chat.say(member, stage.room_id, "c1", "one")
    with pytest.raises(RefReused):
        await chat.say(member, stage.room_id, "c1", "two")


async def test_a_viewer_says_five_lines_in_ten_seconds_and_staff_any_number(stage, chat):
    member = await stage.shop.member()
    for i in range(rules.LINES):
        await chat.say(member, stage.room_id, f"c{i}", "hm")
    with pytest.raises(TooMany) as slow:
        await chat.say(member, stage.room_id, "c9", "hm")
    assert 0 < slow.value.data["retry_after_s"] <= rules.WINDOW_S
    for i in range(rules.LINES + 1):
        await chat.say(stage.host, stage.room_id, f"c{i}", "hm")


async def test_a_muted_viewer_is_silent_until_then(stage, chat):
    member = await stage.shop.member()
    async with stage.session() as session:
        await moderation.mute(session, stage.host, stage.room_id, member.id, 5, NOON)
    with pytest.raises(rules.Muted) as muted:
        await chat.say(member, stage.room_id, "c1", "hm")
    assert muted.value.data["muted_until"] == "2025-06-01T04:05:00+00:00"
    async with stage.session() as session:
        await moderation.unmute(session, stage.host, stage.room_id, member.id, NOON)
    assert await chat.say(member, stage.room_id, "c1", "hm")


async def test_one_muted_viewer_does_not_silence_the_batch(stage, chat):
    muted, *others = await stage.shop.members(5)
    async with stage.session() as session:
        await moderation.mute(session, stage.host, stage.room_id, muted.id, 5, NOON)
    lines = [chat.say(member, stage.room_id, "c1", "hm") for member in (muted, *others)]
    first, *rest = await asyncio.gather(*lines, return_exceptions=True)
    assert isinstance(first, rules.Muted)
    assert not any(isinstance(one, Exception) for one in rest)


async def test_an_ended_room_is_silent(stage, chat):
    room_id = await stage.room(state="ended")
    with pytest.raises(rules.RoomEnded):
        await chat.say(await stage.shop.member(), room_id, "c1", "hm")


async def test_lines_are_kept_while_the_broker_is_away(stage, redis, valkey_server):
    from live.broker.redis import RedisBroker

    valkey = valkey_server()
    broker = RedisBroker(valkey.url)
    chat = Chat(stage.database, broker, redis, lambda: NOON)
    valkey.kill()
    assert await chat.say(await stage.shop.member(), stage.room_id, "c1", "hm")
    assert await rows(stage) == ["hm"]
    await broker.aclose()


async def test_a_guests_lines_and_mutes_become_the_members(stage, chat):
    guest, member = await stage.shop.members(2)
    for who in (guest, member):
        await chat.say(who, stage.room_id, "c1", "hm")
    async with stage.session() as session:
        await moderation.mute(session, stage.host, stage.room_id, guest.id, 9, NOON)
        await moderation.mute(session, stage.host, stage.room_id, member.id, 5, NOON)
    merged = MembersMerged(brand_id=stage.shop.brand_id, guest_id=guest.id, member_id=member.id)
    async with stage.session() as session:
        await follow_the_member(session, merged)
        assert await moderation.muted_until(session, stage.room_id, guest.id, NOON) is None
        until = await moderation.muted_until(session, stage.room_id, member.id, NOON)
        writers = await session.execute(
            text("SELECT DISTINCT writer_id FROM chat_message WHERE room_id = :id"), {"id": stage.room_id}
        )
    assert until is not None
    assert until.minute == 9
    assert list(writers.scalars()) == [member.id]


def test_a_fact_of_a_batch_is_one_entry_for_each_viewer_and_none_for_staff():
    from server.chat.facts import SaidLine

    one = uuid7()
    lines = [
        SaidLine(id=uuid7(), member_id=who, name="x", role=role, text="hm", at=NOON)
        for who, role in ((one, "member"), (one, "member"), (uuid7(), "host"))
    ]
    (entry,) = LinesSaid(brand_id=uuid7(), room_id=uuid7(), lines=lines).remembered()
    assert entry.member_id == one
    assert len(entry.data["lines"]) == 2
