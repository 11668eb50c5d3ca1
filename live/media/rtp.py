"""RTP packets as a forwarder needs them: read once, stripped to twelve bytes of header, written again.

RFC 3550 (header), RFC 8285 (header extensions), RFC 4588 (retransmission).
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_HEADER = Struct("!BBHII")
_SHORTS = Struct("!HH")
HEADER_SIZE = _HEADER.size

ONE_BYTE_EXTENSIONS = 0xBEDE
TWO_BYTE_EXTENSIONS = 0x1000


class Packet(NamedTuple):
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    profile: int = 0
    extensions: bytes = b""


def parse(data: bytes) -> Packet | None:
    """CSRCs and padding are dropped. None when the bytes are no RTP packet."""
    if len(data) < HEADER_SIZE or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start, end = HEADER_SIZE + 4 * (first & 15), len(data)
    profile, extensions = 0, b""
    if first & 0x10:
        if start + 4 > end:
            return None
        profile, words = _SHORTS.unpack_from(data, start)
        extensions = data[start + 4 : start + 4 + 4 * words]
        start += 4 + 4 * words
    if first & 0x20:
        if not data[-1]:
            return None
        end -= data[-1]
    if start > end:
        return None
    return Packet(
        second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:end], profile, extensions
    )


def extension(packet: Packet, wanted: int) -> bytes | None:
    """The value of header extension `wanted` (its negotiated id), or None."""
    block, size = packet.extensions, len(packet.extensions)
    one_byte = packet.profile == ONE_BYTE_EXTENSIONS
    if not one_byte and packet.profile & 0xFFF0 != TWO_BYTE_EXTENSIONS:
        return None
    at = 0
    while at < size:
        if block[at] == 0:
            at += 1
            continue
        if one_byte:
            number, length, at = block[at] >> 4, (block[at] & 15) + 1, at + 1
        elif at + 1 < size:
            number, length, at = block[at], block[at + 1], at + 2
        else:
            return None
        if at + length > size:
            return None
        if number == wanted:
            return block[at : at + length]
        at += length
    return None


def template(packet: Packet, *, sequence: int, timestamp: int, ssrc: int) -> bytes:
    """The packet as all viewers share it: no extensions, payload type 0 (`addressed` fills it in)."""
    second = 0x80 if packet.marker else 0
    header = _HEADER.pack(0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return header + packet.payload


def addressed(shared: bytes, payload_type: int) -> bytes:
    """A template with the payload type that one viewer negotiated."""
    return bytes((0x80, shared[1] | payload_type)) + shared[2:]


def retransmission(shared: bytes, *, payload_type: int, sequence: int, ssrc: int) -> bytes:
    """The RTX packet (RFC 4588) that repeats a template on a viewer's own retransmission stream."""
    timestamp = int.from_bytes(shared[4:8])
    header = _HEADER.pack(0x80, shared[1] | payload_type, sequence & 0xFFFF, timestamp, ssrc)
    return header + shared[2:4] + shared[HEADER_SIZE:]


def restored(rtx: Packet, *, payload_type: int, ssrc: int) -> Packet | None:
    """The packet that a host's RTX packet repeats. None for padding probes, which repeat nothing."""
    if len(rtx.payload) < 2:
        return None
    return rtx._replace(
        payload_type=payload_type,
        ssrc=ssrc,
        sequence=int.from_bytes(rtx.payload[:2]),
        payload=rtx.payload[2:],
    )


def ahead(sequence: int, of: int) -> int:
    """Signed distance from `of` to `sequence` on the 16-bit circle (-32768 … 32767)."""
    distance = (sequence - of) & 0xFFFF
    return distance - 0x10000 if distance & 0x8000 else distance
