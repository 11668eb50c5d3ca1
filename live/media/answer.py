"""The SDP answers of the engine: ICE-lite, one bundle, DTLS role by the offer (RFC 9429, 5.3; RFC 9725, 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from live.media import twcc
from live.media.aiortc_private import Fingerprint
from live.media.offer import Codec, Offer, Section
from live.media.udp import Candidate, Credentials

# Browsers otherwise begin at 300 kbit/s and take half a minute to a sharp picture.
_HOST_BITRATES = {"x-google-start-bitrate": "3000", "x-google-max-bitrate": "4000"}
_ECHOED = {
    "H264": ("level-asymmetry-allowed", "packetization-mode", "profile-level-id"),
    "opus": ("minptime", "useinbandfec", "stereo", "sprop-stereo"),
    "VP8": (),
}
_RECEIVE_FEEDBACK = ("nack", "nack pli", "ccm fir", "transport-cc")
_SEND_FEEDBACK = ("nack", "nack pli", "ccm fir")


@dataclass(frozen=True)
class Accepted:
    """What we take of one section. `ssrc` and `rtx_ssrc` are ours, for sections that we send."""

    codecs: Sequence[Codec]
    direction: str
    extensions: Mapping[str, int] = field(default_factory=dict)
    ssrc: int | None = None
    rtx_ssrc: int | None = None


@dataclass(frozen=True)
class Transport:
    credentials: Credentials
    candidates: Sequence[Candidate]
    fingerprints: Sequence[Fingerprint]

    def lines(self, setup: str) -> list[str]:
        return [
            f"a=ice-ufrag:{self.credentials.ufrag}",
            f"a=ice-pwd:{self.credentials.password}",
            *(f"a=fingerprint:{print_.algorithm} {print_.value}" for print_ in self.fingerprints),
            f"a=setup:{setup}",
            *candidate_lines(self.candidates),
        ]


def candidate_lines(candidates: Iterable[Candidate]) -> list[str]:
    lines = [
        f"a=candidate:{rank} 1 udp {candidate.priority} {candidate.address} {candidate.port} typ host"
        for rank, candidate in enumerate(candidates, 1)
    ]
    return [*lines, "a=end-of-candidates"]


def write(offer: Offer, taken: Mapping[str, Accepted], transport: Transport, session: int, cname: str) -> str:
    """`taken` by mid; the other sections of the offer are rejected (port 0). `session` is any number."""
    lines = [
        "v=0",
        f"o=- {session} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(taken)}",
        "a=ice-lite",
        "a=msid-semantic: WMS *",
    ]
    setup = "passive" if offer.setup == "server" else "active"
    for section in offer.sections:
        accepted = taken.get(section.mid)
        if accepted is None:
            lines += [
                f"m={section.media} 0 {section.protocol} {section.formats}",
                "c=IN IP4 0.0.0.0",
                f"a=mid:{section.mid}",
                "a=inactive",
            ]
        else:
            lines += _section(section, accepted, cname) + transport.lines(setup)
    return "\r\n".join(lines) + "\r\n"


def _section(section: Section, accepted: Accepted, cname: str) -> list[str]:
    payload_types = [payload_type for codec in accepted.codecs for payload_type in _payload_types(codec)]
    lines = [
        f"m={section.media} 9 {section.protocol} {' '.join(map(str, payload_types))}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
        f"a={accepted.direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        *(f"a=extmap:{number} {uri}" for uri, number in accepted.extensions.items()),
    ]
    receives = accepted.direction == "recvonly"
    for codec in accepted.codecs:
        lines += _codec(codec, twcc.EXTENSION in accepted.extensions, receives)
    if accepted.ssrc is not None:
        lines += _sources(section, accepted.ssrc, accepted.rtx_ssrc, cname)
    return lines


def _payload_types(codec: Codec) -> list[int]:
    return [codec.payload_type] if codec.rtx is None else [codec.payload_type, codec.rtx]


def _codec(codec: Codec, transport_wide: bool, receives: bool) -> list[str]:
    number = codec.payload_type
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{number} {codec.name}/{codec.clock_rate}{channels}"]
    for feedback in _RECEIVE_FEEDBACK if receives else _SEND_FEEDBACK:
        if feedback in codec.feedback and (transport_wide or feedback != "transport-cc"):
            lines.append(f"a=rtcp-fb:{number} {feedback}")
    parameters = {key: codec.parameters[key] for key in _ECHOED[codec.name] if key in codec.parameters}
    if receives and codec.name != "opus":
        parameters |= _HOST_BITRATES
    if parameters:
        lines.append(f"a=fmtp:{number} {';'.join(f'{key}={value}' for key, value in parameters.items())}")
    if codec.rtx is not None:
        lines += [f"a=rtpmap:{codec.rtx} rtx/{codec.clock_rate}", f"a=fmtp:{codec.rtx} apt={number}"]
    return lines


def _sources(section: Section, ssrc: int, rtx_ssrc: int | None, cname: str) -> list[str]:
    """One media stream for both tracks, so that players keep them in step."""
    lines = [f"a=msid:showfloor {section.media}"]
    if rtx_ssrc is not None:
        lines.append(f"a=ssrc-group:FID {ssrc} {rtx_ssrc}")
    for source in (ssrc, rtx_ssrc):
        if source is not None:
            lines += [f"a=ssrc:{source} cname:{cname}", f"a=ssrc:{source} msid:showfloor {section.media}"]
    return lines
