"""The viewer's end (WHEP): what it can play, what it lost, and what it is told of the time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from live.media import rtcp, rtp
from live.media.answer import Accepted
from live.media.errors import NotAcceptable
from live.media.fanout import FanOut
from live.media.offer import Codec, Kind, Offer, accepted
from live.media.peer import Peer
from live.media.track import SharedTrack

# Of repeats, for each viewer: 150 a second is 10 % loss at 10 Mbit/s.
_REPEATS_PER_SECOND = 150.0
_MOST_REPEATS_AT_ONCE = 200.0


@dataclass(frozen=True)
class PlaybackPlan:
    taken: dict[str, Accepted]
    codecs: dict[Kind, list[Codec]]
    rtx_ssrc: int
    _chosen: dict[Kind, tuple[Codec, Codec | None]] = field(default_factory=dict)

    def payload_type(self, kind: Kind, codec: Codec) -> int | None:
        """The viewer's number for the host's codec; its own profile first, since decoders are lenient."""
        chosen = self._same(kind, codec)
        return chosen.payload_type if chosen else None

    def rtx(self, kind: Kind, codec: Codec) -> int | None:
        chosen = self._same(kind, codec)
        return chosen.rtx if chosen else None

    def _same(self, kind: Kind, codec: Codec) -> Codec | None:
        """Asked for each repeated packet, and each time of the same codec."""
        asked, chosen = self._chosen.get(kind, (None, None))
        if asked is not codec:
            candidates = [offered for offered in self.codecs.get(kind, ()) if offered.name == codec.name]
            chosen = max(candidates, key=lambda offered: _likeness(offered, codec), default=None)
            self._chosen[kind] = (codec, chosen)
        return chosen


def _likeness(offered: Codec, codec: Codec) -> tuple[bool, bool]:
    mode = "packetization-mode"
    same_mode = offered.parameters.get(mode, "0") == codec.parameters.get(mode, "0")
    return same_mode, offered.variant == codec.variant


def negotiate(offer: Offer, tracks: Mapping[Kind, SharedTrack]) -> PlaybackPlan:
    """Takes every codec that we forward, so that a host may come back with another. Raises NotAcceptable."""
    taken: dict[str, Accepted] = {}
    codecs: dict[Kind, list[Codec]] = {}
    rtx_ssrc = secrets.randbelow(0xFFFFFFFE) + 1
    for section in offer.sections:
        if section.kind is None:
            continue
        if section.direction not in ("recvonly", "sendrecv"):
            raise NotAcceptable("a viewer must receive")
        usable = accepted(section)
        repeated = section.kind == "video" and any(codec.rtx is not None for codec in usable)
        taken[section.mid] = Accepted(
            usable,
            "sendonly",
            ssrc=tracks[section.kind].ssrc,
            rtx_ssrc=rtx_ssrc if repeated else None,
        )
        codecs[section.kind] = usable
    return PlaybackPlan(taken, codecs, rtx_ssrc)


@dataclass
class Start:
    """Where a viewer's share of a track began: its counters are the track's less these."""

    index: int
    packets: int
    octets: int


class Viewer:
    """One viewer's session, from the moment that its keys are known."""

    def __init__(
        self,
        peer: Peer,
        plan: PlaybackPlan,
        tracks: Mapping[Kind, SharedTrack],
        fan_out: FanOut,
        want_keyframe: Callable[[], None],
    ) -> None:
        assert peer.agent.address is not None
        self.peer, self.plan = peer, plan
        self.receiver = fan_out.receiver(peer.dtls.srtp, peer.agent.address)
        self.started: dict[Kind, Start] = {}
        self.loss = 0.0
        self.repeats = 0
        self._tracks, self._fan_out, self._want_keyframe = tracks, fan_out, want_keyframe
        self._rtx_sequence = secrets.randbelow(0x4000)
        self._allowance, self._allowed_at = _MOST_REPEATS_AT_ONCE, 0.0
        peer.agent.on_address = self.receiver.move
        peer.on_rtcp = self._on_rtcp

    def start(self, kind: Kind, replay: int, octets: int) -> None:
        """The viewer gets the track from here on; `replay` packets of it have just gone out to it."""
        track = self._tracks[kind]
        self.started[kind] = Start(track.next_index - replay, track.packets - replay, track.octets - octets)

    def _on_rtcp(self, compound: bytes) -> None:
        for message in rtcp.parse(compound):
            if isinstance(message, rtcp.Nack):
                self._repeat(message)
            elif isinstance(message, rtcp.KeyframeRequest):
                self._want_keyframe()
            elif isinstance(message, rtcp.ReportBlock) and message.ssrc == self._tracks["video"].ssrc:
                self.loss = message.lost / 256

    def _repeat(self, nack: rtcp.Nack) -> None:
        kind = next((kind for kind, track in self._tracks.items() if track.ssrc == nack.media_ssrc), None)
        if kind is None or kind not in self.started:
            return
        first, packets = self.started[kind].index, []
        for sequence in nack.sequences:
            sent = self._tracks[kind].recall(sequence)
            if sent is None or sent.index < first:
                continue
            if not self._allow():
                break
            if repeat := self._repeated(kind, sent.template, sent.codec):
                packets.append(repeat)
        self.repeats += len(packets)
        self._fan_out.send_to(packets, self.receiver)

    def _repeated(self, kind: Kind, template: bytes, codec: Codec) -> bytes | None:
        rtx = self.plan.rtx(kind, codec)
        if rtx is None:
            payload_type = self.plan.payload_type(kind, codec)
            return None if payload_type is None else rtp.addressed(template, payload_type)
        self._rtx_sequence += 1
        return rtp.retransmission(
            template, payload_type=rtx, sequence=self._rtx_sequence, ssrc=self.plan.rtx_ssrc
        )

    def _allow(self) -> bool:
        now = self.peer.agent.mux.clock()
        earned = (now - self._allowed_at) * _REPEATS_PER_SECOND
        self._allowance = min(_MOST_REPEATS_AT_ONCE, self._allowance + earned)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def report(self, wall: float, now: float, cname: str) -> None:
        """Sender reports of what this viewer has been sent, so that players keep lips and voice together."""
        reports, ssrcs = [], []
        for kind, start in self.started.items():
            track = self._tracks[kind]
            packets, octets = track.packets - start.packets, track.octets - start.octets
            if report := track.sender_report(wall, now, packets, octets):
                reports.append(report)
                ssrcs.append(track.ssrc)
        if reports:
            self.peer.send_rtcp(b"".join(reports) + rtcp.source_description(ssrcs, cname))

    def end(self) -> None:
        self.peer.on_rtcp = lambda compound: None
        self.peer.agent.on_address = lambda address: None
