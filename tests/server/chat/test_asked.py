"""The operators' queue: what asks the same is one question."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from uuid import UUID

import pytest

from server.chat import acts, asked, kept, moderation
from server.chat.asked import QuestionView
from server.chat.models import ChatMessage
from server.kit.ids import uuid7
from server.kit.paging import PAGE
from server.kit.principal import Role
from server.kit.problems import Forbidden
from tests.server.chat.test_moderation import ended_or_waiting, events, latest, line, undone
from tests.server.rooms.stage import NOON, Stage


async def ask(stage: Stage, *questions: str, **more) -> list[ChatMessage]:
    """In one batch."""
    messages = [await line(stage, words, **more) for words in questions]
    async with stage.session() as session:
        lines = await kept.lines_of(session, messages)
        await asked.ask(session, stage.shop.brand_id, stage.room_id, lines)
    return messages


async def settle(
    stage: Stage, question: ChatMessage, answer: ChatMessage | None = None, by=None
) -> UUID | None:
    async with stage.session() as session:
        answer_id = answer.id if answer else None
        return await asked.settle(session, by or stage.host, stage.room_id, question.id, answer_id, NOON)


async def put_aside(stage: Stage, question: ChatMessage) -> UUID | None:
    async with stage.session() as session:
        return await asked.put_aside(session, stage.host, stage.room_id, question.id, NOON)


async def queue(stage: Stage, *, settled: bool = False, cursor: str | None = None) -> list[QuestionView]:
    async with stage.session() as session:
        return await asked.listing(session, stage.room_id, settled=settled, cursor=cursor)


async def groups_told(stage: Stage) -> list[str]:
    return [event.data["group"] for event in await events(stage, "question.asked")]


async def test_a_question_is_settled_once_and_its_answer_is_told_to_the_room(stage):
    (question,), answers = await ask(stage, "多少钱"), [await line(stage, f"¥{n}") for n in (98, 99)]
    acts_ = await asyncio.gather(*(settle(stage, question, answer) for answer in answers))
    assert sum(act is not None for act in acts_) == 1
    told = await events(stage, "question.settled")
    assert [event.kind for event in told] == ["question.settled", "question.answered"]
    assert await queue(stage) == []
    (done,) = await queue(stage, settled=True)
    assert done.answer_id in {answer.id for answer in answers}


async def test_a_deleted_line_asks_nothing_any_more(stage):
    (question,) = await ask(stage, "多少钱")
    async with stage.session() as session:
        await moderation.remove(session, stage.host, stage.room_id, question.id, NOON)
    assert await queue(stage) == []


# What asks the same


async def test_questions_that_ask_the_same_are_one_with_their_count_and_newest_writers(stage):
    first, *_ = await ask(stage, "有Ｌ码吗？", "多少钱", "有l码 吗", name="Wang")
    for name in ("Li", "Zhao", "Qian"):
        await ask(stage, "有 L 码吗!", name=name)
    other, same = await queue(stage)
    assert (other.message.text, other.count) == ("多少钱", 1)
    assert (same.message.id, same.group, same.count) == (first.id, first.id, 5)
    assert same.names == ["Qian", "Zhao", "Li"]
    told = await groups_told(stage)
    assert told.count(str(first.id)) == 5
    assert len(told) == 6


async def test_a_writer_who_asks_again_is_named_once(stage):
    await ask(stage, "多少钱", "多少钱", writer_id=uuid7())
    (same,) = await queue(stage)
    assert (same.count, same.names) == (2, ["Wang"])


async def test_what_asks_the_same_at_once_is_one_group(stage):
    first, second = [await line(stage, "多少钱") for _ in range(2)]

    async def asked_now(message: ChatMessage) -> None:
        async with stage.session() as session:
            lines = [await kept.line_of(session, message)]
            await asked.ask(session, stage.shop.brand_id, stage.room_id, lines)

    async with stage.session() as session:
        lines = [await kept.line_of(session, second)]
        await asked.ask(session, stage.shop.brand_id, stage.room_id, lines)
        asking = asyncio.create_task(asked_now(first))
        await ended_or_waiting(stage, asking)
    await asking
    (same,) = await queue(stage)
    assert (same.group, same.count) == (second.id, 2)
    assert set(await groups_told(stage)) == {str(second.id)}


async def test_numbers_tell_questions_apart_and_so_do_rooms(stage):
    await ask(stage, "有38码吗", "有39码吗")
    other, message = await stage.room(), await line(stage, "有38码吗")
    async with stage.session() as session:
        await asked.ask(session, stage.shop.brand_id, other, [await kept.line_of(session, message)])
    assert [one.count for one in await queue(stage)] == [1, 1]


async def test_answering_one_settles_all_that_ask_the_same_with_one_fact(stage):
    first, second, other = await ask(stage, "多少钱", "多少钱?", "包邮吗")
    answer = await line(stage, "¥98")
    act_id = await settle(stage, second, answer)
    on_desk, in_room = await events(stage, "question.settled")
    assert on_desk.data == {
        "message_id": str(second.id),
        "message_ids": [str(first.id), str(second.id)],
        "answer_id": str(answer.id),
    }
    assert in_room.data["message_ids"] == on_desk.data["message_ids"]
    assert [one.message.id for one in await queue(stage)] == [other.id]
    (done,) = await queue(stage, settled=True)
    assert (done.group, done.count, done.answer_id) == (first.id, 2, answer.id)
    assert (await latest(stage)).id == act_id


async def test_of_two_who_settle_the_same_group_at_once_one_does_it(stage):
    questions = await ask(stage, *["多少钱"] * 6)
    answers = [await line(stage, f"¥{n}") for n in range(6)]
    done = await asyncio.gather(*(settle(stage, q, a) for q, a in zip(questions, answers, strict=True)))
    assert sum(act is not None for act in done) == 1
    assert len(await stage.facts("question.settled")) == 1
    (one,) = await queue(stage, settled=True)
    assert one.count == 6


async def test_what_was_answered_and_is_asked_again_is_a_new_question(stage):
    (first,) = await ask(stage, "多少钱")
    await settle(stage, first, await line(stage, "¥98"))
    (again,) = await ask(stage, "多少钱")
    (one,) = await queue(stage)
    assert (one.group, one.count) == (again.id, 1)


async def test_a_group_keeps_its_id_when_the_line_of_its_first_is_deleted(stage):
    first, second = await ask(stage, "多少钱", "多少钱")
    async with stage.session() as session:
        await moderation.remove(session, stage.host, stage.room_id, first.id, NOON)
    await ask(stage, "多少钱")
    (one,) = await queue(stage)
    assert (one.group, one.message.id, one.count) == (first.id, second.id, 2)
    assert set(await groups_told(stage)) == {str(first.id)}


async def test_a_line_that_was_held_joins_those_who_asked_after_it(stage):
    held = await line(stage, "多少钱")
    (first,) = await ask(stage, "多少钱")
    async with stage.session() as session:
        lines = [await kept.line_of(session, held)]
        await asked.ask(session, stage.shop.brand_id, stage.room_id, lines)
    (one,) = await queue(stage)
    assert (one.group, one.message.id, one.count) == (first.id, first.id, 2)


async def test_a_page_of_groups_goes_on_where_it_ended(stage):
    await ask(stage, *(f"有{n}码吗" for n in range(PAGE + 5) for _ in range(2)))
    page = await queue(stage)
    assert len(page) == PAGE + 1
    rest = await queue(stage, cursor=str(page[PAGE - 1].group))
    groups = [one.group for one in (*page[:PAGE], *rest)]
    assert len(groups) == PAGE + 5
    assert all(newer > older for newer, older in pairwise(groups))


# Put aside, and back


async def test_putting_aside_is_an_act_that_reopens_the_whole_group_when_it_is_undone(stage):
    first, second = await ask(stage, "多少钱", "多少钱")
    act_id = await put_aside(stage, second)
    assert await put_aside(stage, first) == act_id
    act = await latest(stage)
    assert (act.id, act.act) == (act_id, "put_aside")
    await undone(stage, act)
    (back,) = await queue(stage)
    assert (back.group, back.about, back.count) == (first.id, "price", 2)
    told = await events(stage, "question.reopened")
    assert [event.data["message"]["id"] for event in told] == [str(first.id), str(second.id)]
    assert {event.data["group"] for event in told} == {str(first.id)}
    assert len({event.id for event in told}) == 2


async def test_an_answered_question_is_not_put_aside(stage):
    (question,) = await ask(stage, "多少钱")
    await settle(stage, question, await line(stage, "¥98"))
    assert await put_aside(stage, question) is None
    (done,) = await queue(stage, settled=True)
    assert done.answer_id is not None


async def test_what_comes_back_joins_those_who_asked_the_same_meanwhile(stage):
    (first,) = await ask(stage, "多少钱")
    await put_aside(stage, first)
    (later,) = await ask(stage, "多少钱")
    await undone(stage, await latest(stage))
    (one,) = await queue(stage)
    assert (one.group, one.count) == (later.id, 2)
    (told,) = await events(stage, "question.reopened")
    assert (told.data["message"]["id"], told.data["group"]) == (str(first.id), str(later.id))


async def test_undoing_a_reopening_gives_the_answer_back(stage):
    (question,), answer = await ask(stage, "多少钱"), await line(stage, "¥98")
    await settle(stage, question, answer)
    await undone(stage, await latest(stage))
    await undone(stage, await latest(stage))
    (done,) = await queue(stage, settled=True)
    assert done.answer_id == answer.id


async def test_only_who_may_speak_settles_and_reopens(stage):
    (question,) = await ask(stage, "多少钱")
    with pytest.raises(Forbidden):
        await settle(stage, question, by=stage.staff[Role.FINANCE])
    async with stage.session() as session:
        assert await acts.listing(session, stage.shop.brand_id, stage.room_id, None) == []


# Answered again


async def test_the_same_answer_again_is_the_answer_and_another_one_is_told_that_it_is_settled(stage):
    (question,) = await ask(stage, "多少钱")
    answer = await line(stage, "¥98", writer_id=stage.host.id)

    async def answered(who, ref: str, words: str) -> UUID | None:
        async with stage.session() as session:
            return await asked.answered(session, who, stage.room_id, question.id, ref, words)

    assert await answered(stage.host, answer.ref, "¥98") is None
    await settle(stage, question, answer)
    assert await answered(stage.host, answer.ref, " ¥98 ") == answer.id
    for who, ref, words in (
        (stage.host, "k2", "¥98"),
        (stage.host, answer.ref, "¥99"),
        (stage.owner, answer.ref, "¥98"),
    ):
        with pytest.raises(asked.AlreadySettled):
            await answered(who, ref, words)
