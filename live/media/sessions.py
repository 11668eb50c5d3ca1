"""The sessions of a media node: who may begin one, which there are, and what is remembered of those that ended."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from live.media.errors import Busy, HostReplaced, UnknownResource
from live.media.ingest import IngestPlan
from live.media.peer import Peer
from live.media.playback import PlaybackPlan
from live.media.room import MediaRoom

Scope = Literal["whip", "whep"]

MOST: dict[Scope, tuple[int, int]] = {"whip": (500, 200), "whep": (4000, 1500)}
"""Sessions, and those of them that don't stand yet. Apart, for a crowd at the door must keep no host out."""
_REPLACED_KEPT = 256


@dataclass(frozen=True)
class Resource:
    """What a POST created. `etag` names the ICE session, with its quotes."""

    id: str
    room_id: str
    scope: Scope
    answer: str
    etag: str


@dataclass(eq=False)
class Session:
    """`viewer` is the caller's own name for whoever plays; `number` tells which of two began later; `etag` is the ICE
    session's of now."""

    resource: Resource
    room: MediaRoom
    peer: Peer
    plan: IngestPlan | PlaybackPlan
    number: int
    etag: str
    viewer: str | None = None
    replaced: bool = False
    connecting: bool = True
    task: asyncio.Task[None] | None = None

    @property
    def scope(self) -> Scope:
        return self.resource.scope

    async def end(self) -> None:
        """Sends the remote end away, and waits until it is gone."""
        self.peer.gone.set()
        if self.task is not None:
            await asyncio.wait((self.task,))


class Sessions:
    """By resource, each from its offer until its end."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._present: Counter[Scope] = Counter()
        self._connecting: Counter[Scope] = Counter()
        self._replaced: OrderedDict[str, Resource] = OrderedDict()

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def of_room(self, room_id: str) -> list[Session]:
        return [session for session in self._sessions.values() if session.room.room_id == room_id]

    @property
    def connecting(self) -> int:
        return self._connecting.total()

    def must_have_place(self, scope: Scope) -> None:
        """Raises Busy (503)."""
        most, most_connecting = MOST[scope]
        if self._present[scope] >= most or self._connecting[scope] >= most_connecting:
            raise Busy

    def add(self, session: Session) -> None:
        self._sessions[session.resource.id] = session
        self._present[session.scope] += 1
        self._connecting[session.scope] += 1

    def stands(self, session: Session) -> None:
        """Its connection has come about, or never will."""
        if session.connecting:
            session.connecting = False
            self._connecting[session.scope] -= 1

    def remove(self, session: Session) -> None:
        """A host that was sent away is remembered, so that its page is told why."""
        self.stands(session)
        del self._sessions[session.resource.id]
        self._present[session.scope] -= 1
        if session.replaced:
            self._replaced[session.resource.id] = session.resource
            if len(self._replaced) > _REPLACED_KEPT:
                self._replaced.popitem(last=False)

    def get(self, resource_id: str) -> Session:
        """Raises UnknownResource (404), HostReplaced (410)."""
        session = self._sessions.get(resource_id)
        if resource_id in self._replaced or (session is not None and session.replaced):
            raise HostReplaced
        if session is None:
            raise UnknownResource
        return session

    def resource(self, resource_id: str) -> Resource | None:
        """Also a replaced host's."""
        session = self._sessions.get(resource_id)
        return session.resource if session else self._replaced.get(resource_id)


def entity_tag() -> str:
    """Strong, and new with each ICE session (RFC 9725, 4.3.1)."""
    return f'"{secrets.token_hex(8)}"'
