"""Who may hear a room's feed: staff who see its figures, and the tools to which one of them gave a token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import service as accounts
from server.kit.principal import AnyConnection, Principal
from server.kit.problems import Forbidden, NotFound, NotSignedIn
from server.kit.settings import Settings
from server.kit.tokens import BadToken, Signer
from server.rooms import service as rooms
from server.rooms.models import Room


class FeedToken(msgspec.Struct):
    """Opens the three addresses and nothing else, as `Authorization: Bearer` or `?token=`, as long as the account that
    made it is enabled and may see the room's figures."""

    token: str
    expires_at: datetime
    ws_url: str
    sse_url: str
    export_url: str


class Caller(msgspec.Struct, frozen=True):
    """`token` is a feed's or the staff's own; `user` is who is signed in."""

    token: str
    user: Principal | None


def caller_of(connection: AnyConnection) -> Caller:
    """A header's token stands before the address's, and that before a cookie's."""
    scheme, _, bearer = connection.headers.get("Authorization", "").partition(" ")
    named = bearer.strip() if scheme.lower() == "bearer" else connection.query_params.get("token")
    return Caller(named or connection.scope.get("auth") or "", connection.scope.get("user"))


def issue(settings: Settings, room_id: UUID, staff_id: UUID, now: datetime, days: int) -> FeedToken:
    claims = {"room": str(room_id), "by": str(staff_id)}
    now = now.replace(microsecond=0)  # a token counts whole seconds
    feed = f"/rooms/{room_id}/feed"
    return FeedToken(
        token=_signer(settings).issue(claims, now, timedelta(days=days)),
        expires_at=now + timedelta(days=days),
        ws_url=f"{settings.base_url.replace('http', 'ws', 1)}/ws{feed}",
        sse_url=f"{settings.base_url}/api{feed}",
        export_url=f"{settings.base_url}/api{feed}/export",
    )


async def admit(
    session: AsyncSession, settings: Settings, caller: Caller, room_id: UUID, now: datetime
) -> tuple[Principal, Room]:
    """Raises `NotSignedIn`, `Forbidden`, and `NotFound`, also for the token of another room's feed."""
    who = await _who(session, settings, caller, room_id, now)
    if who is None:
        raise NotSignedIn
    if who.kind != "staff":
        raise Forbidden
    return who, await rooms.to_count(session, who, room_id)


async def _who(
    session: AsyncSession, settings: Settings, caller: Caller, room_id: UUID, now: datetime
) -> Principal | None:
    if (claims := _claims(settings, caller.token, now)) is not None:
        if claims["room"] != str(room_id):
            raise NotFound
        return await accounts.enabled(session, UUID(claims["by"]))
    if caller.user is not None and caller.user.kind == "member":
        return caller.user
    return await accounts.authenticate(session, caller.token, now)


def _claims(settings: Settings, token: str, now: datetime) -> dict[str, Any] | None:
    try:
        return _signer(settings).read(token, now)
    except BadToken:
        return None


def _signer(settings: Settings) -> Signer:
    return Signer(settings.secret, "feed")
