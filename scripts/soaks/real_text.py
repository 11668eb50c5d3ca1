"""Published messages of real people, replayed through the chat: each is kept, heard and remembered once, in order.

English from the Chit Chat Challenge (`chitchat-dataset`, 138,737 messages), every eighth line Chinese
(`chatterbot-corpus`). Writers keep within their limits and say two lines in one breath. What is compared: what was
acknowledged, what a listener to the broker heard (no sample is taken there), rows, and the members' timelines.
"""

from __future__ import annotations

import asyncio
import itertools
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec
import uvloop
import yaml
from chatterbot_corpus.corpus import DATA_DIRECTORY
from chitchat_dataset import Dataset
from sqlalchemy import text

from live.broker import NumberedFact
from live.events import Position, room_topic
from live.protocol import Ack, ProblemFrame, Say
from scripts.soaks.premises import Premises, premises
from scripts.soaks.promises import Promises
from server.chat.rules import line as kept_line
from server.kit.problems import Problem
from tests.crowd.seats import Ear, Heard, Seat, enter_all

WITHIN_S = (180, 900)
LINES_PER_S = 200
WRITERS = 600
BREATH = 2
"""Lines that a writer says at once: 600 writers make it 2 lines in 6 seconds for each, and may say 5 in 10."""
CHINESE_EVERY = 8
SETTLED_WITHIN_S = 30.0
GROWTH = 1.05
WARM = 0.4
"""The part of a run in which memory may still grow: caches and pools fill."""


def run(promises: Promises, short: bool) -> None:
    uvloop.run(soak(promises, seconds=20.0 if short else 300.0))


def english() -> Iterator[str]:
    for conversation in Dataset().values():
        for turn in conversation["messages"]:
            for message in turn:
                yield message["text"]


def chinese() -> Iterator[str]:
    for file in sorted(Path(DATA_DIRECTORY, "chinese").glob("*.yml")):
        for conversation in yaml.safe_load(file.read_text())["conversations"]:
            yield from (str(said) for said in conversation)


def messages() -> Iterator[str]:
    """Without an end; those that nobody could say (empty, too long) are passed over."""
    two = itertools.cycle(chinese())
    for number, said in enumerate(itertools.cycle(english())):
        chosen = next(two) if number % CHINESE_EVERY == 0 else said
        try:
            kept_line(chosen)
        except Problem:
            continue
        yield chosen


class Line(msgspec.Struct):
    id: str
    member_id: str
    text: str


_line = msgspec.json.Decoder(Line)


class EveryLine:
    """Hears the room's topic at the broker: nothing is left out there."""

    def __init__(self) -> None:
        self.lines: list[tuple[Line, float]] = []

    def facts(self, topic: str, facts: Sequence[NumberedFact]) -> None: ...

    def gap(self, topic: str, tail: Position) -> None: ...

    def talk(self, topic: str, lines: Sequence[bytes]) -> None:
        now = asyncio.get_running_loop().time()
        self.lines += [(_line.decode(line), now) for line in lines if b'"chat.said"' in line]

    def counted(self, topic: str, totals: Mapping[str, int]) -> None: ...


class Writers:
    """What they said, by writer in order, and what became of it."""

    def __init__(self) -> None:
        self.said: dict[tuple[Seat, str], tuple[str, float]] = {}
        self.taken: dict[tuple[Seat, str], str] = {}
        self.refused: Counter[str] = Counter()
        self.ack_s = array("d")

    def say(self, seat: Seat, words: str) -> None:
        ref = f"r{len(self.said)}"
        self.said[seat, ref] = (words, asyncio.get_running_loop().time())
        seat.send(Say(ref, words))

    def note(self, seat: Seat, heard: Heard, at: float) -> None:
        frame = heard.frame
        if isinstance(frame, Ack):
            self.taken[seat, frame.ref] = frame.id
            self.ack_s.append(at - self.said[seat, frame.ref][1])
        elif isinstance(frame, ProblemFrame):
            self.refused[frame.problem["slug"]] += 1

    @property
    def unanswered(self) -> int:
        return len(self.said) - len(self.taken) - self.refused.total()


async def soak(promises: Promises, seconds: float) -> None:
    async with premises() as house:
        people = await house.stage.shop.members(WRITERS)
        writers, ear, every = Writers(), Ear(), EveryLine()
        seats = [Seat(url, ear, writers.note) for url in await house.seat_urls(people)]
        members = {seat: str(person.id) for seat, person in zip(seats, people, strict=True)}
        await enter_all(seats)
        topic = room_topic(house.stage.room_id)
        await house.broker.subscribe(topic, every)
        rss_mb = await replay(house, seats, writers, seconds)
        await until(lambda: writers.unanswered == 0 and len(every.lines) >= len(writers.taken))

        accepted = len(writers.taken)
        promises.say(
            f"{len(writers.said):,} said, {accepted:,} taken, refused {dict(writers.refused)}; "
            f"p99 {p99_ms(late(writers, every)):.0f} ms until heard, {p99_ms(writers.ack_s):.0f} ms until acknowledged"
        )
        promises.count("real_text.each_line_is_answered", len(writers.said), writers.unanswered)
        wrong = unheard(writers, every, members)
        promises.count("real_text.accepted_lines_are_heard_once", accepted, len(wrong), wrong[:3])
        wrong = out_of_order(writers, every, members)
        promises.count("real_text.each_writers_order_is_kept", WRITERS, len(wrong), wrong[:3])
        wrong = await differing_rows(house, writers, members)
        promises.count("real_text.rows_are_the_accepted_lines", accepted, len(wrong), wrong[:3])
        wrong = await missing_in_timelines(house, writers, members)
        promises.count("real_text.timelines_are_the_accepted_lines", accepted, len(wrong), wrong[:3])
        warm, end = median(rss_mb[: len(rss_mb) // 5]), median(rss_mb[-len(rss_mb) // 5 :])
        promises.say(f"web process {warm:.0f} MB after the first part, {end:.0f} MB in the end")
        promises.count("real_text.memory_stays", 1, end > GROWTH * warm, f"{warm} MB, then {end} MB")
        alarms = house.alarms()
        promises.count("real_text.log_no_error", 1, bool(alarms), alarms[:3])
        for seat in seats:
            seat.drop()


async def replay(house: Premises, seats: list[Seat], writers: Writers, seconds: float) -> list[float]:
    """The web process's memory once a second, from when it is warm."""
    loop, corpus, turns = asyncio.get_running_loop(), messages(), itertools.cycle(seats)
    began, rss_mb = loop.time(), []
    for breath in range(int(seconds * LINES_PER_S / BREATH)):
        due = began + breath * BREATH / LINES_PER_S
        await asyncio.sleep(due - loop.time())
        seat = next(turns)
        for _ in range(BREATH):
            writers.say(seat, next(corpus))
        if loop.time() - began > WARM * seconds + len(rss_mb):
            rss_mb.append(house.rss_mb())
    return rss_mb


async def until(true: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + SETTLED_WITHIN_S
    while not true() and loop.time() < ends:  # noqa: ASYNC110  counts of very many
        await asyncio.sleep(0.1)


def p99_ms(times_s: Sequence[float]) -> float:
    return sorted(times_s)[int(len(times_s) * 0.99)] * 1000


def late(writers: Writers, every: EveryLine) -> list[float]:
    """Seconds from saying to hearing, of each line."""
    said_at = {line_id: writers.said[key][1] for key, line_id in writers.taken.items()}
    return [at - said_at[line.id] for line, at in every.lines if line.id in said_at]


def expected(writers: Writers, members: Mapping[Seat, str]) -> dict[str, tuple[str, str]]:
    """By the line's id: whose, and its text as it is kept."""
    return {
        line_id: (members[seat], kept_line(writers.said[seat, ref][0]))
        for (seat, ref), line_id in writers.taken.items()
    }


def unheard(writers: Writers, every: EveryLine, members: Mapping[Seat, str]) -> list[str]:
    """Accepted lines that were not heard, or more than once, or otherwise; and what was heard beside them."""
    lines = expected(writers, members)
    heard = Counter(line.id for line, _ in every.lines)
    other = [line.id for line, _ in every.lines if lines.get(line.id) != (line.member_id, line.text)]
    return [*(line_id for line_id in lines if heard[line_id] != 1), *other]


def out_of_order(writers: Writers, every: EveryLine, members: Mapping[Seat, str]) -> list[str]:
    """Writers whose lines were heard in another order than they said them."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for seat, ref in writers.said:  # in the order of saying
        if (seat, ref) in writers.taken:
            said[members[seat]].append(writers.taken[seat, ref])
    heard: defaultdict[str, list[str]] = defaultdict(list)
    for line, _ in every.lines:
        heard[line.member_id].append(line.id)
    return [writer for writer, lines in said.items() if heard[writer] != lines]


async def differing_rows(house: Premises, writers: Writers, members: Mapping[Seat, str]) -> list[str]:
    lines = expected(writers, members)
    async with house.database.transaction() as session:
        found = await session.execute(
            text(
                "SELECT id, writer_id, text FROM chat_message WHERE room_id = :room_id AND deleted_at IS NULL"
            ),
            {"room_id": house.stage.room_id},
        )
        rows = {str(row.id): (str(row.writer_id), row.text) for row in found}
    return [line_id for line_id in lines.keys() | rows.keys() if lines.get(line_id) != rows.get(line_id)]


async def missing_in_timelines(house: Premises, writers: Writers, members: Mapping[Seat, str]) -> list[str]:
    """Waits for the worker, which writes them."""
    lines = expected(writers, members)
    loop = asyncio.get_running_loop()
    ends = loop.time() + SETTLED_WITHIN_S
    while True:
        remembered = await _remembered(house)
        wrong = [line_id for line_id, line in lines.items() if remembered.get(line_id) != [line]]
        wrong += [line_id for line_id in remembered if line_id not in lines]
        if not wrong or loop.time() > ends:
            return wrong
        await asyncio.sleep(0.5)


async def _remembered(house: Premises) -> dict[str, list[tuple[str, str]]]:
    """By the line's id: whose timeline it stands in, and its text; more than one if it stands there twice."""
    async with house.database.transaction() as session:
        found = await session.execute(
            text(
                "SELECT member_id, line->>'message_id' AS line_id, line->>'text' AS said FROM timeline_entry, "
                "jsonb_array_elements(data->'lines') AS line WHERE kind = 'chat' AND room_id = :room_id"
            ),
            {"room_id": house.stage.room_id},
        )
        remembered: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in found:
            remembered[row.line_id].append((str(row.member_id), row.said))
    return remembered
