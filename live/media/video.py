"""What a forwarder must know of video payloads: where a picture that needs no other begins."""

from __future__ import annotations

_H264_IDR, _H264_SPS = 5, 7
_H264_STAP_A, _H264_FU_A = 24, 28


def starts_keyframe(codec: str, payload: bytes) -> bool:
    """True on the first packet of a keyframe, or on one of its first packets (parameter sets, then the slice).

    `codec` is the name in the SDP, upper case. Unknown codecs are taken as always decodable.
    """
    if codec == "H264":
        return _h264(payload)
    if codec == "VP8":
        return _vp8(payload)
    return True


def _h264(payload: bytes) -> bool:
    """RFC 6184: a sequence parameter set or the first part of an IDR slice, alone or aggregated."""
    if len(payload) < 2:
        return False
    kind = payload[0] & 31
    if kind == _H264_FU_A:
        return bool(payload[1] & 0x80) and payload[1] & 31 in (_H264_IDR, _H264_SPS)
    if kind == _H264_STAP_A:
        return any(unit in (_H264_IDR, _H264_SPS) for unit in _aggregated(payload))
    return kind in (_H264_IDR, _H264_SPS)


def _aggregated(payload: bytes) -> list[int]:
    kinds, at = [], 1
    while at + 2 < len(payload):
        kinds.append(payload[at + 2] & 31)
        at += 2 + int.from_bytes(payload[at : at + 2])
    return kinds


def _vp8(payload: bytes) -> bool:
    """RFC 7741: start of the first partition, and the frame header's inverse key frame flag is clear."""
    if not payload or not payload[0] & 0x10 or payload[0] & 0x07:
        return False
    at = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return False
        flags, at = payload[1], 2
        if flags & 0x80:
            at += 2 if at < len(payload) and payload[at] & 0x80 else 1
        at += bool(flags & 0x40) + bool(flags & 0x30)
    return at < len(payload) and not payload[at] & 1
