"""Who is in a room: members of several processes, on every layout that it has to hold on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from live.broker import BrokerUnavailable
from live.presence import Presence
from tests.live.servers import Site, lose_everything

ROOM = "1"


@pytest.fixture
async def process(site: Site) -> AsyncIterator[Callable[..., Presence]]:
    """Each call is another process."""
    started: list[Presence] = []

    def start(**settings: Any) -> Presence:
        started.append(Presence(site.url, f"p{len(started)}", **{"linger_s": 0, **settings}))
        return started[-1]

    yield start
    for presence in started:
        await presence.aclose()


async def until(true: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.02)


async def kill(presence: Presence) -> None:
    """What is left of a process that was killed: nobody renews its lease."""
    for task in presence._tasks:
        task.cancel()
    await asyncio.gather(*presence._tasks, return_exceptions=True)


async def test_a_member_with_two_phones_and_a_laptop_is_one_viewer(process: Callable[..., Presence]) -> None:
    here, there = process(), process()
    assert await here.enter(ROOM, "ann", {"name": "Ann"}) is True
    assert await here.enter(ROOM, "ann", {"name": "Ann"}) is False
    assert await there.enter(ROOM, "ann", {"name": "Ann"}) is False
    assert await there.enter(ROOM, "bob", {"name": "Bob"}) is True
    assert await here.count(ROOM) == await there.count(ROOM) == 2
    here.leave(ROOM, "ann")
    here.leave(ROOM, "ann")
    there.leave(ROOM, "bob")

    async def only_ann() -> bool:
        return list(await here.here(ROOM)) == ["ann"]

    await until(only_ann)
    assert await here.count(ROOM) == 1


async def test_the_control_page_sees_who_is_here_and_whose_customer_they_are(
    process: Callable[..., Presence],
) -> None:
    here, there = process(), process()
    info = {"name": "王小明", "store": "Hangzhou", "guide": "Li", "tags": ["VIP"]}
    await here.enter(ROOM, "ann", info)
    await there.enter(ROOM, "bob", {"name": "Bob"})
    await there.enter("2", "cai", {"name": "Cai"})
    assert await there.here(ROOM) == {"ann": info, "bob": {"name": "Bob"}}
    assert await here.here("empty") == {}


async def test_a_reload_is_neither_a_leave_nor_an_arrival(process: Callable[..., Presence]) -> None:
    here = process(linger_s=5)
    await here.enter(ROOM, "ann", {})
    here.leave(ROOM, "ann")
    assert await here.count(ROOM) == 1
    assert await here.enter(ROOM, "ann", {}) is False
    assert await here.count(ROOM) == 1


async def test_viewers_of_a_killed_process_vanish_with_its_lease(process: Callable[..., Presence]) -> None:
    doomed, alive = process(lease_s=1.0), process(lease_s=1.0)
    await doomed.enter(ROOM, "ann", {})
    await doomed.enter(ROOM, "both", {})
    await alive.enter(ROOM, "both", {})
    assert await alive.count(ROOM) == 3 - 1
    await kill(doomed)

    async def gone() -> bool:
        return await alive.count(ROOM) == 1

    await until(gone, seconds=5)
    assert list(await alive.here(ROOM)) == ["both"]
    assert await alive.enter(ROOM, "ann", {}) is True


async def test_whoever_counted_the_last_processs_viewers_sees_them_vanish_too(
    process: Callable[..., Presence],
) -> None:
    doomed, watching = process(lease_s=0.6), process()
    for member in ("ann", "bob"):
        await doomed.enter(ROOM, member, {})
    assert await watching.count(ROOM) == 2
    await kill(doomed)
    async with asyncio.timeout(20):
        while await watching.count(ROOM):
            await asyncio.sleep(0.1)


async def test_a_process_that_ends_takes_its_viewers_along_at_once(process: Callable[..., Presence]) -> None:
    ending, staying = process(), process()
    await ending.enter(ROOM, "ann", {})
    await staying.enter(ROOM, "bob", {})
    await ending.aclose()
    assert await staying.count(ROOM) == 1


async def test_only_rooms_whose_count_changed_are_told(process: Callable[..., Presence]) -> None:
    here, there = process(), process()
    await here.enter(ROOM, "ann", {})
    assert await here.changes([ROOM, "2"]) == {ROOM: 1, "2": 0}
    assert await here.changes([ROOM, "2"]) == {}
    await there.enter(ROOM, "bob", {})
    await there.enter(ROOM, "ann", {})
    assert await here.changes([ROOM, "2"]) == {ROOM: 2}
    there.leave(ROOM, "ann")
    assert await here.changes([ROOM, "2"]) == {}


async def test_everybody_is_back_after_the_server_forgot_them(
    process: Callable[..., Presence], site: Site
) -> None:
    here = process(lease_s=1.0)
    for n in range(1200):
        await here.enter(ROOM, f"m{n}", {"n": n})
    async with site.owner(f"{{room:{ROOM}}}") as client:
        await client.flushall()

        async def back() -> bool:
            return await here.count(ROOM) == 1200

        await until(back)
        await client.srem(f"{{room:{ROOM}}}:m:p0", "m7")
        await client.sadd(f"{{room:{ROOM}}}:m:p0", "ghost1", "ghost2")

        async def mended() -> bool:
            members = await here.here(ROOM)
            return len(members) == 1200 and await client.scard(f"{{room:{ROOM}}}:m:p0") == 1200

        await until(mended)
    assert (await here.here(ROOM))["m7"] == {"n": 7}


async def test_presence_outlives_a_killed_server(valkey_server: Callable[[], Any]) -> None:
    server = valkey_server()
    here = Presence(server.url, "p0", lease_s=1.0, linger_s=0)
    await here.enter(ROOM, "ann", {})
    assert await here.count(ROOM) == 1
    lose_everything(server)
    assert await here.enter(ROOM, "bob", {}) is False  # nobody knows
    assert await here.count(ROOM) == 2  # its own, at least
    with pytest.raises(BrokerUnavailable):
        await here.here(ROOM)
    here.leave(ROOM, "ann")
    await asyncio.to_thread(server.start)

    async def bob_alone() -> bool:
        return list(await here.here(ROOM)) == ["bob"]

    await until(bob_alone)
    await here.aclose()
