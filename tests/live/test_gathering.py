from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from live.gathering import MAX_BATCH, Gathering, each_once


class Answerer:
    """Doubles numbers, and keeps what it was asked; `busy` holds an answer back, a negative number is refused."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.busy = asyncio.Event()
        self.busy.set()

    async def __call__(self, questions: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(questions))
        await self.busy.wait()
        if 0 in questions:
            raise ConnectionError("nobody can be asked")
        return [ValueError(str(n)) if n < 0 else 2 * n for n in questions]


async def test_questions_of_one_moment_are_one_batch_and_each_gets_its_own_answer():
    answerer = Answerer()
    gathering = Gathering(answerer)
    answers = await asyncio.gather(*(gathering.ask(n) for n in range(1, 11)))
    assert answers == [2 * n for n in range(1, 11)]
    assert answerer.batches == [list(range(1, 11))]


async def test_who_comes_while_a_batch_is_answered_is_in_the_next():
    answerer = Answerer()
    answerer.busy.clear()
    gathering = Gathering(answerer)
    first = asyncio.create_task(gathering.ask(1))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(gathering.ask(n)) for n in range(2, MAX_BATCH + 10)]
    await asyncio.sleep(0.01)
    answerer.busy.set()
    await asyncio.gather(first, *rest)
    assert [len(batch) for batch in answerer.batches] == [1, MAX_BATCH, 8]


async def test_a_refusal_is_told_to_whoever_it_is_for_and_a_failure_to_the_whole_batch():
    gathering = Gathering(Answerer())
    refused, told = await asyncio.gather(gathering.ask(-1), gathering.ask(1), return_exceptions=True)
    assert isinstance(refused, ValueError)
    assert told == 2
    failed = await asyncio.gather(gathering.ask(0), gathering.ask(1), return_exceptions=True)
    assert [type(one) for one in failed] == [ConnectionError] * 2
    assert await gathering.ask(3) == 6


async def test_whoever_gave_up_is_not_asked_about():
    answerer = Answerer()
    answerer.busy.clear()
    gathering = Gathering(answerer)
    first, second, third = (asyncio.create_task(gathering.ask(n)) for n in (1, 2, 3))
    await asyncio.sleep(0.01)
    late = [asyncio.create_task(gathering.ask(n)) for n in (4, 5)]
    await asyncio.sleep(0.01)
    late[0].cancel()
    answerer.busy.set()
    assert await asyncio.gather(first, second, third, late[1]) == [2, 4, 6, 10]
    assert answerer.batches == [[1, 2, 3], [5]]
    with pytest.raises(asyncio.CancelledError):
        await late[0]


async def test_the_same_question_of_many_is_asked_once():
    asked: list[str] = []

    async def ask(word: str) -> str:
        asked.append(word)
        if word == "away":
            raise ConnectionError
        return word.upper()

    gathering = each_once(ask)
    words = ["tea", "cup", "tea", "away", "tea"]
    answers = await asyncio.gather(*(gathering.ask(word) for word in words), return_exceptions=True)
    assert answers[:3] == ["TEA", "CUP", "TEA"]
    assert isinstance(answers[3], ConnectionError)
    assert asked == ["tea", "cup", "away"]
