"""A fifth of a room of 1,000 stops reading: it is cut, and the others hear as before.

What it costs them is the ratio of two runs, one after the other: 800 who read, and the same 800 beside 200 who stop at
its beginning. Lines are long and come at the rate that a room shows at most, so that what the kernels keep for somebody
who doesn't read is soon full.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass
from statistics import median

import msgspec
import uvloop

from live.events import room_topic
from live.protocol import CloseCode
from scripts.soaks.premises import Premises, premises
from scripts.soaks.promises import Promises
from tests.crowd.seats import Ear, Heard, Seat, enter_all, leave_all, steadily

WITHIN_S = (180, 600)
READERS, STALLED = 800, 200
LINES_PER_S = 100
CUT_WITHIN_S = 5.0
PHONE_BUFFER = 16 * 1024
"""What the kernel keeps of a phone that stops reading. Its default hides one for some seconds more."""
AT_MOST_SLOWER = 1.5
AT_MOST_MB = 64.0
CAUGHT_UP_WITHIN_S = 10.0
TEXT = "这一条弹幕写得很长，因为写的人想把想说的都说完。" * 12


def run(promises: Promises, short: bool) -> None:
    uvloop.run(soak(promises, pairs=3 if short else 9, seconds=5.0 if short else 10.0))


@dataclass
class Run:
    """`cut_s`: when no more than the readers were left."""

    p99_ms: float
    most_mb: float
    due: int
    heard: int
    cut_s: float | None


class Listeners:
    """How late each line came to each of those who read."""

    def __init__(self) -> None:
        self.late_s = array("d")

    def note(self, _: Seat, heard: Heard, at: float) -> None:
        for line in heard.lines:
            if line.sent:
                self.late_s.append(at - line.sent)


async def soak(promises: Promises, pairs: int, seconds: float) -> None:
    async with premises() as house:
        urls = await house.seat_urls(await house.stage.shop.members(READERS + STALLED))
        listeners, ear = Listeners(), Ear()
        readers = [Seat(url, ear, listeners.note) for url in urls[STALLED:]]
        await enter_all(readers)
        await leave_all(await stall(urls))  # the visits of those who come for the first time are written
        await measured(house, listeners, 3.0)
        ratios, grown_mb, missing, due = [], [], 0, 0
        for _ in range(pairs):
            alone = await measured(house, listeners, seconds)
            stalled = await stall(urls)
            beside = await measured(house, listeners, seconds)
            in_time = beside.cut_s is not None and beside.cut_s <= CUT_WITHIN_S
            failed, codes = await how_they_ended(stalled)
            promises.count(
                "stalled_crowd.stalled_are_cut_within_5_s", STALLED, failed if in_time else STALLED, codes
            )
            promises.say(
                f"p99 {alone.p99_ms:.0f} ms alone, {beside.p99_ms:.0f} ms beside {STALLED} stalled; "
                f"all cut in {beside.cut_s or float('nan'):.1f} s {codes}; "
                f"{alone.most_mb:.0f} MB, then {beside.most_mb:.0f} MB"
            )
            ratios.append(beside.p99_ms / alone.p99_ms)
            grown_mb.append(beside.most_mb - alone.most_mb)
            due += alone.due + beside.due
            missing += alone.due + beside.due - alone.heard - beside.heard
        promises.say(f"p99 {median(ratios):.2f} times as late (median of {pairs}), {max(grown_mb):+.1f} MB")
        promises.count("stalled_crowd.others_hear_every_line", due, missing)
        lost = sum(seat.gone.is_set() for seat in readers)
        promises.count("stalled_crowd.others_stay", READERS, lost)
        promises.count(
            "stalled_crowd.others_p99_within_1.5_times", 1, median(ratios) > AT_MOST_SLOWER, ratios
        )
        too_much = [mb for mb in grown_mb if mb > AT_MOST_MB]
        promises.count("stalled_crowd.memory_within_64_mb", pairs, len(too_much), too_much)
        for seat in readers:
            seat.drop()


async def stall(urls: list[str]) -> list[Seat]:
    """Those who come in and then read nothing more."""
    stalled = [Seat(url, Ear()) for url in urls[:STALLED]]
    await enter_all(stalled, receive_buffer=PHONE_BUFFER)
    await asyncio.sleep(1.5)  # the room has been told who came
    for seat in stalled:
        seat.stall()
    return stalled


async def measured(house: Premises, listeners: Listeners, seconds: float) -> Run:
    """A run of talk, until the last of its lines has come to all of those who read."""
    loop, topic = asyncio.get_running_loop(), room_topic(house.stage.room_id)
    began, listeners.late_s = loop.time(), array("d")
    most_mb, cut_s = house.rss_mb(), None

    async def say(number: int) -> None:
        line = {"kind": "chat.said", "id": str(number), "text": TEXT, "always": True, "sent": loop.time()}
        await house.broker.say(topic, [msgspec.json.encode(line)])

    async def look() -> None:
        nonlocal most_mb, cut_s
        while True:
            most_mb = max(most_mb, house.rss_mb())
            if (await house.room_figures())["sessions"] <= READERS and cut_s is None:
                cut_s = loop.time() - began
            await asyncio.sleep(0.25)

    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(look())
        due = READERS * await steadily(LINES_PER_S, seconds, say)
        looking.cancel()
    ends = loop.time() + CAUGHT_UP_WITHIN_S
    while len(listeners.late_s) < due and loop.time() < ends:  # noqa: ASYNC110  a count of very many
        await asyncio.sleep(0.05)
    late = sorted(listeners.late_s)
    return Run(late[int(len(late) * 0.99)] * 1000, most_mb, due, len(late), cut_s)


async def how_they_ended(stalled: list[Seat]) -> tuple[int, dict[int | None, int]]:
    """How many didn't with 4008 or a dropped connection; and the codes. They read on to learn it."""
    for seat in stalled:
        seat.read_on()
    await asyncio.wait([asyncio.ensure_future(seat.gone.wait()) for seat in stalled], timeout=10)
    codes: dict[int | None, int] = {}
    for seat in stalled:
        if seat.gone.is_set():
            codes[seat.close_code] = codes.get(seat.close_code, 0) + 1
    right = sum(codes.get(code, 0) for code in (int(CloseCode.SLOW), None))
    return len(stalled) - right, codes
