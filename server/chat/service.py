"""Lines of one process, gathered: while one batch commits, the next comes together. One `Chat` a web process.

A batch is one statement that inserts its lines, passing over muted writers, ended rooms and lines that were said
before, and one outbox fact a room. After the commit the new lines go to the room by the talk lane.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.broker import Broker, BrokerUnavailable
from live.events import room_topic
from server.chat import rules
from server.chat.facts import LinesSaid, SaidLine
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.limits import Limiter
from server.kit.principal import Principal
from server.kit.problems import Conflict, Problem, Unavailable
from server.kit.redis import Redis

log = structlog.get_logger()

MAX_BATCH = 256
MAX_WAITING = 10_000
"""Lines in line in one process; beyond it a line is told to come again."""


class RefReused(Conflict):
    slug, title = "ref-reused", "Another line was said under this ref"


class Said(msgspec.Struct, frozen=True):
    """`talk` is the line as others see it (a JSON object)."""

    id: UUID
    talk: bytes


class _Waiting(msgspec.Struct, eq=False):
    line: SaidLine
    brand_id: UUID
    room_id: UUID
    ref: str
    answer: asyncio.Future[Said]

    def settle(self, outcome: Said | Problem) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, Problem):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class _Talk(SaidLine, frozen=True, kw_only=True, tag_field="kind", tag="chat.said"):
    pass


def as_talk(line: SaidLine) -> bytes:
    return msgspec.json.encode(_Talk(**msgspec.structs.asdict(line)))


class Chat:
    def __init__(self, database: Database, broker: Broker, redis: Redis, clock: Clock) -> None:
        self._database = database
        self._broker = broker
        self._limiter = Limiter(redis)
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    async def say(self, who: Principal, room_id: UUID, ref: str, words: str) -> Said:
        """The line, committed. The same ref again gives the same answer.

        Raises the problems of `rules.line`, `Muted` (403), `TooMany` (429), `RoomEnded` (410), `RefReused` (409),
        `Unavailable` (503). Whether the writer may enter and speak in this room is the caller's to know.
        """
        kept = rules.line(words, by_staff=who.kind == "staff")
        if who.kind == "member":
            await self._limiter.take("say", f"{room_id}:{who.id}", rules.LINES, rules.WINDOW_S)
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("Very many people are talking; try again in a moment", retry_after_s=1)
        line = SaidLine(
            id=uuid7(), member_id=who.id, name=who.name, role=who.role.value, text=kept, at=self._clock()
        )
        answer: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(line, who.brand_id, room_id, ref, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await asyncio.shield(answer)

    async def hide(self, room_id: UUID, message_id: UUID) -> None:
        """Newcomers are no longer shown a line that was deleted; whoever saw it learns of it by a fact."""
        try:
            await self._broker.unsay(room_topic(room_id), str(message_id))
        except BrokerUnavailable:
            log.warning("a deleted line may be shown to newcomers", message_id=str(message_id))

    async def stop(self) -> None:
        """What was taken is written before this returns."""
        if self._worker is not None:
            await self._worker

    async def _work(self) -> None:
        await asyncio.sleep(0)  # let the lines of this moment arrive together
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                await self._write(batch)
            except Exception:
                log.exception("a batch of lines failed", lines=len(batch))
                for waiting in batch:
                    waiting.settle(Unavailable("The line was not kept; say it again", retry_after_s=1))

    async def _write(self, batch: list[_Waiting]) -> None:
        async with self._database.transaction() as session:
            fresh = await _insert(session, batch)
            new = [waiting for waiting in batch if waiting.line.id in fresh]
            for (brand_id, room_id), lines in _by_room(new).items():
                await record(session, LinesSaid(brand_id=brand_id, room_id=room_id, lines=lines))
            old = [waiting for waiting in batch if waiting.line.id not in fresh]
            outcomes = await _explain(session, old) if old else []
        await self._tell(new)
        for waiting in new:
            waiting.settle(Said(waiting.line.id, as_talk(waiting.line)))
        for waiting, outcome in zip(old, outcomes, strict=True):
            waiting.settle(outcome)

    async def _tell(self, new: Sequence[_Waiting]) -> None:
        for (_, room_id), lines in _by_room(new).items():
            try:
                await self._broker.say(room_topic(room_id), [as_talk(line) for line in lines])
            except BrokerUnavailable:
                log.warning("lines were kept but not heard", room_id=str(room_id), lines=len(lines))


def _by_room(batch: Sequence[_Waiting]) -> dict[tuple[UUID, UUID], list[SaidLine]]:
    rooms: dict[tuple[UUID, UUID], list[SaidLine]] = defaultdict(list)
    for waiting in batch:
        rooms[waiting.brand_id, waiting.room_id].append(waiting.line)
    return rooms


_GIVEN = """
    given AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:brands AS uuid[]), CAST(:rooms AS uuid[]), CAST(:writers AS uuid[]),
            CAST(:names AS text[]), CAST(:roles AS text[]), CAST(:refs AS text[]), CAST(:texts AS text[]),
            CAST(:times AS timestamptz[])) WITH ORDINALITY
        AS g(id, brand_id, room_id, writer_id, name, role, ref, text, at, place))
"""

_INSERT = text(
    f"""
    WITH {_GIVEN}
    INSERT INTO chat_message (id, brand_id, room_id, writer_id, name, role, ref, text, at)
    SELECT g.id, g.brand_id, g.room_id, g.writer_id, g.name, g.role, g.ref, g.text, g.at
    FROM given g JOIN room r ON r.id = g.room_id AND r.brand_id = g.brand_id AND r.state <> 'ended'
    WHERE NOT EXISTS (
        SELECT 1 FROM mute m WHERE m.room_id = g.room_id AND m.member_id = g.writer_id AND m.until > g.at)
    ORDER BY g.room_id, g.writer_id, g.ref
    ON CONFLICT (room_id, writer_id, ref) DO NOTHING
    RETURNING id
    """  # noqa: S608  constants of this module
)

_EXPLAIN = text(
    f"""
    WITH {_GIVEN}
    SELECT c.id, c.name, c.role, c.text, c.at, m.until, r.state FROM given g
    LEFT JOIN chat_message c ON c.room_id = g.room_id AND c.writer_id = g.writer_id AND c.ref = g.ref
    LEFT JOIN mute m ON m.room_id = g.room_id AND m.member_id = g.writer_id AND m.until > g.at
    LEFT JOIN room r ON r.id = g.room_id AND r.brand_id = g.brand_id
    ORDER BY g.place
    """  # noqa: S608  constants of this module
)


def _columns(batch: Sequence[_Waiting]) -> dict[str, list[str] | list[UUID] | list[datetime]]:
    return {
        "ids": [waiting.line.id for waiting in batch],
        "brands": [waiting.brand_id for waiting in batch],
        "rooms": [waiting.room_id for waiting in batch],
        "writers": [waiting.line.member_id for waiting in batch],
        "names": [waiting.line.name for waiting in batch],
        "roles": [waiting.line.role for waiting in batch],
        "refs": [waiting.ref for waiting in batch],
        "texts": [waiting.line.text for waiting in batch],
        "times": [waiting.line.at for waiting in batch],
    }


async def _insert(session: AsyncSession, batch: Sequence[_Waiting]) -> set[UUID]:
    """Rows go in by their unique key's order, so that two processes with the same lines can't wait for each other."""
    return set((await session.execute(_INSERT, _columns(batch))).scalars())


async def _explain(session: AsyncSession, old: Sequence[_Waiting]) -> list[Said | Problem]:
    """Why these lines were passed over. A statement of its own: it sees lines that another process just committed."""
    rows = (await session.execute(_EXPLAIN, _columns(old))).all()
    return [_outcome(waiting, row) for waiting, row in zip(old, rows, strict=True)]


def _outcome(waiting: _Waiting, row: Any) -> Said | Problem:
    message_id, name, role, words, at, muted_until, state = row
    if message_id is not None:
        if words != waiting.line.text:
            return RefReused()
        writer = waiting.line.member_id
        first = SaidLine(id=message_id, member_id=writer, name=name, role=role, text=words, at=at)
        return Said(message_id, as_talk(first))
    if muted_until is not None:
        return rules.Muted(muted_until=muted_until.isoformat())
    if state is None or state == "ended":
        return rules.RoomEnded()
    return Unavailable("The line was not kept; say it again", retry_after_s=1)  # unmuted at this very moment
