"""A batch of lines in PostgreSQL: kept in one statement, told of by one fact a room, and why some were passed over."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import rules
from server.chat.asked import ask
from server.chat.facts import QUOTED, HeldLine, LinesHeld, LinesSaid, Quoted, SaidLine
from server.chat.kept import quotes
from server.chat.policy import SHOWN, Policy, Ruling
from server.kit.facts import record
from server.kit.problems import Conflict, Problem, Unavailable

T = TypeVar("T")


class RefReused(Conflict):
    slug, title = "ref-reused", "Another line was said under this ref"


class Said(msgspec.Struct, frozen=True):
    """`talk` is the line as others see it (a JSON object); None while it waits for a moderator."""

    id: UUID
    talk: bytes | None


class Waiting(msgspec.Struct, eq=False):
    line: SaidLine
    brand_id: UUID
    room_id: UUID
    ref: str
    by_viewer: bool
    reply_to: UUID | None
    answer: asyncio.Future[Said]
    policy: Policy | None = None
    ruling: Ruling = SHOWN

    def settle(self, outcome: Said | Problem) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, Problem):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class _Talk(SaidLine, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="chat.said"):
    pass


def as_talk(line: SaidLine) -> bytes:
    return msgspec.json.encode(_Talk(**{name: getattr(line, name) for name in line.__struct_fields__}))


def by_room(batch: Iterable[Waiting]) -> dict[tuple[UUID, UUID], list[Waiting]]:
    rooms: dict[tuple[UUID, UUID], list[Waiting]] = defaultdict(list)
    for waiting in batch:
        rooms[waiting.brand_id, waiting.room_id].append(waiting)
    return rooms


async def quote(session: AsyncSession, batch: Sequence[Waiting]) -> None:
    """Give answers the line that they answer; one that is gone, hidden or another room's is answered without it."""
    found = await quotes(session, {waiting.reply_to for waiting in batch if waiting.reply_to is not None})
    for waiting in batch:
        if waiting.reply_to is not None and (quoted := found.get((waiting.room_id, waiting.reply_to))):
            waiting.line = msgspec.structs.replace(waiting.line, reply_to=quoted)


async def record_new(session: AsyncSession, new: Sequence[Waiting]) -> None:
    for (brand_id, room_id), some in sorted(by_room(new).items()):  # of all rooms' queues one order of locks
        shown = [waiting.line for waiting in some if waiting.ruling.why is None]
        if shown:
            await record(session, LinesSaid(brand_id=brand_id, room_id=room_id, lines=shown))
            await ask(session, brand_id, room_id, shown)
        held = [
            HeldLine(message=waiting.line, why=waiting.ruling.why, pattern=waiting.ruling.pattern)
            for waiting in some
            if waiting.ruling.why is not None
        ]
        if held:
            await record(session, LinesHeld(brand_id=brand_id, room_id=room_id, lines=held))


_GIVEN = """
    given AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:brands AS uuid[]), CAST(:rooms AS uuid[]), CAST(:writers AS uuid[]),
            CAST(:names AS text[]), CAST(:roles AS text[]), CAST(:refs AS text[]), CAST(:texts AS text[]),
            CAST(:times AS timestamptz[]), CAST(:states AS text[]), CAST(:replies AS uuid[]),
            CAST(:whys AS text[]), CAST(:patterns AS text[]), CAST(:by_staff AS boolean[]),
            CAST(:room_versions AS int[]), CAST(:words_versions AS int[])) WITH ORDINALITY
        AS g(id, brand_id, room_id, writer_id, name, role, ref, text, at, state, reply_to, why, pattern, by_staff,
             room_version, words_version, place)),
    judged AS (
        SELECT g.*,
               coalesce((SELECT version FROM chat_setting s WHERE s.room_id = g.room_id), 0) = g.room_version
               AND coalesce((SELECT version FROM word_version v WHERE v.brand_id = g.brand_id), 0) = g.words_version
               AS rightly,
               (SELECT max(m.until) FROM mute m
                WHERE m.room_id = g.room_id AND m.member_id = g.writer_id AND m.until > g.at) AS muted_until,
               (SELECT jsonb_build_object('until', b.until) FROM ban b
                WHERE b.member_id = g.writer_id AND b.brand_id = g.brand_id AND b.lifted_at IS NULL
                  AND (b.room_id = g.room_id OR b.room_id IS NULL) AND (b.until IS NULL OR b.until > g.at)
                ORDER BY b.until DESC NULLS FIRST LIMIT 1) AS banned
        FROM given g)
"""

_INSERT = text(
    f"""
    WITH {_GIVEN}
    INSERT INTO chat_message (
        id, brand_id, room_id, writer_id, name, role, ref, text, at, state, reply_to, why, pattern, by_staff)
    SELECT g.id, g.brand_id, g.room_id, g.writer_id, g.name, g.role, g.ref, g.text, g.at, g.state, g.reply_to, g.why,
           g.pattern, g.by_staff
    FROM judged g JOIN room r ON r.id = g.room_id AND r.brand_id = g.brand_id AND r.state <> 'ended'
    WHERE g.rightly AND g.muted_until IS NULL AND g.banned IS NULL
    ORDER BY g.room_id, g.writer_id, g.ref
    ON CONFLICT (room_id, writer_id, ref) DO NOTHING
    RETURNING id
    """  # noqa: S608  constants of this module
)

_EXPLAIN = text(
    f"""
    WITH {_GIVEN}
    SELECT c.id, c.name, c.role, c.text, c.at, c.state, c.reply_to, q.writer_id AS quoted_writer, q.name AS quoted_name,
           q.text AS quoted_text, g.muted_until, g.banned, g.rightly, r.state AS room_state
    FROM judged g
    LEFT JOIN chat_message c ON c.room_id = g.room_id AND c.writer_id = g.writer_id AND c.ref = g.ref
    LEFT JOIN chat_message q ON q.id = c.reply_to
    LEFT JOIN room r ON r.id = g.room_id AND r.brand_id = g.brand_id
    ORDER BY g.place
    """  # noqa: S608  constants of this module
)


def _columns(batch: Sequence[Waiting]) -> dict[str, list[Any]]:
    def each(value: Callable[[Waiting], T]) -> list[T]:
        return [value(waiting) for waiting in batch]

    return {
        "ids": each(lambda w: w.line.id),
        "brands": each(lambda w: w.brand_id),
        "rooms": each(lambda w: w.room_id),
        "writers": each(lambda w: w.line.member_id),
        "names": each(lambda w: w.line.name),
        "roles": each(lambda w: w.line.role),
        "refs": each(lambda w: w.ref),
        "texts": each(lambda w: w.line.text),
        "times": each(lambda w: w.line.at),
        "states": each(lambda w: w.ruling.state),
        "replies": each(lambda w: w.line.reply_to and w.line.reply_to.id),
        "whys": each(lambda w: w.ruling.why),
        "patterns": each(lambda w: w.ruling.pattern),
        "by_staff": each(lambda w: w.line.always),
        "room_versions": each(lambda w: w.policy.room_version if w.policy else 0),
        "words_versions": each(lambda w: w.policy.words_version if w.policy else 0),
    }


async def insert(session: AsyncSession, batch: Sequence[Waiting]) -> set[UUID]:
    """Rows go in by their unique key's order, so that two processes with the same lines can't wait for each other."""
    if not batch:
        return set()
    return set((await session.execute(_INSERT, _columns(batch))).scalars())


async def explain(session: AsyncSession, old: Sequence[Waiting]) -> list[Said | Problem | None]:
    """Why these lines were passed over; None for what was judged by rules that are no more. A statement of its own: it
    sees lines that another process just committed."""
    rows = (await session.execute(_EXPLAIN, _columns(old))).all()
    return [_outcome(waiting, row) for waiting, row in zip(old, rows, strict=True)]


def _outcome(waiting: Waiting, row: Any) -> Said | Problem | None:
    if row.id is not None:
        return _said_before(waiting, row)
    if row.room_state is None or row.room_state == "ended":
        return rules.RoomEnded()
    if row.banned is not None:
        return rules.Banned(until=row.banned["until"])
    if row.muted_until is not None:
        return rules.Muted(muted_until=row.muted_until.isoformat())
    if not row.rightly:
        return None
    if waiting.ruling.refused is not None:
        return waiting.ruling.refused
    return Unavailable("The line was not kept; say it again", retry_after_s=1)  # unmuted at this very moment


def _said_before(waiting: Waiting, row: Any) -> Said | Problem:
    if row.text != waiting.line.text:
        return RefReused()
    quoted = None
    if row.quoted_name is not None:
        quoted = Quoted(
            id=row.reply_to, member_id=row.quoted_writer, name=row.quoted_name, text=row.quoted_text[:QUOTED]
        )
    first = SaidLine(
        id=row.id,
        member_id=waiting.line.member_id,
        name=row.name,
        role=row.role,
        text=row.text,
        at=row.at,
        reply_to=quoted,
        always=waiting.line.always,
    )
    return Said(row.id, as_talk(first) if row.state == "shown" else None)
