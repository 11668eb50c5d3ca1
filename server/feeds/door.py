"""Who may hear a room's feed: staff who see its figures, and the tools to which one of them gave a token."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import service as accounts
from server.feeds import tokens
from server.kit.principal import AnyConnection, Principal
from server.kit.problems import Forbidden, NotFound, NotSignedIn
from server.rooms import service as rooms
from server.rooms.models import Room


class Caller(msgspec.Struct, frozen=True):
    """`token` is a feed's or the staff's own; `user` is who is signed in."""

    token: str
    user: Principal | None


def caller_of(connection: AnyConnection) -> Caller:
    """A header's token stands before the address's, and that before a cookie's."""
    scheme, _, bearer = connection.headers.get("Authorization", "").partition(" ")
    named = bearer.strip() if scheme.lower() == "bearer" else connection.query_params.get("token")
    return Caller(named or connection.scope.get("auth") or "", connection.scope.get("user"))


async def admit(
    session: AsyncSession, caller: Caller, room_id: UUID, now: datetime
) -> tuple[Principal, Room]:
    """Raises `NotSignedIn`, `Forbidden`, and `NotFound`, also for the token of another room's feed."""
    who = await _who(session, caller, room_id, now)
    if who is None:
        raise NotSignedIn
    if who.kind != "staff":
        raise Forbidden
    return who, await rooms.to_count(session, who, room_id)


async def _who(session: AsyncSession, caller: Caller, room_id: UUID, now: datetime) -> Principal | None:
    if caller.token.startswith(tokens.MARK):
        token = await tokens.find(session, caller.token, now)
        if token is None:
            return None
        if token.room_id != room_id:
            raise NotFound
        return await accounts.enabled(session, token.account_id)
    if caller.user is not None and caller.user.kind == "member":
        return caller.user
    return await accounts.authenticate(session, caller.token, now)
