"""A room's lines over HTTP: read, said by staff, taken back, held, pinned; and the questions among them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import acts, asked, moderation
from server.chat.asked import QuestionView
from server.chat.facts import Quoted, SaidLine
from server.chat.kept import line_of, lines_of
from server.chat.models import ChatMessage
from server.chat.service import Chat
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.ids import uuid7
from server.kit.paging import Page, page
from server.kit.principal import Principal

ROOM = "/api/rooms/{room_id:uuid}"
Cursor = Annotated[str | None, QueryParameter(name="before", max_length=64)]


class MessageView(msgspec.Struct):
    """A line as moderators see it. `state`: shown, waiting or refused. `why` and `pattern` are what held it, as in the
    fact `chat.held`; `quoted` is what it shows of the line that it answers, `always` that staff said it."""

    id: UUID
    member_id: UUID
    name: str
    role: str
    text: str
    at: datetime
    state: str
    reply_to: UUID | None
    deleted_at: datetime | None
    why: str | None
    pattern: str | None
    quoted: Quoted | None
    always: bool


class Reply(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    reply_to: UUID | None = None


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class Replied(msgspec.Struct):
    id: UUID


class Review(msgspec.Struct, forbid_unknown_fields=True):
    shown: bool


class MaybeMessage(msgspec.Struct, forbid_unknown_fields=True):
    message_id: UUID | None


class PinnedView(msgspec.Struct):
    message: SaidLine | None


class PutAside(msgspec.Struct):
    """`act_id` can be undone; null when somebody had answered the question."""

    act_id: UUID | None


async def _views(session: AsyncSession, messages: Sequence[ChatMessage]) -> list[MessageView]:
    lines = await lines_of(session, messages)
    return [_view(message, line) for message, line in zip(messages, lines, strict=True)]


def _view(message: ChatMessage, line: SaidLine) -> MessageView:
    return MessageView(
        id=message.id,
        member_id=message.writer_id,
        name=message.name,
        role=message.role,
        text=message.text,
        at=message.at,
        state=message.state,
        reply_to=message.reply_to,
        deleted_at=message.deleted_at,
        why=message.why,
        pattern=message.pattern,
        quoted=line.reply_to,
        always=line.always,
    )


@get(f"{ROOM}/messages", tags=["chat"])
async def listing(
    room_id: UUID,
    principal: Principal,
    session: AsyncSession,
    in_state: Annotated[Literal["shown", "waiting", "refused"] | None, QueryParameter(name="state")] = None,
    older_than: Cursor = None,
) -> Page[MessageView]:
    """For whoever moderates. Newest first, deleted lines among them; `before` is the `next` of the page before."""
    await acts.must_help(session, principal, room_id)
    found = await moderation.messages(session, room_id, in_state, older_than)
    return page(await _views(session, found), lambda view: view, lambda view: view.id)


@post(f"{ROOM}/messages", status_code=HTTP_201_CREATED, tags=["chat"])
async def reply(
    room_id: UUID,
    data: Reply,
    staff: Principal,
    database: Database,
    chat: Chat,
    idempotency_key: KeyHeader = None,
) -> Replied:
    """Say a line as staff; pages show it highlighted by its role. With an Idempotency-Key a retry says it once."""
    ref = require_key(idempotency_key) if idempotency_key else uuid7().hex
    async with database.transaction() as session:
        await acts.must_speak(session, staff, room_id)
    return Replied((await chat.say(staff, room_id, ref, data.text, reply_to=data.reply_to)).id)


@delete(f"{ROOM}/messages/{{message_id:uuid}}", status_code=HTTP_200_OK, tags=["chat"])
async def remove(
    room_id: UUID,
    message_id: UUID,
    principal: Principal,
    database: Database,
    chat: Chat,
    clock: Clock,
) -> MessageView:
    """Take a line back; it can be restored."""
    async with database.transaction() as session:
        message = await moderation.remove(session, principal, room_id, message_id, clock())
        (view,) = await _views(session, [message])
    await chat.hide(room_id, message_id)
    return view


@post(f"{ROOM}/messages/{{message_id:uuid}}/restore", status_code=HTTP_200_OK, tags=["chat"])
async def restore(
    room_id: UUID, message_id: UUID, principal: Principal, session: AsyncSession, clock: Clock
) -> MessageView:
    message = await moderation.restore(session, principal, room_id, message_id, clock())
    return _view(message, await line_of(session, message))


@post(f"{ROOM}/messages/{{message_id:uuid}}/review", status_code=HTTP_200_OK, tags=["chat"])
async def review(
    room_id: UUID,
    message_id: UUID,
    data: Review,
    principal: Principal,
    database: Database,
    chat: Chat,
    clock: Clock,
) -> MessageView:
    """Let a held line go to the room, or refuse it; a refused one can still be shown."""
    async with database.transaction() as session:
        message, is_news = await moderation.review(
            session, principal, room_id, message_id, data.shown, clock()
        )
        line = await line_of(session, message)
    if is_news:
        await chat.tell(room_id, [line])
    return _view(message, line)


@put(f"{ROOM}/pinned-line", tags=["chat"])
async def pin(
    room_id: UUID, data: MaybeMessage, staff: Principal, session: AsyncSession, clock: Clock
) -> PinnedView:
    """One line before everybody's eyes; null takes it away."""
    message = await moderation.pin(session, staff, room_id, data.message_id, clock())
    return PinnedView(await line_of(session, message) if message is not None else None)


@get(f"{ROOM}/questions", tags=["chat"])
async def list_questions(
    room_id: UUID,
    staff: Principal,
    session: AsyncSession,
    settled: bool = False,
    older_than: Cursor = None,
) -> Page[QuestionView]:
    """The queue of open questions, or with `settled` those that were answered or put aside; one item for all that ask
    the same. Newest first."""
    await acts.must_speak(session, staff, room_id)
    found = await asked.listing(session, room_id, settled=settled, cursor=older_than)
    return page(found, lambda view: view, lambda view: view.group)


@post(f"{ROOM}/questions/{{message_id:uuid}}/answers", status_code=HTTP_201_CREATED, tags=["chat"])
async def answer(
    room_id: UUID,
    message_id: UUID,
    data: Answer,
    staff: Principal,
    database: Database,
    chat: Chat,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> Replied:
    """Said in the room as an answer to that line, and heard by whoever asked even where the room is busy. It answers
    all that ask the same; sent again it is said once."""
    request = request_hash(message_id, data.text).hex()
    ref = require_key(idempotency_key) if idempotency_key else f"answer:{request}"
    async with database.transaction() as session:
        given = await asked.answered(session, staff, room_id, message_id, ref, data.text)
    if given is not None:
        return Replied(given)
    said = await chat.say(staff, room_id, ref, data.text, reply_to=message_id)
    async with database.transaction() as session:
        await asked.settle(session, staff, room_id, message_id, said.id, clock())
    return Replied(said.id)


@post(f"{ROOM}/questions/{{message_id:uuid}}/put-aside", status_code=HTTP_200_OK, tags=["chat"])
async def put_aside(
    room_id: UUID, message_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> PutAside:
    """Out of the queue without an answer, with all that ask the same."""
    return PutAside(await asked.put_aside(session, staff, room_id, message_id, clock()))


ROUTES = [
    listing,
    reply,
    remove,
    restore,
    review,
    pin,
    list_questions,
    answer,
    put_aside,
]
