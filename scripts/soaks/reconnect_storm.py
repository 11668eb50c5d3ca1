"""500 viewers lose their connections in one moment and come back at once: no fact is lost, none comes twice.

Facts and talk go on meanwhile. Nobody waits before the first try, as pages do, so this is the worst moment that a room
can have. It is measured beside their coming in for the first time, fifty at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import uvloop

from live.events import Position, RoomEvent, room_topic
from live.protocol import CloseCode
from scripts.soaks.premises import Premises, premises
from scripts.soaks.promises import Promises
from tests.crowd.seats import Ear, Heard, Seat, enter_all, steadily

WITHIN_S = (150, 600)
CROWD = 500
FACTS_PER_S, LINES_PER_S = 50, 100
APART_S = 2.0
RESYNC_S = 2.0
"""For each to be back in, and the goal on a quiet machine; a busy one may take as long as the crowd took to come in."""
BACK_WITHIN_S = 30.0


def run(promises: Promises, short: bool) -> None:
    uvloop.run(soak(promises, storms=2 if short else 20))


class Returns:
    """How long each took from connecting again to the first fact that was told since."""

    def __init__(self) -> None:
        self.began: dict[Seat, float] = {}
        self.took_s: dict[Seat, float] = {}

    def note(self, seat: Seat, heard: Heard, at: float) -> None:
        if seat in self.took_s or seat not in self.began:
            return
        if any(told.sent > self.began[seat] for told in heard.told):
            self.took_s[seat] = at - self.began[seat]

    async def come_back(self, seats: list[Seat]) -> tuple[list[float], Counter[str]]:
        """The times, shortest first; and why somebody had to try again."""
        self.took_s.clear()
        self.began = dict.fromkeys(seats, asyncio.get_running_loop().time())
        async with asyncio.timeout(BACK_WITHIN_S):
            turned_away = await enter_all(seats, at_once=len(seats))
            while len(self.took_s) < len(seats):  # noqa: ASYNC110  a set of many
                await asyncio.sleep(0.02)
        return sorted(self.took_s.values()), turned_away


async def soak(promises: Promises, storms: int) -> None:
    async with premises() as house:
        returns, ear, over = Returns(), Ear(), asyncio.Event()
        urls = await house.seat_urls(await house.stage.shop.members(CROWD))
        seats = [Seat(url, ear, returns.note) for url in urls]
        came_s = -asyncio.get_running_loop().time()
        why = await enter_all(seats)
        came_s += asyncio.get_running_loop().time()
        promises.say(f"{CROWD} came in within {came_s:.2f} s{turned_away(why)}")
        goes_on = asyncio.create_task(show(house, over))
        late, wrongly = 0, Counter[str]()
        for _ in range(storms):
            await asyncio.sleep(APART_S)
            for seat in seats:
                seat.drop()
            await asyncio.gather(*(seat.gone.wait() for seat in seats))
            took, why = await returns.come_back(seats)
            half, p95, most = took[len(took) // 2], took[int(len(took) * 0.95)], took[-1]
            promises.say(
                f"back in {half:.2f} s (median), {p95:.2f} s (p95), {most:.2f} s (all){turned_away(why)}"
            )
            late += sum(seconds > max(RESYNC_S, came_s) for seconds in took)
            wrongly += why
        over.set()
        told = await goes_on

        tail = await house.broker.tail(room_topic(house.stage.room_id))
        behind = await until_all_stand_at(seats, tail)
        promises.count("reconnect_storm.all_facts_were_numbered", told, abs(told - tail.offset))
        promises.count("reconnect_storm.no_fact_is_lost", CROWD * told, sum(s.lost for s in seats) + behind)
        promises.count("reconnect_storm.no_fact_comes_twice", CROWD * told, sum(s.doubled for s in seats))
        snapshots = sum(seat.snapshots - 1 for seat in seats)
        promises.count("reconnect_storm.all_are_resumed", CROWD * storms, snapshots)
        promises.count("reconnect_storm.back_as_fast_as_they_came", CROWD * storms, late)
        del wrongly[str(int(CloseCode.UNAVAILABLE))]
        promises.count("reconnect_storm.nobody_is_sent_away", CROWD * storms, wrongly.total(), dict(wrongly))
        alarms = house.alarms()
        promises.count("reconnect_storm.log_no_error", 1, bool(alarms), alarms[:3])
        for seat in seats:
            seat.drop()


def turned_away(why: Counter[str]) -> str:
    return f"; turned away {dict(why)}" if why else ""


async def show(house: Premises, over: asyncio.Event) -> int:
    """Facts and talk at their rates; how many facts were told."""
    loop, topic = asyncio.get_running_loop(), room_topic(house.stage.room_id)

    async def tell(number: int) -> None:
        data = {"n": number, "sent": loop.time()}
        await house.broker.append([RoomEvent(topic, "order.ticker", data, f"soak-{number}")])

    async def say(number: int) -> None:
        line = {"kind": "chat.said", "id": str(number), "text": "来了", "sent": loop.time()}
        await house.broker.say(topic, [msgspec.json.encode(line)])

    told, _ = await asyncio.gather(
        steadily(FACTS_PER_S, over.is_set, tell), steadily(LINES_PER_S, over.is_set, say)
    )
    return told


async def until_all_stand_at(seats: list[Seat], tail: Position) -> int:
    """How many don't, in the end."""
    for _ in range(100):
        if all(seat.positions["room"] == tail for seat in seats):
            break
        await asyncio.sleep(0.1)
    return sum(seat.positions["room"] != tail for seat in seats)
