"""A fifth of a room stops reading: it is cut, and the others hear everything."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import msgspec

from live.channel import Pace
from live.events import room_topic
from live.protocol import CloseCode
from tests.crowd.seats import Ear, Heard, Seat, seated
from tests.live.rooms import ROOM
from tests.live.test_transport import house

CROWD, STALLED = 100, 20
LINES_PER_S = 200
CUT_WITHIN_LINES = 5 * LINES_PER_S
LONG = "这一条弹幕写得很长，因为写的人想把想说的都说完。" * 12
"""At that rate what the kernel keeps for somebody who doesn't read (some 300 KB) is full within two seconds."""


async def test_those_who_stop_reading_are_cut_and_the_others_hear_every_line(redis_url):
    heard: defaultdict[Seat, list[str]] = defaultdict(list)

    def note(seat: Seat, what: Heard, at: float) -> None:
        heard[seat].extend(line.id for line in what.lines)

    async with house(redis_url, Pace(talk_per_s=None)) as home:
        ear = Ear()
        seats = [Seat(f"{home.url}/m{n}", ear, note) for n in range(CROWD)]
        stalled, readers = seats[:STALLED], seats[STALLED:]
        async with seated(seats):
            for seat in stalled:
                seat.stall()
            said: list[str] = []
            async with asyncio.timeout(30):
                while len(home.hub.sessions) > len(readers):
                    line = {"kind": "chat.said", "id": str(len(said)), "text": LONG}
                    await home.broker.say(room_topic(ROOM), [msgspec.json.encode(line)])
                    said.append(line["id"])
                    await asyncio.sleep(1 / LINES_PER_S)
            assert len(said) <= CUT_WITHIN_LINES
            async with asyncio.timeout(30):
                while any(len(heard[seat]) < len(said) for seat in readers):
                    await asyncio.sleep(0.05)
            assert all(heard[seat] == said for seat in readers)
            assert not any(seat.gone.is_set() for seat in readers)
            assert home.hub.stats.closed_slow == STALLED

            for seat in stalled:
                seat.read_on()
            async with asyncio.timeout(30):
                await asyncio.gather(*(seat.gone.wait() for seat in stalled))
            assert {seat.close_code for seat in stalled} <= {CloseCode.SLOW, None}
