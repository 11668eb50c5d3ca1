"""Conversations over HTTP: a member's, a guide's, and what headquarters and store managers may look on."""

from __future__ import annotations

import hashlib
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import Parameter, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import pictures
from server.chat.brand_words import JUDGED, BrandWords
from server.conversations import reading, rules, service
from server.conversations.facts import TalkLine
from server.conversations.reading import Conversations, ConversationView, TalkLines
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.limits import LIMITED, Limiter
from server.kit.principal import Principal
from server.kit.problems import Forbidden, Invalid

MOST_PICTURE_BYTES = 5 * 1024 * 1024
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP")
PICTURE_EDGE = 1280
"""Large enough to read a label."""
OPENED_A_MINUTE = 30
LINES_A_MINUTE = 30
PICTURES_AN_HOUR = 60

ONE = "/api/conversations/{conversation_id:uuid}"
Number = Annotated[int, Parameter(ge=1, le=2**31 - 1)]


class Open(msgspec.Struct, forbid_unknown_fields=True):
    """A guide names the customer; a member's own guide is known."""

    member_id: UUID | None = None


class NewLine(msgspec.Struct, forbid_unknown_fields=True):
    """One of the two."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None
    product_id: UUID | None = None


class ReadTo(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1)]


class Receiving(msgspec.Struct, forbid_unknown_fields=True):
    receiving: bool


@get("/api/conversations", tags=["conversations"])
async def listing(
    principal: Principal,
    session: AsyncSession,
    clock: Clock,
    member_id: UUID | None = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Conversations:
    """The caller's own, newest first, with the last line and how many are unread (counted to 100). With `member_id`
    (staff): that member's, as far as the caller may read them."""
    return await reading.listing(session, principal, member_id, cursor, clock())


@post("/api/conversations", status_code=HTTP_200_OK, dependencies=LIMITED, tags=["conversations"])
async def open_conversation(
    data: Open, principal: Principal, session: AsyncSession, clock: Clock, limiter: Limiter
) -> ConversationView:
    """The conversation of a guide and a customer, there from now on. 403 `not-your-customer`, 409 `no-guide`."""
    await limiter.take("conversations", str(principal.id), OPENED_A_MINUTE, 60)
    now = clock()
    if principal.kind == "member":
        if data.member_id not in (None, principal.id):
            raise Forbidden
        opened = await service.open_by_member(session, principal, now)
    elif data.member_id is None:
        raise Invalid(errors=[{"field": "member_id", "message": "whom to write to"}])
    else:
        opened = await service.open_by_guide(session, principal, data.member_id, now)
    return await reading.show(session, principal, opened, now)


@get(f"{ONE}/lines", tags=["conversations"])
async def lines(
    conversation_id: UUID,
    principal: Principal,
    session: AsyncSession,
    clock: Clock,
    earlier_than: Annotated[int | None, QueryParameter(name="before", ge=1, le=2**31 - 1)] = None,
) -> TalkLines:
    """The conversation and a page of its lines, oldest first: the newest, or those before a number. For the two, the
    brand's owner and the manager of the guide's store; looking on reads nothing."""
    return await reading.talk(session, principal, conversation_id, earlier_than, clock())


@post(
    f"{ONE}/lines", status_code=HTTP_201_CREATED, dependencies={**LIMITED, **JUDGED}, tags=["conversations"]
)
async def write(
    conversation_id: UUID,
    data: NewLine,
    principal: Principal,
    session: AsyncSession,
    clock: Clock,
    limiter: Limiter,
    brand_words: BrandWords,
    idempotency_key: KeyHeader = None,
) -> TalkLine:
    """A text of up to 500 characters, or a product. 409 `conversation-closed`, `not-receiving`, 422 `word-refused`."""
    key = require_key(idempotency_key)
    await limiter.take("conversation-lines", str(principal.id), LINES_A_MINUTE, 60)
    if data.product_id is None:
        words = rules.text(data.text or "")
        draft = service.text_draft(words, await brand_words.refusal(session, principal.brand_id, words))
    elif data.text is None:
        draft = await service.product_draft(session, principal, data.product_id)
    else:  # said to the two alone: to others the conversation is not there
        draft = service.text_draft("", Invalid(errors=[{"field": "text", "message": "or a product_id"}]))
    hashed = request_hash("line", conversation_id, data)
    return await service.write(session, principal, conversation_id, draft, key, hashed, clock())


@post(
    f"{ONE}/pictures",
    status_code=HTTP_201_CREATED,
    dependencies=LIMITED,
    request_max_body_size=MOST_PICTURE_BYTES,
    tags=["conversations"],
)
async def write_picture(
    conversation_id: UUID,
    body: bytes,
    principal: Principal,
    session: AsyncSession,
    database: Database,
    clock: Clock,
    limiter: Limiter,
    idempotency_key: KeyHeader = None,
) -> TalkLine:
    """A line that is a picture: the file itself as the body, JPEG, PNG or WebP, at most 5 MB."""
    key = require_key(idempotency_key)
    await limiter.take("conversation-pictures", str(principal.id), PICTURES_AN_HOUR, 3600)
    async with database.transaction() as first:  # no connection waits while the picture is read
        await reading.one(first, principal, conversation_id, clock())
    webp, size = await pictures.shrink(body, PICTURE_EDGE, PICTURE_FORMATS)
    hashed = request_hash("picture", conversation_id, hashlib.sha256(body).hexdigest())
    draft = service.picture_draft(webp, size)
    return await service.write(session, principal, conversation_id, draft, key, hashed, clock())


@get(f"{ONE}/lines/{{number:int}}/picture", tags=["conversations"], media_type="image/webp")
async def picture(
    conversation_id: UUID, number: Number, principal: Principal, session: AsyncSession, clock: Clock
) -> Response[bytes]:
    """A line's picture, for whoever may read the line."""
    body = await reading.picture(session, principal, conversation_id, number, clock())
    return Response(body, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})


@delete(f"{ONE}/lines/{{number:int}}", status_code=HTTP_200_OK, tags=["conversations"])
async def take_back(
    conversation_id: UUID, number: Number, principal: Principal, session: AsyncSession, clock: Clock
) -> TalkLine:
    """One's own line, within two minutes: it is empty then. 409 `too-late`."""
    return await service.take_back(session, principal, conversation_id, number, clock())


@post(f"{ONE}/read", status_code=HTTP_200_OK, tags=["conversations"])
async def read(
    conversation_id: UUID, data: ReadTo, principal: Principal, session: AsyncSession, clock: Clock
) -> ConversationView:
    """All lines up to a number are read by the caller, who is one of the two."""
    now = clock()
    await service.read(session, principal, conversation_id, data.number, now)
    return await reading.show(session, principal, conversation_id, now)


@put(f"{ONE}/receiving", tags=["conversations"])
async def receive(
    conversation_id: UUID, data: Receiving, member: Principal, session: AsyncSession, clock: Clock
) -> ConversationView:
    """Whether the member wants to be written to."""
    now = clock()
    await service.receive(session, member, conversation_id, data.receiving, now)
    return await reading.show(session, member, conversation_id, now)


ROUTES = [
    listing,
    open_conversation,
    lines,
    write,
    write_picture,
    picture,
    take_back,
    read,
    receive,
]
