"""A media node: all rooms of one process, behind one UDP port.

WHIP and WHEP end here as plain calls; an HTTP shell puts them on the wire. Errors are `MediaError`s, which carry
their status.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from live.media import answer, fragment, ingest, offer, playback
from live.media.aiortc_private import Certificate, HandshakeFailed
from live.media.errors import Busy, Draining, EntityTagMismatch, EntityTagMissing, RoomTaken
from live.media.fanout import FanOut, fan_out
from live.media.frames import MOST_OCTETS, Tap
from live.media.health import Health
from live.media.ingest import Ingest, IngestPlan
from live.media.offer import Offer
from live.media.peer import Peer
from live.media.playback import PlaybackPlan, Viewer
from live.media.room import TICK, MediaRoom, MediaState
from live.media.sessions import Resource, Scope, Session, Sessions, entity_tag
from live.media.udp import IDLE_AFTER, UdpMux

log = logging.getLogger(__name__)

_CERTIFICATE_LASTS = 7 * 86400.0  # browsers compare fingerprints only; still, none serves for a month


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
    accelerated: bool
    joins: int
    failed: int
    packets_sent: int
    packets_lost: int
    datagrams_received: int
    datagrams_unknown: int
    checks_refused: int


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
        accelerate: bool = True,
    ) -> None:
        """`announced`: the IP addresses told to peers (see `UdpMux.open`). `on_state` must not block. `accelerate`:
        use the compiled fan-out where there is one."""
        self._bind, self._announced = (host, port), announced
        self._on_state, self._idle_after, self._accelerate = on_state, idle_after, accelerate
        self._rooms: dict[str, MediaRoom] = {}
        self._hosts: dict[str, Session] = {}
        self._sessions = Sessions()
        self._crowds: Counter[str] = Counter()  # sessions and taps of each room
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
        self._fan_out = fan_out(self._mux, accelerate=self._accelerate)
        self._ticker = asyncio.create_task(self._tick(), name="media rooms")

    async def stop(self) -> None:
        """Ends every session with a goodbye. Idempotent."""
        if self._mux is None:
            return
        for room in self._rooms.values():
            room.taps.end()
        await asyncio.gather(*(session.end() for session in self._sessions))
        if self._ticker is not None:
            self._ticker.cancel()
        self._mux.close()
        self._mux = None

    def drain(self, on: bool = True) -> None:
        """No new rooms; those here go on until they end, with new viewers and returning hosts."""
        self._draining = on

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
        if only_if_vacant and any(session.scope == "whip" for session in self._sessions.of_room(room_id)):
            raise RoomTaken
        return self._open(room, "whip", offered, plan)

    async def play(self, room_id: str, sdp: str, viewer: str | None = None) -> Resource:
        """A viewer's offer; it may come before the host. `viewer` is the caller's own name for whoever it is, which
        several sessions may have. Raises what `publish` raises."""
        offered = offer.parse(sdp)
        room = self._admitted(room_id, "whep")
        plan = playback.negotiate(offered, room.tracks)
        return self._open(room, "whep", offered, plan, viewer)

    async def trickle(self, resource_id: str, body: str, if_match: str | None) -> Restarted | None:
        """PATCH. None (204) when the fragment only brings candidates, which a lite agent doesn't need. Raises
        UnknownResource, HostReplaced, MalformedFragment, EntityTagMissing, EntityTagMismatch."""
        session = self._sessions.get(resource_id)
        ufrag = fragment.remote_ufrag(body)
        if if_match is None:
            raise EntityTagMissing
        agent = session.peer.agent
        if ufrag is not None and ufrag != agent.current.remote_ufrag:
            if if_match != "*":
                raise EntityTagMismatch("an ICE restart needs If-Match: *")
            credentials = agent.restart(ufrag)
            session.etag = entity_tag()
            return Restarted(fragment.write(credentials, self.mux.candidates), session.etag)
        if if_match not in ("*", session.etag):
            raise EntityTagMismatch
        return None

    async def close(self, resource_id: str) -> None:
        """DELETE. Raises UnknownResource, HostReplaced."""
        await self._sessions.get(resource_id).end()

    async def clear(self, room_id: str) -> None:
        """Sends host and viewers away; who comes after the call is let in."""
        await asyncio.gather(*(session.end() for session in self._sessions.of_room(room_id)))

    def viewers(self, room_id: str) -> set[str]:
        """The names that were given to `play` by those who are here, or on their way."""
        return {session.viewer for session in self._sessions.of_room(room_id) if session.viewer is not None}

    async def dismiss(self, room_id: str, viewer: str) -> None:
        """Ends the sessions of this name."""
        here = [session for session in self._sessions.of_room(room_id) if session.viewer == viewer]
        await asyncio.gather(*(session.end() for session in here))

    def belongs(self, resource_id: str, room_id: str, scope: Scope) -> bool:
        """Whether this resource is (or, for a replaced host, was) of that room."""
        resource = self._sessions.resource(resource_id)
        return resource is not None and (resource.room_id, resource.scope) == (room_id, scope)

    @contextmanager
    def frames(self, room_id: str, most_octets: int = MOST_OCTETS) -> Iterator[Tap]:
        """The room's encoded frames, for one consumer; it may come before the host, and its stream ends when it leaves
        the context or the node stops. At most `most_octets` wait for it. Raises Draining, Busy."""
        room = self._rooms[room_id] = self._room(room_id)
        self._crowds[room_id] += 1
        try:
            with room.taps.tap(most_octets) as tap:
                yield tap
        finally:
            self._release(room_id)

    # Sessions

    def _admitted(self, room_id: str, scope: Scope) -> MediaRoom:
        """The room, or a new one that isn't anywhere yet."""
        room = self._room(room_id)
        self._sessions.must_have_place(scope)
        return room

    def _room(self, room_id: str) -> MediaRoom:
        room = self._rooms.get(room_id)
        if room is None and self._draining:
            raise Draining
        return room or MediaRoom(room_id, self._out, self._on_state)

    def _open(
        self,
        room: MediaRoom,
        scope: Scope,
        offered: Offer,
        plan: IngestPlan | PlaybackPlan,
        viewer: str | None = None,
    ) -> Resource:
        peer = Peer(self.mux, self._current_certificate(), offered)
        self._numbered += 1
        try:
            text = self._answer(room, offered, plan, peer)
        except BaseException:
            peer.agent.close()
            raise
        etag = entity_tag()
        resource = Resource(secrets.token_urlsafe(24), room.room_id, scope, text, etag)
        session = Session(resource, room, peer, plan, self._numbered, etag, viewer)
        self._rooms[room.room_id] = room
        self._crowds[room.room_id] += 1
        self._sessions.add(session)
        session.task = asyncio.create_task(self._serve(session), name=f"media {scope}")
        return resource

    def _answer(self, room: MediaRoom, offered: Offer, plan: IngestPlan | PlaybackPlan, peer: Peer) -> str:
        fingerprints = self._current_certificate().getFingerprints()[:1]
        transport = answer.Transport(peer.agent.current, self.mux.candidates, fingerprints)
        return answer.write(offered, plan.taken, transport, self._numbered, room.cname)

    async def _serve(self, session: Session) -> None:
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
                self._sessions.remove(session)
                self._release(session.resource.room_id)

    async def _connect(self, session: Session) -> None:
        try:
            await session.peer.connect()
        finally:
            self._sessions.stands(session)
        self._joins += 1

    async def _host(self, session: Session, host: Ingest) -> None:
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

    async def _watch(self, session: Session, plan: PlaybackPlan) -> None:
        room = session.room
        viewer = Viewer(session.peer, plan, room.tracks, self._out, room.want_keyframe)
        room.join(viewer)
        try:
            await session.peer.gone.wait()
        finally:
            room.part(viewer)

    def _release(self, room_id: str) -> None:
        self._crowds[room_id] -= 1
        if not self._crowds[room_id]:
            del self._crowds[room_id], self._rooms[room_id]

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
            connecting=self._sessions.connecting,
            agents=len(self.mux.agents),
            draining=self._draining,
            accelerated=self._out.accelerated,
            joins=self._joins,
            failed=self._failed,
            packets_sent=self._out.sent,
            packets_lost=self._out.lost,
            datagrams_received=counters.received,
            datagrams_unknown=counters.unknown,
            checks_refused=counters.refused,
        )
