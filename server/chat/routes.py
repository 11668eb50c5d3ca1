"""Moderation over HTTP, and the host's reply by other means than the socket."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import moderation
from server.chat.models import ChatMessage
from server.chat.rules import LONGEST_MUTE_MINUTES
from server.chat.service import Chat
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, require_key
from server.kit.ids import uuid7
from server.kit.paging import Page, page
from server.kit.principal import Principal

_ROOM = "/api/rooms/{room_id:uuid}"


class MessageView(msgspec.Struct):
    """A line as moderators see it."""

    id: UUID
    member_id: UUID
    name: str
    role: str
    text: str
    at: datetime
    deleted_at: datetime | None


class Reply(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class Replied(msgspec.Struct):
    id: UUID


class AskMute(msgspec.Struct, forbid_unknown_fields=True):
    member_id: UUID
    minutes: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_MUTE_MINUTES)]


class MuteView(msgspec.Struct):
    member_id: UUID
    until: datetime


def _view(message: ChatMessage) -> MessageView:
    return MessageView(
        id=message.id,
        member_id=message.writer_id,
        name=message.name,
        role=message.role,
        text=message.text,
        at=message.at,
        deleted_at=message.deleted_at,
    )


@get(f"{_ROOM}/messages", tags=["chat"])
async def listing(
    room_id: UUID,
    staff: Principal,
    session: AsyncSession,
    older_than: Annotated[str | None, QueryParameter(name="before", max_length=64)] = None,
) -> Page[MessageView]:
    """Newest first, deleted lines among them; `before` is the `next` of the page before."""
    await moderation.must_moderate(session, staff, room_id)
    return page(await moderation.messages(session, room_id, older_than), _view, lambda message: message.id)


@post(f"{_ROOM}/messages", status_code=HTTP_201_CREATED, tags=["chat"])
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
        await moderation.must_speak(session, staff, room_id)
    return Replied((await chat.say(staff, room_id, ref, data.text)).id)


@delete(f"{_ROOM}/messages/{{message_id:uuid}}", status_code=HTTP_200_OK, tags=["chat"])
async def remove(
    room_id: UUID,
    message_id: UUID,
    staff: Principal,
    database: Database,
    chat: Chat,
    clock: Clock,
) -> MessageView:
    """Take a line back; it can be restored."""
    async with database.transaction() as session:
        message = _view(await moderation.remove(session, staff, room_id, message_id, clock()))
    await chat.hide(room_id, message_id)
    return message


@post(f"{_ROOM}/messages/{{message_id:uuid}}/restore", status_code=HTTP_200_OK, tags=["chat"])
async def restore(
    room_id: UUID, message_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> MessageView:
    return _view(await moderation.restore(session, staff, room_id, message_id, clock()))


@post(f"{_ROOM}/mutes", status_code=HTTP_201_CREATED, tags=["chat"])
async def mute(
    room_id: UUID, data: AskMute, staff: Principal, session: AsyncSession, clock: Clock
) -> MuteView:
    """Silence a viewer for some minutes from now, whatever was set before."""
    muted = await moderation.mute(session, staff, room_id, data.member_id, data.minutes, clock())
    return MuteView(muted.member_id, muted.until)


@delete(f"{_ROOM}/mutes/{{member_id:uuid}}", status_code=HTTP_204_NO_CONTENT, tags=["chat"])
async def unmute(
    room_id: UUID, member_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> None:
    await moderation.unmute(session, staff, room_id, member_id, clock())


ROUTES = [listing, reply, remove, restore, mute, unmute]
