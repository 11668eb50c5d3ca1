"""Questions of one process, gathered: while one batch is answered, the next comes together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

H = TypeVar("H", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")

MAX_BATCH = 256


class Gathering(Generic[Q, A]):
    """`answer` gets 1 to MAX_BATCH questions and gives an answer to each, in their order; one that is an exception is
    raised to whoever asked, and one that it raises itself to all of the batch."""

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A | BaseException]]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        await asyncio.sleep(0)  # let the questions of this moment arrive together
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            batch = [(question, answer) for question, answer in batch if not answer.done()]  # not given up
            if batch:
                await self._settle(batch)

    async def _settle(self, batch: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        outcomes: Sequence[A | BaseException]
        try:
            outcomes = await self._answer([question for question, _ in batch])
        except Exception as error:
            outcomes = [error] * len(batch)
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if answer.done():
                continue
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)


def each_once(ask: Callable[[H], Awaitable[A]]) -> Gathering[H, A]:
    """The same question of many is asked once a batch, beside the others."""

    async def answer(questions: Sequence[H]) -> list[A | BaseException]:
        different = list(dict.fromkeys(questions))
        answers: list[Any] = await asyncio.gather(*(ask(one) for one in different), return_exceptions=True)
        found = dict(zip(different, answers, strict=True))
        return [found[question] for question in questions]

    return Gathering(answer)
