"""The operators' queue of questions: answered with one tap or in own words, or put aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.acts import must_speak, note
from server.chat.facts import AskedLine, QuestionReopened, QuestionSettled, SaidLine
from server.chat.models import ChatMessage, Question
from server.chat.moderation import line_of
from server.kit.facts import record
from server.kit.paging import PAGE, before
from server.kit.principal import Principal
from server.kit.problems import Conflict, NotFound


class AlreadySettled(Conflict):
    slug, title = "already-settled", "Somebody has answered this question already"


class Asked(msgspec.Struct, frozen=True):
    """A question as operators see it. `settled_at` without an `answer_id` was put aside."""

    message: SaidLine
    about: str
    asked_at: datetime
    settled_at: datetime | None
    answer_id: UUID | None


async def listing(
    session: AsyncSession, room_id: UUID, *, settled: bool, cursor: str | None
) -> Sequence[Asked]:
    """A page and one more, newest first. A line that was deleted asks nothing any more."""
    query = (
        select(Question, ChatMessage)
        .join(ChatMessage, col(ChatMessage.id) == col(Question.message_id))
        .where(Question.room_id == room_id, col(ChatMessage.deleted_at).is_(None))
        .where(col(Question.settled_at).is_not(None) if settled else col(Question.settled_at).is_(None))
        .order_by(col(Question.message_id).desc())
        .limit(PAGE + 1)
    )
    if last := before(cursor):
        query = query.where(col(Question.message_id) < last)
    rows: Any = await session.exec(query)
    return [Asked(line_of(message), q.kind, q.asked_at, q.settled_at, q.answer_id) for q, message in rows]


async def open_question(session: AsyncSession, room_id: UUID, message_id: UUID) -> Question:
    """Locked. Raises `NotFound`, `AlreadySettled` (409)."""
    row = await session.get(Question, message_id, with_for_update=True, populate_existing=True)
    if row is None or row.room_id != room_id:
        raise NotFound
    if row.settled_at is not None:
        raise AlreadySettled(answer_id=row.answer_id and str(row.answer_id))
    return row


async def must_be_open(session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID) -> None:
    """Before an answer is said. Raises `NotFound`, `Forbidden`, `AlreadySettled` (409)."""
    await must_speak(session, staff, room_id)
    await open_question(session, room_id, message_id)


async def settle(
    session: AsyncSession,
    staff: Principal,
    room_id: UUID,
    message_id: UUID,
    answer_id: UUID | None,
    now: datetime,
) -> None:
    """Answered by a line that was said, or put aside. Of two who answer at once one settles it and both were heard."""
    room = await must_speak(session, staff, room_id)
    row = await session.get(Question, message_id, with_for_update=True, populate_existing=True)
    if row is None or row.room_id != room_id:
        raise NotFound
    if row.settled_at is not None:
        return
    row.settled_at, row.settled_by, row.answer_id = now, staff.id, answer_id
    answer = await session.get(ChatMessage, answer_id) if answer_id is not None else None
    await note(session, room, staff, "answer" if answer else "put_aside", message_id, now)
    await record(
        session,
        QuestionSettled(
            brand_id=room.brand_id,
            room_id=room_id,
            message_id=message_id,
            answer=line_of(answer) if answer is not None else None,
        ),
    )


async def reopen(
    session: AsyncSession, staff: Principal, room_id: UUID, message_id: UUID, now: datetime
) -> None:
    """Back in the queue. Raises `NotFound`, `Forbidden`."""
    room = await must_speak(session, staff, room_id)
    row = await session.get(Question, message_id, with_for_update=True, populate_existing=True)
    message = await session.get(ChatMessage, message_id)
    if row is None or message is None or row.room_id != room_id:
        raise NotFound
    if row.settled_at is None:
        return
    row.settled_at = row.settled_by = row.answer_id = None
    await note(session, room, staff, "reopen", message_id, now)
    question = AskedLine(message=line_of(message), about=row.kind)
    await record(session, QuestionReopened(brand_id=room.brand_id, room_id=room_id, question=question))
