"""The host's end (WHIP): packets are taken before anything decodes, repaired, and handed on; the host is told what
arrived (TWCC, NACK, receiver reports) and when a keyframe is wanted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from live.media import rtcp, rtp, twcc
from live.media.answer import Accepted
from live.media.errors import NotAcceptable
from live.media.health import Meter, Rates, Sample
from live.media.offer import Codec, Kind, Offer, accepted, twcc_extension
from live.media.peer import Peer
from live.media.reception import Reception

_REPORT_EVERY = 1.0
SILENT_AFTER = 2.0  # seconds; then a stream has stopped, and what comes later begins anew


@dataclass(frozen=True)
class IngestPlan:
    """What we take of a host's offer. `extension` numbers TWCC's header extension, the same in all sections."""

    taken: dict[str, Accepted]
    codecs: dict[Kind, Codec]
    ssrcs: dict[Kind, int | None]
    extension: int | None


def negotiate(offer: Offer) -> IngestPlan:
    """Raises NotAcceptable."""
    taken: dict[str, Accepted] = {}
    codecs: dict[Kind, Codec] = {}
    ssrcs: dict[Kind, int | None] = {}
    extension: int | None = None
    for section in offer.sections:
        if section.kind is None:
            continue
        if section.direction not in ("sendonly", "sendrecv"):
            raise NotAcceptable("a host must send")
        codec = accepted(section)[0]
        number = twcc_extension(section)
        extension = number if extension is None else extension
        extensions = {twcc.EXTENSION: number} if number is not None else {}
        taken[section.mid] = Accepted([codec], "recvonly", extensions)
        codecs[section.kind], ssrcs[section.kind] = codec, section.ssrc
    return IngestPlan(taken, codecs, ssrcs, extension)


class Stage(Protocol):
    """The room, as its host sees it."""

    def begin(self, kind: Kind, codec: Codec) -> None:
        """A stream starts, or starts anew."""

    def forward(self, kind: Kind, packet: rtp.Packet, now: float) -> None: ...

    def synchronise(self, kind: Kind, wall: float, host_timestamp: int) -> None: ...


class Ingest:
    """One host's session. `tick` is to be called every 100 ms, from `begin` on."""

    def __init__(
        self, peer: Peer, plan: IngestPlan, stage: Stage, wall: Callable[[], float] = time.time
    ) -> None:
        self.peer, self.plan = peer, plan
        self._stage, self._wall = stage, wall
        self._ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self._kinds = {codec.payload_type: kind for kind, codec in plan.codecs.items()}
        self._rtx = {codec.rtx: kind for kind, codec in plan.codecs.items() if codec.rtx is not None}
        self._streams: dict[Kind, Reception] = {}
        self._arrivals = twcc.Arrivals()
        self._meter = Meter()
        self._octets = self._frames = 0
        self._frame_timestamp: int | None = None
        self._clock_offset: float | None = None  # our wall clock less the host's, network delay included
        self._next_report = 0.0
        self.round_trip: float | None = None
        self.heard_at = 0.0
        self.keyframes_requested = 0

    def begin(self) -> None:
        """Packets go to the stage from now on."""
        self.heard_at = self.peer.agent.mux.clock()
        self.peer.on_rtp = self._on_rtp
        self.peer.on_rtcp = self._on_rtcp

    def end(self) -> None:
        self.peer.on_rtp = lambda packet, arrival: None
        self.peer.on_rtcp = lambda compound: None

    def _on_rtp(self, data: bytes, now: float) -> None:
        packet = rtp.parse(data)
        if packet is None:
            return
        self._octets += len(data)
        if self.plan.extension is not None:
            number = rtp.extension(packet, self.plan.extension)
            if number is not None and len(number) == 2:
                self._arrivals.heard(int.from_bytes(number), now)
        if kind := self._kinds.get(packet.payload_type):
            self._original(kind, packet, now)
        elif kind := self._rtx.get(packet.payload_type):
            self._repeat(kind, packet, now)

    def _original(self, kind: Kind, packet: rtp.Packet, now: float) -> None:
        stream = self._stream(kind, packet, now)
        if stream is None:
            return
        missing = stream.heard(packet, now)
        if missing:
            self._send(rtcp.nack(self._ssrc, stream.ssrc, missing))
        self._deliver(kind, packet, now)

    def _repeat(self, kind: Kind, packet: rtp.Packet, now: float) -> None:
        stream = self._streams.get(kind)
        if stream is None:
            return
        original = rtp.restored(packet, payload_type=self.plan.codecs[kind].payload_type, ssrc=stream.ssrc)
        if original is not None:
            stream.repaired(original.sequence)
            self._deliver(kind, original, now)

    def _deliver(self, kind: Kind, packet: rtp.Packet, now: float) -> None:
        self.heard_at = now
        if kind == "video" and packet.payload and self._is_new_frame(packet.timestamp):
            self._frame_timestamp = packet.timestamp
            self._frames += 1
        self._stage.forward(kind, packet, now)

    def _is_new_frame(self, timestamp: int) -> bool:
        """Not a late packet of one before."""
        last = self._frame_timestamp
        return last is None or 0 < (timestamp - last) & 0xFFFFFFFF < 1 << 31

    def _stream(self, kind: Kind, packet: rtp.Packet, now: float) -> Reception | None:
        """The stream that this packet belongs to; None for a second source, which a room can't mix in."""
        stream = self._streams.get(kind)
        if stream is not None and stream.ssrc == packet.ssrc:
            if now - stream.heard_at > SILENT_AFTER:
                self._stage.begin(kind, self.plan.codecs[kind])
            return stream
        declared = self.plan.ssrcs[kind]
        if stream is None:
            if declared is not None and declared != packet.ssrc:
                return None
        elif now - stream.heard_at <= SILENT_AFTER:
            return None
        stream = Reception(packet.ssrc, self.plan.codecs[kind].clock_rate, repairs=kind == "video")
        self._streams[kind] = stream
        self._stage.begin(kind, self.plan.codecs[kind])
        return stream

    def _on_rtcp(self, compound: bytes) -> None:
        now, wall = self.peer.agent.mux.clock(), self._wall()
        for message in rtcp.parse(compound):
            if isinstance(message, rtcp.SenderReport):
                self._on_sender_report(message, now, wall)
            elif isinstance(message, rtcp.ReferenceAnswer):
                self.round_trip = rtcp.round_trip(rtcp.ntp(wall), message.last_reference, message.delay)

    def _on_sender_report(self, report: rtcp.SenderReport, now: float, wall: float) -> None:
        for kind, stream in self._streams.items():
            if stream.ssrc == report.ssrc:
                stream.last_sender_report = (rtcp.middle(report.ntp), now)
                if self._clock_offset is None:
                    self._clock_offset = wall - rtcp.unix(report.ntp)
                captured = rtcp.unix(report.ntp) + self._clock_offset
                self._stage.synchronise(kind, captured, report.timestamp)

    def request_keyframe(self) -> bool:
        """False while the host's source isn't known yet."""
        stream = self._streams.get("video")
        ssrc = stream.ssrc if stream else self.plan.ssrcs.get("video")
        if ssrc is None:
            return False
        self.keyframes_requested += 1
        self._send(rtcp.picture_loss(self._ssrc, ssrc))
        return True

    def tick(self, now: float) -> None:
        video = self._streams.get("video")
        media_ssrc = video.ssrc if video else next((s.ssrc for s in self._streams.values()), 0)
        for feedback in self._arrivals.feedback(self._ssrc, media_ssrc):
            self._send(feedback)
        if video and (overdue := video.overdue(now)):
            self._send(rtcp.nack(self._ssrc, video.ssrc, overdue))
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY
            self._report(now)

    def _report(self, now: float) -> None:
        blocks = [stream.report(now) for stream in self._streams.values() if stream.received]
        reference = rtcp.reference_time(self._ssrc, rtcp.ntp(self._wall()))
        self._send(rtcp.receiver_report(self._ssrc, blocks) + reference)
        self._meter.add(self._sample(now))

    def _sample(self, now: float) -> Sample:
        audio = self._streams.get("audio")
        return Sample(
            at=now,
            octets=self._octets,
            frames=self._frames,
            expected=sum(stream.expected for stream in self._streams.values()),
            received=sum(stream.received for stream in self._streams.values()),
            audio_packets=audio.received if audio else 0,
        )

    def rates(self) -> Rates | None:
        return self._meter.rates()

    def _send(self, compound: bytes) -> None:
        self.peer.send_rtcp(compound)
