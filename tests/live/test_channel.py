"""One topic's tick, with time in the test's hands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from live.broker import NumberedFact
from live.channel import Channel, Pace, Stats, sample
from live.events import Position
from live.wire import Frame


class Handle:
    def __init__(self, at: float, run: Callable[[], object]) -> None:
        self.at, self.run, self.cancelled = at, run, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        self.due.append(Handle(self.now + delay, callback))
        return cast(asyncio.TimerHandle, self.due[-1])

    def call_soon(self, callback: Callable[[], object], /) -> asyncio.Handle:
        return self.call_later(0, callback)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.due and min(handle.at for handle in self.due) <= end + 1e-9:
            handle = min(self.due, key=lambda handle: handle.at)
            self.due.remove(handle)
            self.now = max(self.now, handle.at)
            if not handle.cancelled:
                handle.run()
        self.now = end


class Seat:
    """A session, as far as a channel knows one."""

    def __init__(self, takes: int | None = None) -> None:
        self.heard: list[bytes] = []
        self.cut = False
        self._takes = takes

    def write(self, frame: Frame) -> bool:
        if self._takes is not None and len(self.heard) >= self._takes:
            return False
        self.heard.append(frame.framed)
        return True

    def deliver(self, frame: Frame) -> None:
        assert self.write(frame)

    def too_slow(self) -> None:
        self.cut = True

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(framed[framed.index(b'{"type"') :]) for framed in self.heard]


START = Position(7, 0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def channel(clock: Clock, pace: Pace | None = None) -> Channel:
    made = Channel("room:1", clock, pace or Pace(), Stats())
    made.open(START)
    return made


def sit(channel: Channel, seat: Seat) -> Seat:
    channel.enter(cast(Any, seat))
    channel.seat(cast(Any, seat))
    return seat


def fact(offset: int) -> NumberedFact:
    return NumberedFact(Position(7, offset), "room.pinned", msgspec.Raw(b'{"card":null}'), f"id-{offset}")


def lines(first: int, count: int) -> list[bytes]:
    return [b'{"kind":"chat.said","id":"%d"}' % n for n in range(first, first + count)]


def test_a_quiet_room_hears_news_at_once(clock: Clock) -> None:
    room = channel(clock)
    seat = sit(room, Seat())
    room.facts([fact(1)])
    clock.pass_time(0)
    assert seat.frames == [
        {
            "type": "batch",
            "topic": "room",
            "position": "7-1",
            "facts": [{"o": 1, "kind": "room.pinned", "data": {"card": None}}],
            "talk": [],
        }
    ]


def test_a_busy_room_hears_one_frame_a_tick(clock: Clock) -> None:
    room = channel(clock)
    seat = sit(room, Seat())
    for n in range(200):  # one second of two hundred facts
        room.facts([fact(n + 1)])
        clock.pass_time(0.005)
    assert 19 <= len(seat.heard) <= 21
    clock.pass_time(0.1)
    assert [f["o"] for frame in seat.frames for f in frame["facts"]] == list(range(1, 201))


def test_the_tick_grows_with_the_crowd(clock: Clock) -> None:
    pace = Pace()
    assert pace.tick(0) == pytest.approx(0.05)
    assert pace.tick(500) == pytest.approx(0.075)
    assert pace.tick(5000) == pytest.approx(0.1)


def test_everybody_gets_the_same_bytes(clock: Clock) -> None:
    room = channel(clock)
    seats = [sit(room, Seat()) for _ in range(3)]
    for n in range(1, 6):
        room.facts([fact(n)])
        room.talk(lines(n, 2))
        room.show(here=n)
        clock.pass_time(0.03)
    clock.pass_time(1)
    assert seats[0].heard
    assert seats[0].heard == seats[1].heard == seats[2].heard


def test_a_crowd_talking_is_sampled_and_facts_never_are(clock: Clock) -> None:
    stats = Stats()
    room = Channel("room:1", clock, Pace(talk_per_s=80), stats)
    room.open(START)
    seat = sit(room, Seat())
    clock.pass_time(1)
    for n in range(500):
        room.talk(lines(n * 2, 2))
        room.facts([fact(n + 1)])
        clock.pass_time(0.01)
    clock.pass_time(1)
    talk = [line["id"] for frame in seat.frames for line in frame["talk"]]
    assert 5 * 80 <= len(talk) <= 6 * 80 + 1  # the first second's allowance was saved up
    assert talk == sorted(talk, key=int)
    assert [f["o"] for frame in seat.frames for f in frame["facts"]] == list(range(1, 501))
    assert stats.talk_heard == 1000
    assert stats.talk_sampled_out == 1000 - len(talk)


def test_a_room_below_the_cap_hears_every_line(clock: Clock) -> None:
    room = channel(clock)
    seat = sit(room, Seat())
    for n in range(300):
        room.talk(lines(n, 1))
        clock.pass_time(1 / 60)
    clock.pass_time(1)
    assert [int(line["id"]) for frame in seat.frames for line in frame["talk"]] == list(range(300))


def test_two_processes_choose_the_same_lines() -> None:
    said = lines(0, 100)
    assert sample(said, 8) == sample(list(said), 8)
    assert len(sample(said, 8)) == 8
    assert set(sample(said, 8)) <= set(sample(said, 20))


def test_only_the_last_count_before_a_tick_is_told(clock: Clock) -> None:
    room = channel(clock)
    seat = sit(room, Seat())
    room.show(here=1)
    clock.pass_time(0)
    for likes in range(50):
        room.show(likes=likes)
    clock.pass_time(1)
    room.facts([fact(1)])
    clock.pass_time(1)
    counts = [{k: frame[k] for k in ("here", "likes") if k in frame} for frame in seat.frames]
    assert counts == [{"here": 1}, {"here": 1, "likes": 49}, {}]


def test_a_seat_taken_in_mid_show_is_told_the_counts(clock: Clock) -> None:
    room = channel(clock)
    room.show(here=12, likes=900)
    clock.pass_time(1)
    assert sit(room, Seat()).frames[0]["here"] == 12


def test_talk_said_while_entering_is_heard_on_sitting_down_unless_seen(clock: Clock) -> None:
    room = channel(clock)
    late = Seat()
    room.enter(cast(Any, late))
    room.talk(lines(1, 3))
    clock.pass_time(1)
    room.seat(cast(Any, late), shown=lines(1, 2))
    assert [line["id"] for frame in late.frames for line in frame["talk"]] == ["3"]


def test_a_slow_seat_is_cut_and_the_others_hear_on(clock: Clock) -> None:
    room = channel(clock)
    slow, quick = sit(room, Seat(takes=2)), sit(room, Seat())
    for n in range(1, 6):
        room.facts([fact(n)])
        clock.pass_time(1)
    assert slow.cut
    assert len(quick.heard) == 5


def test_nothing_is_written_before_the_topic_is_open(clock: Clock) -> None:
    room = Channel("room:1", clock, Pace(), Stats())
    room.facts([fact(1)])
    clock.pass_time(1)
    assert room.sent is None
    room.open(START)
    clock.pass_time(1)
    assert room.sent == Position(7, 1)


def test_losing_continuity_sends_what_came_before_and_empties_the_seats(clock: Clock) -> None:
    room = channel(clock)
    seat = sit(room, Seat())
    room.facts([fact(1)])
    assert room.lose(Position(9, 4)) == {cast(Any, seat)}
    assert seat.frames[-1]["position"] == "7-1"
    assert room.sent == Position(9, 4)
    assert not room.seats


def test_what_everybody_is_shown_is_not_sampled_and_takes_the_place_of_other_lines() -> None:
    said = [b'{"id":"%d","text":"\\"always\\":true"}' % n for n in range(40)]
    said[20] = b'{"id":"20","always":true}'
    assert said[20] in sample(said, 5)
    assert len(sample(said, 5)) == 5
    answers = [b'{"id":"%d","always":true}' % n for n in range(8)]
    assert sample([*answers, *said], 5) == [*answers, said[20]]
