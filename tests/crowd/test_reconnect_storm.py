"""A whole room loses its connections at once, while things happen in it, and comes back with its positions."""

from __future__ import annotations

import asyncio

import msgspec

from live.events import room_topic
from tests.crowd.seats import Ear, Seat, enter_all, seated, steadily
from tests.live.rooms import ROOM
from tests.live.test_transport import House, house

CROWD = 60
FACTS_PER_S, LINES_PER_S = 50, 100


async def test_a_room_that_is_cut_off_twice_hears_every_fact_once(redis_url):
    async with house(redis_url) as home:
        ear = Ear()
        seats = [Seat(f"{home.url}/m{n}", ear) for n in range(CROWD)]
        async with seated(seats):
            goes_on = asyncio.create_task(show(home, seconds=4))
            for _ in range(2):
                await asyncio.sleep(0.5)
                for seat in seats:
                    seat.drop()
                await asyncio.gather(*(seat.gone.wait() for seat in seats))
                await asyncio.sleep(0.3)
                assert not await enter_all(seats, at_once=CROWD)
            await goes_on

            tail = await home.broker.tail(room_topic(ROOM))
            assert tail.offset == home.shop.committed > 0
            async with asyncio.timeout(10):
                while any(seat.positions["room"] < tail for seat in seats):
                    await asyncio.sleep(0.05)
            assert [(seat.lost, seat.doubled) for seat in seats] == [(0, 0)] * CROWD
            assert {(seat.snapshots, seat.resumed) for seat in seats} == {(1, 2)}
            assert {seat.positions["room"] for seat in seats} == {tail}
            assert home.hub.stats.gaps == 0


async def show(home: House, seconds: float) -> None:
    async def say(number: int) -> None:
        line = {"kind": "chat.said", "id": str(number), "text": "来了"}
        await home.broker.say(room_topic(ROOM), [msgspec.json.encode(line)])

    async def tell(_: int) -> None:
        await home.shop.happen()

    await asyncio.gather(steadily(FACTS_PER_S, seconds, tell), steadily(LINES_PER_S, seconds, say))
