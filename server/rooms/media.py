"""Who may send pictures into a room and who may see them: tokens for WHIP and WHEP, and the check at the door."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from live.media.sessions import Scope
from live.room import Phase
from server.accounts import service as accounts
from server.chat import bans
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.devices import DEVICE, device_key
from server.kit.limits import Limiter, address_of
from server.kit.principal import AnyConnection, Principal
from server.kit.problems import Gone, NotFound, NotSignedIn
from server.kit.settings import Settings
from server.kit.tokens import BadToken, Signer
from server.rooms import service, spectators
from server.rooms.media_proxy import Admission
from server.rooms.models import Room

BROADCAST_TTL = timedelta(hours=12)
WATCH_TTL = timedelta(hours=24)
OFFERS_PER_MINUTE = 600
OFFERS_PER_MINUTE_DEMO = 6_000
"""To watch, from one address, which could otherwise fill the media node with offers that nobody follows up."""


class RoomEnded(Gone):
    slug, title = "room-ended", "The show is over"


class BroadcastToken(msgspec.Struct):
    """For OBS and the like: the URL and a Bearer token that is good for this room for 12 hours, as long as whoever
    asked for it may run the room."""

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

    def __init__(self, database: Database, settings: Settings, clock: Clock, limiter: Limiter) -> None:
        self._database = database
        self._clock = clock
        self._limiter = limiter
        self._offers = OFFERS_PER_MINUTE_DEMO if settings.demo else OFFERS_PER_MINUTE
        self._secret = settings.secret
        self._signers = {scope: Signer(settings.secret, scope) for scope in ("whip", "whep")}

    async def __call__(self, connection: AnyConnection, room_id: str, scope: Scope) -> Admission:
        """Publishing needs a broadcast token of the room or a sign-in, of staff who may run it now; watching a viewer
        token, or somebody whom the room's audience takes in and who is not banned, nor their device; what they began
        they may still end. The room's id comes in its one spelling. Watching by a viewer token, and staff's, has no
        label.

        Raises `NotFound`, `NotSignedIn`, `Forbidden`, `Banned` (403), `RoomEnded` (410, an offer), `TooMany` (429,
        offers to watch).
        """
        offers = connection.scope.get("method") == "POST"
        if offers and scope == "whep":
            await self._limiter.take("whep", address_of(connection), self._offers, 60)
        room = _room_id(room_id)
        claims = self._claims(connection, room, scope)
        who: Principal | None = connection.scope.get("user")
        viewer = None
        async with self._database.transaction() as session:
            if scope == "whip":
                if claims is not None:
                    who = await accounts.enabled(session, UUID(claims["by"]))
                if who is None or who.kind != "staff":
                    raise NotSignedIn
                found = await service.to_run(session, who, room)
            elif claims is not None:
                found = await service.load(session, room)
            else:
                found = await service.to_enter(session, who, room)
                device = device_key(self._secret, connection.headers.get(DEVICE))
                if who is not None and who.kind == "member" and connection.scope.get("method") != "DELETE":
                    await bans.must_be_welcome(session, who, room, device, self._clock())
                viewer = _label(who, device, found)
        if offers and found.state == Phase.ENDED:
            raise RoomEnded
        return Admission(str(room), viewer)

    def _claims(self, connection: AnyConnection, room_id: UUID, scope: Scope) -> dict[str, Any] | None:
        """Of a token for this room that came along."""
        kind, _, token = connection.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        try:
            claims = self._signers[scope].read(token.strip(), self._clock())
        except BadToken:
            return None
        return claims if claims.get("room") == str(room_id) else None


def _label(who: Principal | None, device: bytes | None, room: Room) -> str | None:
    if who is None or who.brand_id != room.brand_id:
        return spectators.ANYBODY
    return spectators.label(who.id, device) if who.kind == "member" else None


def _room_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
