"""A media node: all rooms of one process, behind one UDP port.

WHIP and WHEP end here as plain calls; an HTTP shell puts them on the wire. Errors are `MediaError`s, which carry
their status.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from live.media import answer, fragment, ingest, offer, playback
from live.media.aiortc_private import Certificate, HandshakeFailed
from live.media.errors import (
    Busy,
    Draining,
    EntityTagMismatch,
    EntityTagMissing,
    HostReplaced,
    RoomTaken,
    UnknownResource,
)
from live.media.fanout import FanOut, fan_out
from live.media.health import Health
from live.media.ingest import Ingest, IngestPlan
from live.media.offer import Offer
from live.media.peer import Peer
from live.media.playback import PlaybackPlan, Viewer
from live.media.room import TICK, MediaRoom, MediaState
from live.media.udp import IDLE_AFTER, UdpMux

Scope = Literal["whip", "whep"]

log = logging.getLogger(__name__)

_MOST: dict[Scope, tuple[int, int]] = {"whip": (500, 200), "whep": (4000, 1500)}
"""Sessions, and those of them that don't stand yet. Apart, for a crowd at the door must keep no host out."""
_REPLACED_KEPT = 256
_CERTIFICATE_LASTS = 7 * 86400.0  # browsers compare fingerprints only; still, none serves for a month


@dataclass(frozen=True)
class Resource:
    """What a POST created. `etag` names the ICE session, with its quotes."""

    id: str
    room_id: str
    scope: Scope
    answer: str
    etag: str


@dataclass(frozen=True)
class Restarted:
    """What an ICE restart gives back: the body of a 200 answer to PATCH, and the new entity tag."""

    fragment: str
    etag: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the whole node; the second half counts since its start."""

    rooms: int
    hosts: int
    viewers: int
    connecting: int
    agents: int
    draining: bool
    joins: int
    failed: int
    packets_sent: int
    packets_lost: int
    datagrams_received: int
    datagrams_unknown: int
    checks_refused: int


@dataclass(eq=False)
class _Session:
    resource: Resource
    room: MediaRoom
    peer: Peer
    plan: IngestPlan | PlaybackPlan
    number: int
    etag: str
    replaced: bool = False
    task: asyncio.Task[None] | None = None


class MediaNode:
    """`start` and `stop` in one event loop; all calls from there."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        announced: Sequence[str] = (),
        on_state: Callable[[str, MediaState], None] = lambda room_id, state: None,
        idle_after: float = IDLE_AFTER,
    ) -> None:
        """`announced`: the IP addresses told to peers (see `UdpMux.open`). `on_state` must not block."""
        self._bind, self._announced = (host, port), announced
        self._on_state, self._idle_after = on_state, idle_after
        self._rooms: dict[str, MediaRoom] = {}
        self._hosts: dict[str, _Session] = {}
        self._sessions: dict[str, _Session] = {}
        self._crowds: Counter[str] = Counter()  # sessions of each room
        self._present: Counter[Scope] = Counter()
        self._connecting: Counter[Scope] = Counter()
        self._replaced: OrderedDict[str, Resource] = OrderedDict()
        self._joins = self._failed = self._numbered = 0
        self._draining = False
        self._mux: UdpMux | None = None
        self._fan_out: FanOut | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._certificate: tuple[Certificate, float] | None = None

    # Life

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        self._mux = UdpMux.open(*self._bind, self._announced, idle_after=self._idle_after)
        self._fan_out = fan_out(self._mux)
        self._ticker = asyncio.create_task(self._tick(), name="media rooms")

    async def stop(self) -> None:
        """Ends every session with a goodbye. Idempotent."""
        if self._mux is None:
            return
        await asyncio.gather(*(self._end(session) for session in list(self._sessions.values())))
        if self._ticker is not None:
            self._ticker.cancel()
        self._mux.close()
        self._mux = None

    def drain(self) -> None:
        """No new rooms; those here go on until they end, with new viewers and returning hosts."""
        self._draining = True

    @property
    def mux(self) -> UdpMux:
        """Raises Busy (503) while the node isn't running."""
        if self._mux is None:
            raise Busy("the media node is not running")
        return self._mux

    @property
    def udp_port(self) -> int:
        return self.mux.port

    @property
    def _out(self) -> FanOut:
        if self._fan_out is None:
            raise Busy("the media node is not running")
        return self._fan_out

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            for room in list(self._rooms.values()):
                try:
                    room.tick(now)
                except Exception:  # one room's fault must not stop the others' clocks
                    log.exception("a tick of room %s failed", room.room_id)

    # Signalling

    async def publish(self, room_id: str, sdp: str, *, only_if_vacant: bool = False) -> Resource:
        """A host's offer. It takes the room over once its connection stands; who had the room then is sent away.
        `only_if_vacant`: it never sends anybody away, and raises RoomTaken (412) where a host is, or is on its way.
        Raises what `offer.parse` raises, NotAcceptable, Draining, Busy."""
        offered = offer.parse(sdp)
        plan = ingest.negotiate(offered)
        room = self._admitted(room_id, "whip")
        if only_if_vacant and self._publishing(room):
            raise RoomTaken
        return self._open(room, "whip", offered, plan)

    def _publishing(self, room: MediaRoom) -> bool:
        return any(
            session.room is room and session.resource.scope == "whip" for session in self._sessions.values()
        )

    async def play(self, room_id: str, sdp: str) -> Resource:
        """A viewer's offer; it may come before the host. Raises what `publish` raises."""
        offered = offer.parse(sdp)
        room = self._admitted(room_id, "whep")
        plan = playback.negotiate(offered, room.tracks)
        return self._open(room, "whep", offered, plan)

    async def trickle(self, resource_id: str, body: str, if_match: str | None) -> Restarted | None:
        """PATCH. None (204) when the fragment only brings candidates, which a lite agent doesn't need. Raises
        UnknownResource, HostReplaced, MalformedFragment, EntityTagMissing, EntityTagMismatch."""
        session = self._session(resource_id)
        ufrag = fragment.remote_ufrag(body)
        if if_match is None:
            raise EntityTagMissing
        agent = session.peer.agent
        if ufrag is not None and ufrag != agent.current.remote_ufrag:
            if if_match != "*":
                raise EntityTagMismatch("an ICE restart needs If-Match: *")
            credentials = agent.restart(ufrag)
            session.etag = _entity_tag()
            return Restarted(fragment.write(credentials, self.mux.candidates), session.etag)
        if if_match not in ("*", session.etag):
            raise EntityTagMismatch
        return None

    async def close(self, resource_id: str) -> None:
        """DELETE. Raises UnknownResource, HostReplaced."""
        await self._end(self._session(resource_id))

    async def clear(self, room_id: str) -> None:
        """Sends host and viewers away; who comes after the call is let in."""
        await asyncio.gather(*(self._end(s) for s in self._sessions.values() if s.room.room_id == room_id))

    def belongs(self, resource_id: str, room_id: str, scope: Scope) -> bool:
        """Whether this resource is (or, for a replaced host, was) of that room."""
        session = self._sessions.get(resource_id)
        resource = session.resource if session else self._replaced.get(resource_id)
        return resource is not None and (resource.room_id, resource.scope) == (room_id, scope)

    def _session(self, resource_id: str) -> _Session:
        session = self._sessions.get(resource_id)
        if resource_id in self._replaced or (session is not None and session.replaced):
            raise HostReplaced
        if session is None:
            raise UnknownResource
        return session

    # Sessions

    def _admitted(self, room_id: str, scope: Scope) -> MediaRoom:
        """The room, or a new one that isn't anywhere yet."""
        room = self._rooms.get(room_id)
        if room is None and self._draining:
            raise Draining
        most, most_connecting = _MOST[scope]
        if self._present[scope] >= most or self._connecting[scope] >= most_connecting:
            raise Busy
        return room or MediaRoom(room_id, self._out, self._on_state)

    def _open(
        self, room: MediaRoom, scope: Scope, offered: Offer, plan: IngestPlan | PlaybackPlan
    ) -> Resource:
        peer = Peer(self.mux, self._current_certificate(), offered)
        self._numbered += 1
        try:
            text = self._answer(room, offered, plan, peer)
        except BaseException:
            peer.agent.close()
            raise
        etag = _entity_tag()
        resource = Resource(secrets.token_urlsafe(24), room.room_id, scope, text, etag)
        session = _Session(resource, room, peer, plan, self._numbered, etag)
        self._rooms[room.room_id] = room
        self._sessions[resource.id] = session
        self._crowds[room.room_id] += 1
        self._present[scope] += 1
        self._connecting[scope] += 1
        session.task = asyncio.create_task(self._serve(session), name=f"media {scope}")
        return resource

    def _answer(self, room: MediaRoom, offered: Offer, plan: IngestPlan | PlaybackPlan, peer: Peer) -> str:
        fingerprints = self._current_certificate().getFingerprints()[:1]
        transport = answer.Transport(peer.agent.current, self.mux.candidates, fingerprints)
        return answer.write(offered, plan.taken, transport, self._numbered, room.cname)

    async def _serve(self, session: _Session) -> None:
        try:
            await self._connect(session)
            if isinstance(session.plan, IngestPlan):
                await self._host(session, Ingest(session.peer, session.plan, session.room))
            else:
                await self._watch(session, session.plan)
        except HandshakeFailed:
            self._failed += 1
        except Exception:
            log.exception("a media session of room %s failed", session.resource.room_id)
        finally:
            try:
                await session.peer.close()
            finally:
                self._forget(session)

    async def _connect(self, session: _Session) -> None:
        try:
            await session.peer.connect()
        finally:
            self._connecting[session.resource.scope] -= 1
        self._joins += 1

    async def _host(self, session: _Session, host: Ingest) -> None:
        """The newest publish has the room. Two hosts that connect out of order change nothing in that."""
        room, present = session.room, self._hosts.get(session.resource.room_id)
        if present is not None and present.number > session.number:
            session.replaced = True
            return
        if present is not None:
            present.replaced = True
            present.peer.gone.set()
        self._hosts[room.room_id] = session
        try:
            room.take_over(host)
            await session.peer.gone.wait()
        finally:
            room.leave(host)
            if self._hosts.get(room.room_id) is session:
                del self._hosts[room.room_id]

    async def _watch(self, session: _Session, plan: PlaybackPlan) -> None:
        room = session.room
        viewer = Viewer(session.peer, plan, room.tracks, self._out, room.want_keyframe)
        room.join(viewer)
        try:
            await session.peer.gone.wait()
        finally:
            room.part(viewer)

    def _forget(self, session: _Session) -> None:
        room_id = session.resource.room_id
        del self._sessions[session.resource.id]
        self._present[session.resource.scope] -= 1
        self._crowds[room_id] -= 1
        if not self._crowds[room_id]:
            del self._crowds[room_id], self._rooms[room_id]
        if session.replaced:
            self._replaced[session.resource.id] = session.resource
            if len(self._replaced) > _REPLACED_KEPT:
                self._replaced.popitem(last=False)

    async def _end(self, session: _Session) -> None:
        session.peer.gone.set()
        if session.task is not None:
            await asyncio.wait((session.task,))

    def _current_certificate(self) -> Certificate:
        """One for all peers: making a key for each would cost every join a millisecond."""
        now = time.monotonic()
        if self._certificate is None or now > self._certificate[1]:
            self._certificate = (Certificate.generateCertificate(), now + _CERTIFICATE_LASTS)
        return self._certificate[0]

    # Figures

    def rooms(self) -> Mapping[str, Health]:
        return {room_id: room.health() for room_id, room in self._rooms.items()}

    def figures(self) -> Figures:
        counters = self.mux.counters
        return Figures(
            rooms=len(self._rooms),
            hosts=len(self._hosts),
            viewers=sum(len(room.viewers) for room in self._rooms.values()),
            connecting=self._connecting.total(),
            agents=len(self.mux.agents),
            draining=self._draining,
            joins=self._joins,
            failed=self._failed,
            packets_sent=self._out.sent,
            packets_lost=self._out.lost,
            datagrams_received=counters.received,
            datagrams_unknown=counters.unknown,
            checks_refused=counters.refused,
        )


def _entity_tag() -> str:
    """Strong, and new with each ICE session (RFC 9725, 4.3.1)."""
    return f'"{secrets.token_hex(8)}"'
