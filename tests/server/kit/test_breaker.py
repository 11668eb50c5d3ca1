"""Doing without Redis for a while: who asks, who doesn't wait, and when it is tried again."""

from __future__ import annotations

import asyncio

import pytest

from server.kit.breaker import Breaker, LeftAlone
from server.kit.redis import GateDown
from tests.server.ticks import Ticks


class Asked:
    """Stands for Redis: counts the calls and does as told."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails: Exception | None = None
        self.hangs: asyncio.Event | None = None

    async def __call__(self) -> str:
        self.calls += 1
        if self.hangs:
            await self.hangs.wait()
        if self.fails:
            raise self.fails
        return "answer"


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def breaker(ticks: Ticks) -> Breaker:
    return Breaker(ticks)


async def test_after_a_failure_nobody_asks_until_the_pause_is_over(breaker, ticks):
    redis = Asked()
    redis.fails = GateDown("gone")
    with pytest.raises(GateDown, match="gone"):
        await breaker.ask(redis)
    ticks.at = Breaker.PAUSE_S - 0.01
    with pytest.raises(LeftAlone):
        await breaker.ask(redis)
    assert redis.calls == 1
    redis.fails, ticks.at = None, Breaker.PAUSE_S
    assert [await breaker.ask(redis) for _ in range(2)] == ["answer"] * 2


async def test_after_the_pause_one_tries_and_the_others_pass_by(breaker, ticks):
    redis = Asked()
    redis.fails = GateDown("gone")
    with pytest.raises(GateDown):
        await breaker.ask(redis)
    redis.fails, redis.hangs, ticks.at = None, asyncio.Event(), Breaker.PAUSE_S
    trying = asyncio.create_task(breaker.ask(redis))
    await asyncio.sleep(0)
    with pytest.raises(LeftAlone):
        await breaker.ask(redis)
    redis.hangs.set()
    assert await trying == "answer"
    assert await breaker.ask(redis) == "answer"


async def test_one_more_failure_is_one_more_pause(breaker, ticks):
    redis = Asked()
    redis.fails = GateDown("gone")
    for ticks.at in (0.0, Breaker.PAUSE_S):
        with pytest.raises(GateDown, match="gone"):
            await breaker.ask(redis)
    ticks.at = 2 * Breaker.PAUSE_S - 0.01
    with pytest.raises(LeftAlone):
        await breaker.ask(redis)


async def test_an_answer_that_is_a_refusal_ends_the_pause(breaker, ticks):
    redis = Asked()
    redis.fails = GateDown("gone")
    with pytest.raises(GateDown):
        await breaker.ask(redis)
    redis.fails, ticks.at = ValueError("no such sale"), Breaker.PAUSE_S
    for _ in range(2):
        with pytest.raises(ValueError, match="no such sale"):
            await breaker.ask(redis)
