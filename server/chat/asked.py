"""The operators' queue of questions: those that ask the same are one, answered with one tap or in own words, or put
aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import questions, rules
from server.chat.acts import must_speak, note
from server.chat.facts import AskedLine, QuestionReopened, QuestionsAsked, QuestionSettled, SaidLine
from server.chat.folding import Written
from server.chat.kept import line_of, lines_of
from server.chat.models import ChatMessage, ModerationAct, Question
from server.kit.facts import record
from server.kit.paging import PAGE, before
from server.kit.principal import Principal
from server.kit.problems import Conflict, NotFound

QUEUE_LOCK = 0x5F0C_0401
"""A room's queue is changed by one transaction at a time, so that what is open and asks the same is one group."""
NAMED = 3
"""Of a group's writers."""


class AlreadySettled(Conflict):
    slug, title = "already-settled", "Somebody has answered this question already"


class QuestionView(msgspec.Struct, frozen=True):
    """Questions that ask the same, as operators see them: the first of them, of which `group` is the id even if its
    line was deleted; `count` lines, and the `names` of their newest writers. `about` is a kind of `questions.toml`, or
    "other". `settled_at` without an `answer_id` was put aside."""

    message: SaidLine
    about: str
    asked_at: datetime
    settled_at: datetime | None
    answer_id: UUID | None
    group: UUID
    count: int
    names: list[str]


def _alike(line: str) -> bytes:
    """Equal for lines of the same letters and digits, whatever their width and case and what stands between them."""
    return blake2b((Written(line).letters or line).encode(), digest_size=16).digest()


async def _lock(session: AsyncSession, room_id: UUID) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(QUEUE_LOCK, func.hashtext(str(room_id)))))


_ASK = text(
    """
    INSERT INTO question (message_id, room_id, kind, asked_at, alike, group_id)
    SELECT q.id, :room_id, q.kind, q.at, q.alike, coalesce(
        (SELECT o.group_id FROM question o
         WHERE o.room_id = :room_id AND o.alike = q.alike AND o.settled_at IS NULL LIMIT 1),
        first_value(q.id) OVER (PARTITION BY q.alike ORDER BY q.id))
    FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:times AS timestamptz[]), CAST(:alikes AS bytea[]))
         AS q(id, kind, at, alike)
    ON CONFLICT DO NOTHING RETURNING message_id, group_id
    """
)


async def ask(session: AsyncSession, brand_id: UUID, room_id: UUID, lines: Sequence[SaidLine]) -> None:
    """Put the questions among the lines that a room was shown before its operators."""
    asked = [
        (line, about)
        for line in lines
        if line.role == "member" and (about := questions.about(line.text)) is not None
    ]
    if not asked:
        return
    await _lock(session, room_id)
    made = await session.execute(
        _ASK,
        {
            "room_id": room_id,
            "ids": [line.id for line, _ in asked],
            "kinds": [about for _, about in asked],
            "times": [line.at for line, _ in asked],
            "alikes": [_alike(line.text) for line, _ in asked],
        },
    )
    groups = {row.message_id: row.group_id for row in made}
    new = [
        AskedLine(message=line, about=about, group=groups[line.id])
        for line, about in asked
        if line.id in groups
    ]
    await record(session, QuestionsAsked(brand_id=brand_id, room_id=room_id, questions=new))


_GROUPS = """
    SELECT l.group_id, l.kind, l.settled_at, l.answer_id, g.first, g.size, ARRAY(
        SELECT n.name FROM (
            SELECT DISTINCT ON (c.writer_id) c.name, c.id
            FROM question q JOIN chat_message c ON c.id = q.message_id AND c.deleted_at IS NULL
            WHERE q.group_id = l.group_id ORDER BY c.writer_id, c.id DESC) n
        ORDER BY n.id DESC LIMIT :named) AS names
    FROM question l CROSS JOIN LATERAL (
        SELECT count(*) AS size,
               (array_agg(q.message_id ORDER BY q.message_id <> q.group_id, q.message_id))[1] AS first
        FROM question q JOIN chat_message c ON c.id = q.message_id AND c.deleted_at IS NULL
        WHERE q.group_id = l.group_id) g
    WHERE l.room_id = :room_id AND l.message_id = l.group_id AND l.settled_at {} AND g.size > 0
      AND (CAST(:before AS uuid) IS NULL OR l.message_id < CAST(:before AS uuid))
    ORDER BY l.message_id DESC LIMIT :page
"""
_OPEN, _SETTLED = text(_GROUPS.format("IS NULL")), text(_GROUPS.format("IS NOT NULL"))


async def listing(
    session: AsyncSession, room_id: UUID, *, settled: bool, cursor: str | None
) -> list[QuestionView]:
    """A page of groups and one more, newest first. A line that was deleted asks nothing any more."""
    asked = {"room_id": room_id, "before": before(cursor), "named": NAMED, "page": PAGE + 1}
    groups = (await session.execute(_SETTLED if settled else _OPEN, asked)).all()
    lines = {line.id: line for line in await _lines(session, [group.first for group in groups])}
    return [
        QuestionView(
            message=lines[group.first],
            about=group.kind,
            asked_at=lines[group.first].at,
            settled_at=group.settled_at,
            answer_id=group.answer_id,
            group=group.group_id,
            count=group.size,
            names=group.names,
        )
        for group in groups
    ]


async def _lines(session: AsyncSession, ids: Sequence[UUID]) -> list[SaidLine]:
    """Those that were not deleted, oldest first."""
    query = select(ChatMessage).where(col(ChatMessage.id).in_(ids), col(ChatMessage.deleted_at).is_(None))
    return await lines_of(session, (await session.exec(query.order_by(col(ChatMessage.id)))).all())


async def _question(session: AsyncSession, room_id: UUID, message_id: UUID) -> Question:
    """As it is now. Raises `NotFound`."""
    row = await session.get(Question, message_id, populate_existing=True)
    if row is None or row.room_id != room_id:
        raise NotFound
    return row


async def answered(
    session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID, ref: str, words: str
) -> UUID | None:
    """The answer that this very request gave before; None while the question is open.

    Raises `NotFound`, `Forbidden`, `AlreadySettled` (409).
    """
    await must_speak(session, staff, room_id)
    row = await _question(session, room_id, message_id)
    if row.settled_at is None:
        return None
    answer = await session.get(ChatMessage, row.answer_id) if row.answer_id is not None else None
    if (
        answer is not None
        and (answer.writer_id, answer.ref) == (staff.id, ref)
        and answer.text == rules.line(words)
    ):
        return answer.id
    raise AlreadySettled(answer_id=row.answer_id and str(row.answer_id))


async def settle(
    session: AsyncSession,
    staff: Principal,
    room_id: UUID,
    message_id: UUID,
    answer_id: UUID | None,
    now: datetime,
) -> UUID | None:
    """Answered by a line that was said, or put aside, with all that ask the same. The act's id, None when they were
    settled before: of two who answer at once one settles them and both were heard.

    Raises `NotFound`, `Forbidden`.
    """
    room = await must_speak(session, staff, room_id)
    await _lock(session, room_id)
    row = await _question(session, room_id, message_id)
    done = await session.execute(
        text(
            "UPDATE question SET settled_at = :now, settled_by = :by, answer_id = CAST(:answer_id AS uuid) "
            "WHERE group_id = :group_id AND settled_at IS NULL RETURNING message_id"
        ),
        {"now": now, "by": staff.id, "answer_id": answer_id, "group_id": row.group_id},
    )
    message_ids = sorted(done.scalars())
    if not message_ids:
        return None
    answer = await session.get(ChatMessage, answer_id) if answer_id is not None else None
    act = await note(session, room, staff, "answer" if answer else "put_aside", message_id, now)
    await record(
        session,
        QuestionSettled(
            brand_id=room.brand_id,
            room_id=room_id,
            message_id=message_id,
            message_ids=message_ids,
            answer=await line_of(session, answer) if answer is not None else None,
        ),
    )
    return act.id


async def put_aside(
    session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID, now: datetime
) -> UUID | None:
    """The act's id, doing it twice the same; None when the question was answered. Raises `NotFound`, `Forbidden`."""
    if act_id := await settle(session, staff, room_id, message_id, None, now):
        return act_id
    row = await _question(session, room_id, message_id)
    if row.answer_id is not None:
        return None
    group = select(Question.message_id).where(Question.group_id == row.group_id)
    acts = select(ModerationAct.id).where(
        ModerationAct.room_id == room_id,
        ModerationAct.act == "put_aside",
        col(ModerationAct.target_id).in_(group),
    )
    return (await session.exec(acts.order_by(col(ModerationAct.id).desc()).limit(1))).first()


_REOPEN = text(
    """
    UPDATE question q SET settled_at = NULL, settled_by = NULL, answer_id = NULL, group_id = coalesce(
        (SELECT o.group_id FROM question o
         WHERE o.room_id = q.room_id AND o.alike = q.alike AND o.settled_at IS NULL LIMIT 1),
        q.group_id)
    WHERE q.group_id = :group_id RETURNING q.message_id, q.kind, q.group_id
    """
)


async def reopen(
    session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID, now: datetime
) -> None:
    """Back in the queue, with all that were settled with it; they join those who asked the same meanwhile.

    Raises `NotFound`, `Forbidden`.
    """
    room = await must_speak(session, staff, room_id)
    await _lock(session, room_id)
    row = await _question(session, room_id, message_id)
    if row.settled_at is None:
        return
    await note(session, room, staff, "reopen", message_id, now, answer_id=row.answer_id)
    back = {one.message_id: one for one in await session.execute(_REOPEN, {"group_id": row.group_id})}
    asked = [
        AskedLine(message=line, about=back[line.id].kind, group=back[line.id].group_id)
        for line in await _lines(session, list(back))
    ]
    if asked:
        fact = QuestionReopened(brand_id=room.brand_id, room_id=room_id, question=asked[0], others=asked[1:])
        await record(session, fact)
