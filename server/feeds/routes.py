"""A room's feed over WebSocket, server-sent events and as a file; and the tokens that open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, WebSocket, delete, get, post, websocket
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from sqlmodel.ext.asyncio.session import AsyncSession

from live.hub import Hub
from live.session import serve
from server.feeds import door, export, sheet, tokens
from server.feeds.desk import FeedDesk
from server.feeds.door import caller_of
from server.feeds.models import FeedToken
from server.feeds.stream import EventStream
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.paging import Page, page
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, Invalid
from server.kit.settings import Settings
from server.rooms import service as rooms
from server.rooms.models import Room

_FEED = "/rooms/{room_id:uuid}/feed"
_TOKENS = "/api/rooms/{room_id:uuid}/feed-tokens"

Token = Annotated[str | None, QueryParameter(max_length=2048, description="In place of a header.")]


class NewFeedToken(msgspec.Struct, forbid_unknown_fields=True):
    days: Annotated[int, msgspec.Meta(ge=1, le=365)]
    name: Annotated[str, msgspec.Meta(max_length=60)] = ""


class FeedTokenView(msgspec.Struct, kw_only=True):
    """As the list has it. `made_by` is the name of whose right it lends."""

    id: UUID
    name: str
    made_by: str
    created_at: datetime
    expires_at: datetime


class NewToken(msgspec.Struct):
    """Opens the three addresses and nothing else, as `Authorization: Bearer` or `?token=`, until it expires or is
    revoked, and as long as the account that made it is enabled and may see the room's figures. `token` is told this
    once."""

    id: UUID
    token: str
    expires_at: datetime
    ws_url: str
    sse_url: str
    export_url: str


@post(_TOKENS, status_code=HTTP_201_CREATED, tags=["feeds"])
async def make_token(
    room_id: FromPath[UUID],
    data: NewFeedToken,
    staff: Principal,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
) -> NewToken:
    """For a tool of the merchant's own, by whoever may see the room's figures and does more than read."""
    room = await _to_lend(session, staff, room_id)
    token, row = await tokens.issue(session, room.id, staff.id, data.name.strip(), data.days, clock())
    feed = f"/rooms/{room_id}/feed"
    return NewToken(
        id=row.id,
        token=token,
        expires_at=row.expires_at,
        ws_url=f"{settings.base_url.replace('http', 'ws', 1)}/ws{feed}",
        sse_url=f"{settings.base_url}/api{feed}",
        export_url=f"{settings.base_url}/api{feed}/export",
    )


@get(_TOKENS, tags=["feeds"])
async def list_tokens(
    room_id: FromPath[UUID],
    staff: Principal,
    session: AsyncSession,
    clock: Clock,
    cursor: Annotated[str | None, QueryParameter(max_length=64)] = None,
) -> Page[FeedTokenView]:
    """Those that open the feed now, newest first."""
    room = await rooms.to_count(session, staff, room_id)
    rows = await tokens.listing(session, room.id, cursor, clock())
    return page(rows, lambda row: _view(*row), lambda row: row[0].id)


@delete(f"{_TOKENS}/{{token_id:uuid}}", status_code=HTTP_204_NO_CONTENT, tags=["feeds"])
async def revoke_token(
    room_id: FromPath[UUID], token_id: FromPath[UUID], staff: Principal, session: AsyncSession, clock: Clock
) -> None:
    """What it has open ends within half a minute."""
    room = await _to_lend(session, staff, room_id)
    await tokens.revoke(session, room.id, token_id, clock())


async def _to_lend(session: AsyncSession, staff: Principal, room_id: UUID) -> Room:
    """Raises `NotFound`, and `Forbidden` also for who may only read: a token outlasts a sign-in."""
    room = await rooms.to_count(session, staff, room_id)
    if staff.role is Role.READ_ONLY:
        raise Forbidden
    return room


def _view(token: FeedToken, made_by: str) -> FeedTokenView:
    return FeedTokenView(
        id=token.id,
        name=token.name,
        made_by=made_by,
        created_at=token.created_at,
        expires_at=token.expires_at,
    )


@websocket("/ws/rooms/{room_id:str}/feed")
async def feed_socket(
    socket: WebSocket[Any, Any, Any],
    room_id: FromPath[str],
    database: Database,
    clock: Clock,
    hub: Hub,
) -> None:
    await serve(socket, hub, FeedDesk(database, clock, caller_of(socket), room_id))


@get(f"/api{_FEED}", media_type="text/event-stream", tags=["feeds"])
async def feed_stream(
    request: Request[Any, Any, Any],
    room_id: FromPath[UUID],
    database: Database,
    clock: Clock,
    hub: Hub,
    token: Token = None,
    last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    after: Annotated[str | None, QueryParameter(description="The same, for who can't send a header.")] = None,
) -> EventStream:
    """Server-sent events, without an end; docs/integrating.md tells how to read them."""
    desk = FeedDesk(database, clock, caller_of(request), str(room_id))
    return EventStream(hub, desk, last_event_id or after or None)


@get(f"/api{_FEED}/export", media_type="text/csv", tags=["feeds"])
async def export_feed(
    request: Request[Any, Any, Any],
    room_id: FromPath[UUID],
    database: Database,
    clock: Clock,
    token: Token = None,
    format: FromQuery[Literal["csv", "jsonl"]] = "csv",
    kinds: Annotated[str, QueryParameter(max_length=100)] = ",".join(export.KINDS),
) -> Stream:
    """What happened so far, oldest first; `kinds` are some of comments, entries, gifts, orders. docs/integrating.md has
    the columns."""
    asked = _kinds(kinds)
    async with database.transaction() as session:
        _, room = await door.admit(session, caller_of(request), room_id, clock())
    rows = export.happened(database, room.id, asked, until=uuid7())
    content: AsyncIterator[bytes] = sheet.as_csv(rows) if format == "csv" else sheet.as_jsonl(rows)
    headers = {
        "Content-Disposition": sheet.disposition(room.title, clock(), format),
        "X-Accel-Buffering": "no",
    }
    return Stream(content, media_type=sheet.MEDIA_TYPES[format], headers=headers)


def _kinds(text: str) -> Sequence[str]:
    asked = text.split(",")
    if unknown := sorted(set(asked) - set(export.KINDS)):
        message = f"not {', '.join(map(repr, unknown))}, but some of {', '.join(export.KINDS)}"
        raise Invalid(errors=[{"field": "kinds", "message": message}])
    return asked


ROUTES = [make_token, list_tokens, revoke_token, feed_socket, feed_stream, export_feed]
