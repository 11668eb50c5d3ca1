"""The counter behind the limits: in Valkey, and in the process while Valkey is away."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from server.kit.breaker import Breaker
from server.kit.limits import Limiter, address_of
from server.kit.problems import TooMany
from server.kit.redis import Redis, connect
from server.run.embedded import RunningServer
from tests.server.ticks import Ticks


async def _passed(limiter: Limiter, tries: int, limit: int, who: str = "wang") -> int:
    results = await asyncio.gather(
        *(limiter.take("test", who, limit, 60) for _ in range(tries)), return_exceptions=True
    )
    assert all(result is None or isinstance(result, TooMany) for result in results)
    return results.count(None)


async def test_no_more_than_the_limit_pass_at_once(redis: Redis) -> None:
    assert await _passed(Limiter(redis), 200, 50) == 50


async def test_each_caller_has_a_count_of_their_own(redis: Redis) -> None:
    limiter = Limiter(redis)
    assert await _passed(limiter, 3, 2, "wang") == 2
    assert await _passed(limiter, 3, 2, "li") == 2


async def test_what_is_given_back_can_be_taken_again(redis: Redis) -> None:
    limiter = Limiter(redis)
    assert await _passed(limiter, 2, 2) == 2
    await limiter.give_back("test", "wang")
    assert await _passed(limiter, 2, 2) == 1


async def test_giving_back_more_than_was_taken_earns_nothing(redis: Redis) -> None:
    limiter = Limiter(redis)
    for _ in range(5):
        await limiter.give_back("test", "wang")
    assert await _passed(limiter, 3, 2) == 2


async def test_the_refusal_says_when_to_come_back(redis: Redis) -> None:
    limiter = Limiter(redis)
    await limiter.take("test", "wang", 1, 60)
    with pytest.raises(TooMany) as refused:
        await limiter.take("test", "wang", 1, 60)
    assert 55 <= refused.value.data["retry_after_s"] <= 60


async def test_a_window_ends_in_redis(redis: Redis) -> None:
    limiter = Limiter(redis)
    await limiter.take("test", "wang", 1, 60)
    (key,) = await redis.keys("limit:test:*")
    await redis.pexpire(key, 1)
    async with asyncio.timeout(20):
        while await redis.exists(key):
            await asyncio.sleep(0)
    await limiter.take("test", "wang", 1, 60)


async def test_the_process_counts_alone_while_redis_is_away() -> None:
    ticks = Ticks()
    async with connect("redis://127.0.0.1:1") as nowhere:
        limiter = Limiter(nowhere, ticks)
        assert await _passed(limiter, 20, 5) == 5
        await limiter.give_back("test", "wang")
        assert await _passed(limiter, 20, 5) == 1
        ticks.at = 61
        assert await _passed(limiter, 20, 5) == 5


async def test_redis_is_asked_again_after_it_came_back(valkey_server: Callable[[], RunningServer]) -> None:
    server, ticks = valkey_server(), Ticks()
    async with connect(server.url) as client:
        limiter = Limiter(client, ticks)
        assert await _passed(limiter, 1, 10) == 1
        server.kill()
        assert await _passed(limiter, 1, 10) == 1
        server.start()
        ticks.at = Breaker.PAUSE_S
        assert await _passed(limiter, 1, 10) == 1
        assert [int(await client.get(key) or 0) for key in await client.keys("limit:*")] in ([1], [2])


async def test_a_crowd_waits_once_for_a_redis_that_hangs(valkey_server: Callable[[], RunningServer]) -> None:
    server = valkey_server()
    async with connect(server.url) as client:
        limiter = Limiter(client, Ticks())
        assert await _passed(limiter, 1, 200) == 1
        os.kill(server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(3.5):  # not the time-out of 2 s for each 32 of them
                assert await _passed(limiter, 200, 150) == 150
        finally:
            os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix", "unix"),
    ],
)
def test_an_ipv6_caller_stands_for_the_network_of_the_house(host: str, group: str) -> None:
    class Connection:
        class client:
            pass

    Connection.client.host = host  # type: ignore[attr-defined]
    assert address_of(Connection) == group  # type: ignore[arg-type]
