"""Who may send pictures into a room and who may see them: tokens for WHIP and WHEP, and the check at the door."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection

from live.media.node import Scope
from live.room import Phase
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.principal import Principal
from server.kit.problems import NotFound, NotSignedIn
from server.kit.settings import Settings
from server.kit.tokens import BadToken, Signer
from server.rooms import service

BROADCAST_TTL = timedelta(hours=12)
WATCH_TTL = timedelta(hours=24)


class BroadcastToken(msgspec.Struct):
    """For OBS and the like: the URL and a Bearer token that is good for this room for 12 hours."""

    whip_url: str
    token: str


def whip_url(settings: Settings, room_id: UUID) -> str:
    return f"{settings.base_url}/whip/{room_id}"


def whep_url(settings: Settings, room_id: UUID) -> str:
    return f"{settings.base_url}/whep/{room_id}"


def whip_token(
    settings: Settings, room_id: UUID, staff_id: UUID, now: datetime, ttl: timedelta = BROADCAST_TTL
) -> str:
    claims = {"room": str(room_id), "by": str(staff_id)}
    return Signer(settings.secret, "whip").issue(claims, now, ttl)


def whep_token(settings: Settings, room_id: UUID, now: datetime, ttl: timedelta = WATCH_TTL) -> str:
    """For a screen or a player without a member: whoever holds it may watch this room for a day."""
    return Signer(settings.secret, "whep").issue({"room": str(room_id)}, now, ttl)


class MediaDoor:
    """Asked by the media proxy before every request it passes on."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._signers = {scope: Signer(settings.secret, scope) for scope in ("whip", "whep")}

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], room_id: str, scope: Scope
    ) -> None:
        """Publishing needs a broadcast token of the room, or staff who may run it; watching a viewer token, or
        somebody whom the room's audience takes in.

        Raises `NotFound`, `NotSignedIn`, `Forbidden`, `WrongState` (409, a new broadcast into an ended room).
        """
        room = _room_id(room_id)
        who: Principal | None = connection.scope.get("user")
        by_token = self._has_token(connection, room, scope)
        async with self._database.transaction() as session:
            if scope == "whep":
                if not by_token:
                    await service.to_enter(session, who, room)
                return
            if not by_token and (who is None or who.kind != "staff"):
                raise NotSignedIn
            found = (
                await service.load(session, room)
                if by_token or who is None
                else await service.to_run(session, who, room)
            )
        if found.state == Phase.ENDED and connection.scope.get("method") == "POST":
            raise service.WrongState(state=found.state, reason="room-ended")

    def _has_token(self, connection: ASGIConnection[Any, Any, Any, Any], room_id: UUID, scope: Scope) -> bool:
        kind, _, token = connection.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return False
        try:
            claims = self._signers[scope].read(token.strip(), self._clock())
        except BadToken:
            return False
        return claims.get("room") == str(room_id)


def _room_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
