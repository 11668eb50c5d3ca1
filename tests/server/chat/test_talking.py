from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import text

from live.events import room_topic
from server.chat import bans, moderation, pace, rules, settings
from server.chat.facts import LinesSaid
from server.chat.lines import RefReused
from server.chat.models import Word
from server.chat.reactions import follow_the_member
from server.chat.service import Chat
from server.kit.facts import announcements
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


async def test_lines_of_one_moment_are_few_batches_of_one_fact_each(stage, chat):
    members = await stage.shop.members(40)
    await asyncio.gather(*(chat.say(member, stage.room_id, "c1", "来了") for member in members))
    assert len(await rows(stage)) == 40
    facts = await stage.facts("chat.said")
    assert sum(len(fact["lines"]) for fact in facts) == 40
    assert len(facts) <= 8  # each waits for Redis in its turn, and a batch leaves when the one before is back


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
    for i in range(pace.LINES):
        await chat.say(member, stage.room_id, f"c{i}", "hm")
    with pytest.raises(TooMany) as slow:
        await chat.say(member, stage.room_id, "c9", "hm")
    assert 0 < slow.value.data["retry_after_s"] <= pace.WINDOW_S
    for i in range(pace.LINES + 1):
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
    lines.append(
        SaidLine(id=uuid7(), member_id=uuid7(), name="x", role="moderator", text="hm", at=NOON, always=True)
    )
    (entry,) = LinesSaid(brand_id=uuid7(), room_id=uuid7(), lines=lines).remembered()
    assert entry.member_id == one
    assert len(entry.data["lines"]) == 2


# By which rules a line is judged


async def set_rules(stage: Stage, **rules_of_room) -> None:
    async with stage.session() as session:
        await settings.change(session, stage.host, stage.room_id, settings.Changes(**rules_of_room), NOON)


async def add_word(stage: Stage, pattern: str, effect: str = "refuse", room_id=None) -> None:
    async with stage.session() as session:
        session.add(Word(brand_id=stage.shop.brand_id, room_id=room_id, pattern=pattern, effect=effect))
        await session.execute(
            text(
                "INSERT INTO word_version (brand_id, version) VALUES (:brand_id, 1) "
                "ON CONFLICT (brand_id) DO UPDATE SET version = word_version.version + 1"
            ),
            {"brand_id": stage.shop.brand_id},
        )


async def test_links_are_off_for_viewers_unless_the_room_lets_them(stage, chat):
    member = await stage.shop.member()
    with pytest.raises(rules.LinksOff):
        await chat.say(member, stage.room_id, "c1", "see taobao.com")
    assert await chat.say(stage.host, stage.room_id, "c1", "see taobao.com")
    await set_rules(stage, links=True)
    assert await chat.say(member, stage.room_id, "c2", "see taobao.com")


async def test_a_refused_word_is_not_said_and_staff_say_it(stage, chat):
    member = await stage.shop.member()
    await add_word(stage, "微信")
    with pytest.raises(rules.WordRefused):
        await chat.say(member, stage.room_id, "c1", "加我微 信")
    assert await chat.say(stage.host, stage.room_id, "c1", "微信客服见")
    assert await rows(stage) == ["微信客服见"]


async def test_a_word_counts_in_every_process_from_its_commit_on(stage, chat, broker, redis):
    other = Chat(stage.database, broker, redis, lambda: NOON)
    member = await stage.shop.member()
    for desk, ref in ((chat, "c1"), (other, "c2")):  # both know the room's rules now
        await desk.say(member, stage.room_id, ref, "hello")
    await add_word(stage, "scam")
    for desk, ref in ((chat, "c3"), (other, "c4")):
        with pytest.raises(rules.WordRefused):
            await desk.say(member, stage.room_id, ref, "a scam")


async def test_no_line_is_shown_that_was_said_after_its_word_was_forbidden(stage, chat, broker, redis):
    other = Chat(stage.database, broker, redis, lambda: NOON)
    forbidden: set[str] = set()

    async def talk(who, desk) -> None:
        for n in range(4):
            late = f"word{n}" in forbidden
            try:
                await desk.say(who, stage.room_id, f"c{n}", f"word{n} said")
            except rules.WordRefused:
                continue
            assert not late, "said after its word was forbidden"

    async def forbid() -> None:
        for n in range(4):
            await add_word(stage, f"word{n}")
            forbidden.add(f"word{n}")

    members = await stage.shop.members(40)
    await asyncio.gather(forbid(), *(talk(who, (chat, other)[n % 2]) for n, who in enumerate(members)))
    assert len(forbidden) == 4


async def test_a_line_that_was_said_before_the_word_was_added_is_answered_as_it_was(stage, chat):
    member = await stage.shop.member()
    first = await chat.say(member, stage.room_id, "c1", "scam")
    await add_word(stage, "scam")
    assert await chat.say(member, stage.room_id, "c1", "scam") == first


async def test_a_word_to_review_holds_the_line_and_the_writer_learns_only_that(stage, chat, broker):
    member = await stage.shop.member()
    await add_word(stage, "代购", "review")
    said = await chat.say(member, stage.room_id, "c1", "找代购吗")
    assert said.talk is None
    assert await broker.recent_talk(room_topic(stage.room_id)) == []
    (held,) = await stage.facts("chat.held")
    assert [(line["why"], line["pattern"]) for line in held["lines"]] == [("word", "代购")]
    assert await stage.facts("question.asked") == []
    assert await chat.say(member, stage.room_id, "c1", "找代购吗") == said


async def test_in_pre_review_every_viewers_line_waits_and_staff_talk(stage, chat):
    await set_rules(stage, pre_review=True)
    member = await stage.shop.member()
    assert (await chat.say(member, stage.room_id, "c1", "hm")).talk is None
    assert (await chat.say(stage.host, stage.room_id, "c1", "hm")).talk is not None
    assert (await chat.say(member, stage.room_id, "c2", "hm", moderates=True)).talk is not None


async def test_slow_mode_spaces_a_viewers_lines_and_a_line_sent_again_is_none(stage, chat):
    await set_rules(stage, slow_s=30)
    member, helper = await stage.shop.members(2)
    first = await chat.say(member, stage.room_id, "c1", "hm")
    with pytest.raises(pace.SlowMode) as slow:
        await chat.say(member, stage.room_id, "c2", "hm")
    assert 28 <= slow.value.data["retry_after_s"] <= 30
    assert await chat.say(member, stage.room_id, "c1", "hm") == first
    for n in range(3):
        await chat.say(helper, stage.room_id, f"c{n}", "hm", moderates=True)


async def test_nobody_is_refused_by_a_slow_mode_that_was_switched_off(stage, chat):
    await set_rules(stage, slow_s=30)
    member = await stage.shop.member()
    await chat.say(member, stage.room_id, "c1", "hm")
    with pytest.raises(pace.SlowMode):
        await chat.say(member, stage.room_id, "c2", "hm")
    await set_rules(stage, slow_s=0)
    assert await chat.say(member, stage.room_id, "c2", "hm")


async def test_the_limit_holds_over_processes_to_the_line(stage, chat, broker, redis):
    others = [Chat(stage.database, broker, redis, lambda: NOON) for _ in range(3)]
    member = await stage.shop.member()
    said = await asyncio.gather(
        *(
            desk.say(member, stage.room_id, f"c{n}-{d}", "hm")
            for n in range(5)
            for d, desk in enumerate(others)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, Exception) for one in said) == pace.LINES


async def test_a_banned_viewer_says_nothing_more(stage, chat):
    member = await stage.shop.member()
    async with stage.session() as session:
        await bans.ban(session, stage.host, stage.room_id, member.id, NOON)
    with pytest.raises(rules.Banned):
        await chat.say(member, stage.room_id, "c1", "hm")


async def test_an_answer_quotes_the_line_and_is_told_to_its_writer(stage, chat):
    member = await stage.shop.member("Wang")
    asked = await chat.say(member, stage.room_id, "c1", "还有货吗？" * 30)
    said = await chat.say(stage.host, stage.room_id, "c1", "有的", reply_to=asked.id)
    line = msgspec.json.decode(said.talk)
    assert line["reply_to"]["id"] == str(asked.id)
    assert len(line["reply_to"]["text"]) == 60
    assert line["always"] is True
    facts = await stage.facts("chat.said")
    told = announcements(msgspec.convert(facts[-1], LinesSaid))
    (mention,) = [event for event in told if event.topic.startswith("member:")]
    assert (mention.topic, mention.kind) == (f"member:{member.id}", "chat.mentioned")
    assert mention.data["message"]["text"] == "有的"


async def test_an_answer_to_a_line_that_is_gone_or_another_rooms_is_said_without_it(stage, chat):
    member, other = await stage.shop.member(), await stage.room()
    elsewhere = await chat.say(member, other, "c1", "hm")
    for n, gone in enumerate((elsewhere.id, uuid7())):
        said = await chat.say(stage.host, stage.room_id, f"c{n}", "有的", reply_to=gone)
        assert "reply_to" not in msgspec.json.decode(said.talk)


async def test_a_question_is_put_before_the_operators(stage, chat):
    member = await stage.shop.member()
    said = await chat.say(member, stage.room_id, "c1", "多少钱")
    await chat.say(stage.host, stage.room_id, "c1", "大家看多少钱?")
    (asked,) = await stage.facts("question.asked")
    assert [(one["message"]["id"], one["about"]) for one in asked["questions"]] == [(str(said.id), "price")]
