"""A peer's SDP offer, checked, and what of it we take (RFC 9429, 5.3; RFC 9725, 4.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from live.media import aiortc_private, twcc
from live.media.aiortc_private import DtlsRole, Fingerprint
from live.media.errors import MalformedOffer, NotAcceptable, OfferTooLarge

Kind = Literal["audio", "video"]
KINDS: tuple[Kind, ...] = ("audio", "video")

LARGEST_OFFER = 64 << 10
# The largest that browsers write have 200 lines, 42 codecs and 78 lines of feedback. The parser compares each of those
# with each codec, and what it does no other room's packets get past: at most 15 ms.
_MOST_LINES, _MOST_CODECS, _MOST_COMPARISONS, _MOST_SECTIONS = 1000, 100, 12_000, 8

_ICE_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_ICE_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_MID = re.compile(r"[!-~]{1,32}")
_DIGESTS = {"sha-256", "sha-384", "sha-512"}

# What every viewer can decode comes first: constrained baseline and baseline, then main, then high.
_H264_PROFILES = {"42": 0, "58": 1, "4d": 2, "64": 3}


@dataclass(frozen=True)
class Codec:
    """One payload type. `variant` tells apart streams that a decoder might: the H264 profile, else empty."""

    name: str
    clock_rate: int
    channels: int
    payload_type: int
    parameters: dict[str, str] = field(default_factory=dict)
    feedback: frozenset[str] = frozenset()
    rtx: int | None = None  # payload type of its retransmissions

    @property
    def variant(self) -> str:
        if self.name != "H264":
            return ""
        return self.parameters.get("profile-level-id", "42e01f")[:4].lower()


@dataclass(frozen=True)
class Section:
    """One m-line. `kind` is None for what isn't audio or video, or was rejected by the peer (port 0)."""

    mid: str
    protocol: str
    media: str
    formats: str
    kind: Kind | None
    direction: str
    codecs: tuple[Codec, ...]
    extensions: dict[str, int]
    ssrc: int | None


@dataclass(frozen=True)
class Offer:
    ufrag: str
    password: str
    fingerprints: tuple[Fingerprint, ...]
    setup: DtlsRole  # our role
    sections: tuple[Section, ...]


def parse(text: str) -> Offer:
    """Raises OfferTooLarge (413), MalformedOffer (400), NotAcceptable (406)."""
    if len(text) > LARGEST_OFFER:
        raise OfferTooLarge
    codecs, feedback = text.count("a=rtpmap"), text.count("a=rtcp-fb")
    lines = len(text.splitlines())  # as the parser sees them: a lone CR ends one, too
    if lines > _MOST_LINES or codecs > _MOST_CODECS or codecs * feedback > _MOST_COMPARISONS:
        raise OfferTooLarge("more lines than an offer needs")
    try:
        description = aiortc_private.parse_description(text)
    except ValueError as error:
        raise MalformedOffer(str(error)) from error
    if not 0 < len(description.media) <= _MOST_SECTIONS:
        raise MalformedOffer("no media section, or too many")
    sections = tuple(_section(media) for media in description.media)
    _check_one_transport(description, sections)
    return _with_transport(description, sections)


def _with_transport(description: aiortc_private.SessionDescription, sections: tuple[Section, ...]) -> Offer:
    first = next(
        (media for media, section in zip(description.media, sections, strict=True) if section.kind), None
    )
    if first is None:
        raise NotAcceptable("neither audio nor video")
    ufrag, password = _ice(first)
    if not _ICE_UFRAG.fullmatch(ufrag) or not _ICE_PASSWORD.fullmatch(password):
        raise MalformedOffer("ice-ufrag or ice-pwd is missing or wrong")
    if first.dtls is None:
        raise MalformedOffer("no a=setup")
    fingerprints = tuple(
        Fingerprint(algorithm=print_.algorithm.lower(), value=print_.value)
        for print_ in first.dtls.fingerprints
        if print_.algorithm.lower() in _DIGESTS
    )
    if not fingerprints:
        raise MalformedOffer("no fingerprint by SHA-2")
    role: DtlsRole = "client" if first.dtls.role == "server" else "server"
    return Offer(ufrag, password, fingerprints, role, sections)


def _ice(media: aiortc_private.MediaDescription) -> tuple[str, str]:
    return (media.ice.usernameFragment or "", media.ice.password or "") if media.ice else ("", "")


def _check_one_transport(
    description: aiortc_private.SessionDescription, sections: tuple[Section, ...]
) -> None:
    mids = [section.mid for section in sections]
    if not all(_MID.fullmatch(mid) for mid in mids) or len(set(mids)) != len(mids):
        raise MalformedOffer("each media section needs its own a=mid")
    taken = [section.kind for section in sections if section.kind]
    if len(set(taken)) != len(taken):
        raise NotAcceptable("more than one section of a kind")
    bundled = {str(mid) for group in description.group if group.semantic == "BUNDLE" for mid in group.items}
    if len(taken) > 1 and not {s.mid for s in sections if s.kind} <= bundled:
        raise NotAcceptable("audio and video must be bundled")
    for media, section in zip(description.media, sections, strict=True):
        if section.kind and not media.rtcp_mux:
            raise NotAcceptable("RTCP must be multiplexed")


def _section(media: aiortc_private.MediaDescription) -> Section:
    kind: Kind | None = next((kind for kind in KINDS if kind == media.kind), None)
    # With BUNDLE an offer may give port 0 together with bundle-only; aiortc's parser drops that attribute, but
    # only such sections bring ICE credentials.
    if media.port == 0 and not _ice(media)[0]:
        kind = None
    return Section(
        mid=media.rtp.muxId or "",
        protocol=media.profile,
        media=media.kind,
        formats=" ".join(map(str, media.fmt)),
        kind=kind,
        direction=media.direction or "sendrecv",
        codecs=_codecs(media) if kind else (),
        extensions={header.uri: header.id for header in media.rtp.headerExtensions},
        ssrc=_ssrc(media),
    )


def _ssrc(media: aiortc_private.MediaDescription) -> int | None:
    """32 bits (RFC 3550, 3): what doesn't fit into RTCP is refused here."""
    ssrc: int | None = media.ssrc[0].ssrc if media.ssrc else None
    if ssrc is not None and not 0 < ssrc < 1 << 32:
        raise MalformedOffer("an a=ssrc is out of range")
    return ssrc


def _codecs(media: aiortc_private.MediaDescription) -> tuple[Codec, ...]:
    named = set(media.fmt)
    offered = {codec.payloadType: codec for codec in media.rtp.codecs if codec.payloadType in named}
    rtx = {
        codec.parameters.get("apt"): payload_type
        for payload_type, codec in offered.items()
        if codec.name.lower() == "rtx"
    }
    return tuple(
        Codec(
            name=codec.name if codec.name.lower() == "opus" else codec.name.upper(),
            clock_rate=codec.clockRate,
            channels=codec.channels or 1,
            payload_type=payload_type,
            parameters={key.lower(): str(value) for key, value in codec.parameters.items()},
            feedback=frozenset(f"{fb.type} {fb.parameter or ''}".strip() for fb in codec.rtcpFeedback),
            rtx=rtx.get(payload_type),
        )
        for payload_type, codec in offered.items()
        if payload_type is not None and payload_type < 128
    )


def acceptable_video(section: Section) -> list[Codec]:
    """The codecs that we forward, best first: H264 by profile, packetization mode 1 before 0, then VP8."""
    ranked = [(rank, codec) for codec in section.codecs if (rank := _video_rank(codec)) is not None]
    return [codec for _, codec in sorted(ranked, key=lambda pair: pair[0])]


def _video_rank(codec: Codec) -> tuple[int, int, int] | None:
    if codec.clock_rate != 90000:
        return None
    if codec.name == "VP8":
        return 1, 0, 0
    profile = _H264_PROFILES.get(codec.variant[:2])
    if codec.name != "H264" or profile is None:
        return None
    if codec.variant.startswith("42e"):  # baseline without the tools that nobody has
        profile = -1
    return 0, codec.parameters.get("packetization-mode") != "1", profile


def acceptable_audio(section: Section) -> list[Codec]:
    return [codec for codec in section.codecs if codec.name == "opus" and codec.clock_rate == 48000]


def accepted(section: Section) -> list[Codec]:
    """Of one section. Raises NotAcceptable."""
    codecs = acceptable_video(section) if section.kind == "video" else acceptable_audio(section)
    if not codecs:
        wanted = "H264 or VP8" if section.kind == "video" else "Opus"
        raise NotAcceptable(f"no {wanted} in the {section.kind} section")
    return codecs


def twcc_extension(section: Section) -> int | None:
    return section.extensions.get(twcc.EXTENSION)
