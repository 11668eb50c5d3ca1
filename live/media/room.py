"""A room's media: at most one host, its two tracks, and everybody who watches. One ticking task for all of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from live.media import rtp
from live.media.audience import Audience
from live.media.fanout import FanOut
from live.media.frames import Taps
from live.media.health import Health, warning
from live.media.ingest import SILENT_AFTER, Ingest
from live.media.offer import KINDS, Codec, Kind
from live.media.playback import Viewer
from live.media.track import Sent, SharedTrack

MediaState = Literal["playing", "away"]

TICK = 0.1
KEYFRAME_REQUESTS_EVERY = 0.5
_REPORT_SLOTS = 10  # ticks over which the viewers' sender reports are spread


class MediaRoom:
    """Driven from one event loop: packets by the ingest's callbacks, time by `tick`.

    `on_state` hears of "playing" at the host's first packets that viewers get, and of "away" when they stop."""

    def __init__(
        self,
        room_id: str,
        fan_out: FanOut,
        on_state: Callable[[str, MediaState], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.room_id = room_id
        self.tracks: dict[Kind, SharedTrack] = {kind: SharedTrack(kind) for kind in KINDS}
        self.cname = secrets.token_hex(8)
        self.ingest: Ingest | None = None
        self.viewers: set[Viewer] = set()
        self.state: MediaState = "away"
        self._fan_out, self._on_state, self._clock, self._wall = fan_out, on_state, clock, wall
        self._audience: dict[Kind, Audience] = {kind: Audience(fan_out) for kind in KINDS}
        self._waiting: dict[Kind, set[Viewer]] = {kind: set() for kind in KINDS}
        self.taps = Taps(self.tracks, self.want_keyframe, wall)
        self._requested_at = float("-inf")
        self._keyframe_wanted = False
        self._slots: list[set[Viewer]] = [set() for _ in range(_REPORT_SLOTS)]
        self._joins = self._ticks = 0

    # The host

    def take_over(self, ingest: Ingest) -> None:
        """From now on this host's packets only."""
        previous, self.ingest = self.ingest, ingest
        if previous is not None:
            previous.end()
        ingest.begin()
        self.want_keyframe()

    def leave(self, ingest: Ingest) -> None:
        ingest.end()
        if self.ingest is ingest:
            self.ingest = None
            self._set_state("away")

    def begin(self, kind: Kind, codec: Codec) -> None:
        track = self.tracks[kind]
        before = track.codec
        self._audience[kind].release()
        track.begin(codec)
        if before is not None and (before.name, before.variant) != (codec.name, codec.variant):
            self._regroup(kind)
        if kind == "video":
            self.want_keyframe()

    def forward(self, kind: Kind, packet: rtp.Packet, now: float) -> None:
        track = self.tracks[kind]
        keyframes = track.keyframes
        sent = track.accept(packet, now)
        if sent is None:
            return
        if track.keyframes > keyframes:
            self._keyframe_wanted = False
        if self._waiting[kind] and (kind == "audio" or track.keyframes > keyframes):
            self._admit_waiting(kind, sent)
        if kind == "video" and sent.index == track.next_index - 1:
            self._audience["video"].gather(sent.template, now)
        else:
            self._audience["video"].release_older(now)
            self._audience[kind].send(sent.template)
        if self.taps.open:
            self.taps.heard(kind, now)
        self._set_state("playing")

    def synchronise(self, kind: Kind, wall: float, host_timestamp: int) -> None:
        self.tracks[kind].synchronise(wall, host_timestamp)

    def want_keyframe(self) -> None:
        """Asks the host, at most twice a second; a wish in between is kept until the next time."""
        self._keyframe_wanted = True
        self._ask_for_keyframe(self._clock())

    def _ask_for_keyframe(self, now: float) -> None:
        if self.ingest is None or now - self._requested_at < KEYFRAME_REQUESTS_EVERY:
            return
        if self.ingest.request_keyframe():
            self._requested_at = now

    # Viewers

    def join(self, viewer: Viewer) -> None:
        self.viewers.add(viewer)
        self._slots[self._joins % _REPORT_SLOTS].add(viewer)
        self._joins += 1
        for kind in viewer.plan.codecs:
            self._waiting[kind].add(viewer)
        if "video" in viewer.plan.codecs:
            self._start_by_replay(viewer)

    def part(self, viewer: Viewer) -> None:
        viewer.end()
        self.viewers.discard(viewer)
        for slot in self._slots:
            slot.discard(viewer)
        for kind in KINDS:
            self._waiting[kind].discard(viewer)
            self._audience[kind].remove(viewer.receiver)

    def _start_by_replay(self, viewer: Viewer) -> None:
        """The newest keyframe, if it is new enough; else the next, which is asked for."""
        track = self.tracks["video"]
        replay = track.replay(self._clock())
        payload_type = viewer.plan.payload_type("video", track.codec) if track.codec else None
        if payload_type is None or not replay:
            self.want_keyframe()
            return
        self._audience["video"].release()
        packets = [rtp.addressed(sent.template, payload_type) for sent in replay]
        self._fan_out.send_to(packets, viewer.receiver)
        octets = sum(len(packet) - rtp.HEADER_SIZE for packet in packets)
        viewer.start("video", len(packets), octets)
        self._add("video", viewer, payload_type)

    def _admit_waiting(self, kind: Kind, first: Sent) -> None:
        """`first` is in the track's counters, and about to go out."""
        track = self.tracks[kind]
        if not track.may_start(first.index):
            self._keyframe_wanted = kind == "video" or self._keyframe_wanted
            return
        self._audience[kind].release()
        for viewer in list(self._waiting[kind]):
            payload_type = viewer.plan.payload_type(kind, first.codec)
            if payload_type is not None:
                viewer.start(kind, 1, len(first.template) - rtp.HEADER_SIZE)
                self._add(kind, viewer, payload_type)

    def _add(self, kind: Kind, viewer: Viewer, payload_type: int) -> None:
        self._waiting[kind].discard(viewer)
        self._audience[kind].add(viewer.receiver, payload_type)
        viewer.report(self._wall(), self._clock(), self.cname)

    def _regroup(self, kind: Kind) -> None:
        """The codec changed: everybody starts again, at the new one's first keyframe and by its payload type."""
        self._audience[kind].clear()
        self._waiting[kind] = {viewer for viewer in self.viewers if kind in viewer.plan.codecs}

    # Time

    def tick(self, now: float) -> None:
        """To be called every TICK seconds."""
        self._ticks += 1
        if self.ingest is not None:
            self.ingest.tick(now)
            if now - self.ingest.heard_at > SILENT_AFTER:
                self._set_state("away")
        if self._keyframe_wanted:
            self._ask_for_keyframe(now)
        self._audience["video"].release_older(now)
        if self.taps.open:
            self.taps.tick(now)
        for viewer in self._slots[self._ticks % _REPORT_SLOTS]:
            viewer.report(self._wall(), now, self.cname)

    def _set_state(self, state: MediaState) -> None:
        if state != self.state:
            self.state = state
            self._on_state(self.room_id, state)

    # Figures

    def health(self) -> Health:
        losses = [viewer.loss for viewer in self.viewers]
        watched = Health(
            state=self.state,
            viewers=len(self.viewers),
            viewer_loss=round(sum(losses) / len(losses), 4) if losses else None,
        )
        if self.ingest is None:
            return watched
        codecs, rates = self.ingest.plan.codecs, self.ingest.rates()
        trip, interval = self.ingest.round_trip, self.tracks["video"].keyframe_interval
        return replace(
            watched,
            codec=codecs["video"].name if "video" in codecs else None,
            bitrate_kbps=rates and rates.kbps,
            fps=rates and rates.fps,
            loss=rates and round(rates.loss, 4),
            rtt_ms=None if trip is None else round(trip * 1000, 1),
            keyframe_interval_s=None if interval is None else round(interval, 2),
            warning=rates and warning(rates, video="video" in codecs, audio="audio" in codecs),
        )
