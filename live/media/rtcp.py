"""RTCP as the engine speaks it: RFC 3550 (SR, RR, SDES), RFC 4585 and 5104 (NACK, PLI, FIR), RFC 3611
(receiver reference time and its answer). Feedback for congestion control is in `twcc`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple

SR, RR, SDES, RTPFB, PSFB, XR = 200, 201, 202, 205, 206, 207
NACK, TRANSPORT_WIDE = 1, 15  # of RTPFB
PLI, FIR = 1, 4  # of PSFB
_XR_REFERENCE_TIME, _XR_DELAY = 4, 5
_MOST_REPORTS = 31

_HEAD = Struct("!BBH")
_WORD = Struct("!I")
_PAIR = Struct("!II")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!IIIIII")
_LOST = Struct("!HH")
_DLRR = Struct("!III")


class SenderReport(NamedTuple):
    """`ntp` is the 64-bit NTP time (seconds since 1900, 32.32), as on the wire."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int


class ReportBlock(NamedTuple):
    """`lost` is the fraction in 1/256; `last_report` and `delay` are in 1/65536 s."""

    ssrc: int
    lost: int
    cumulative_lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


class Nack(NamedTuple):
    media_ssrc: int
    sequences: list[int]


class KeyframeRequest(NamedTuple):
    media_ssrc: int


class ReferenceAnswer(NamedTuple):
    """A DLRR sub-block: the middle 32 bits of our reference time, and the peer's delay in 1/65536 s."""

    last_reference: int
    delay: int


Message = SenderReport | ReportBlock | Nack | KeyframeRequest | ReferenceAnswer


def is_rtcp(datagram: bytes) -> bool:
    """RFC 5761: the second byte tells RTCP from RTP on one port."""
    return len(datagram) >= 8 and 192 <= datagram[1] <= 223


def parse(compound: bytes) -> Iterator[Message]:
    """Yields what the engine acts on, skips the rest, and stops in silence where the bytes stop making sense."""
    at = 0
    while at + 8 <= len(compound):
        first, kind, words = _HEAD.unpack_from(compound, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(compound) or words < 1:
            return
        body = compound[at + 4 : end]
        if first & 0x20:
            body = body[: len(body) - body[-1]]
        yield from _messages(kind, first & 31, body)
        at = end


def _messages(kind: int, count: int, body: bytes) -> Iterator[Message]:
    if kind == SR and len(body) >= _SENDER.size:
        yield SenderReport(*_SENDER.unpack_from(body))
        yield from _blocks(body[_SENDER.size :], count)
    elif kind == RR and len(body) >= 4:
        yield from _blocks(body[4:], count)
    elif kind == RTPFB and count == NACK and len(body) >= 12:
        yield Nack(_PAIR.unpack_from(body)[1], _lost(body[8:]))
    elif kind == PSFB and count == PLI and len(body) >= 8:
        yield KeyframeRequest(_PAIR.unpack_from(body)[1])
    elif kind == PSFB and count == FIR and len(body) >= 16:
        yield KeyframeRequest(_WORD.unpack_from(body, 8)[0])
    elif kind == XR:
        yield from _reference_answers(body[4:])


def _blocks(body: bytes, count: int) -> Iterator[ReportBlock]:
    for at in range(0, min(count * _BLOCK.size, len(body) - _BLOCK.size + 1), _BLOCK.size):
        ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
        cumulative = loss & 0xFFFFFF
        if cumulative & 0x800000:
            cumulative -= 0x1000000
        yield ReportBlock(ssrc, loss >> 24, cumulative, highest, jitter, last_report, delay)


def _lost(body: bytes) -> list[int]:
    sequences = []
    for at in range(0, len(body) - 3, 4):
        first, following = _LOST.unpack_from(body, at)
        sequences.append(first)
        sequences += [(first + bit + 1) & 0xFFFF for bit in range(16) if following >> bit & 1]
    return sequences


def _reference_answers(blocks: bytes) -> Iterator[ReferenceAnswer]:
    at = 0
    while at + 4 <= len(blocks):
        kind, _, words = _HEAD.unpack_from(blocks, at)
        end = at + 4 + 4 * words
        if kind == _XR_DELAY:
            for sub in range(at + 4, min(end, len(blocks)) - _DLRR.size + 1, _DLRR.size):
                _, last_reference, delay = _DLRR.unpack_from(blocks, sub)
                if last_reference:
                    yield ReferenceAnswer(last_reference, delay)
        at = end


def packet(kind: int, count: int, body: bytes) -> bytes:
    """One RTCP packet; `body` is padded with zeros to whole words."""
    body += bytes(-len(body) % 4)
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def sender_report(report: SenderReport) -> bytes:
    ssrc, ntp, timestamp, packets, octets = report
    body = _SENDER.pack(ssrc, ntp, timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return packet(SR, 0, body)


def receiver_report(ssrc: int, blocks: Sequence[ReportBlock]) -> bytes:
    kept = blocks[:_MOST_REPORTS]
    return packet(RR, len(kept), _WORD.pack(ssrc) + b"".join(map(_packed, kept)))


def _packed(block: ReportBlock) -> bytes:
    cumulative = max(-0x800000, min(0x7FFFFF, block.cumulative_lost)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        block.lost << 24 | cumulative,
        block.highest & 0xFFFFFFFF,
        block.jitter & 0xFFFFFFFF,
        block.last_report,
        block.delay & 0xFFFFFFFF,
    )


def source_description(ssrcs: Sequence[int], cname: str) -> bytes:
    item = bytes((1, len(cname))) + cname.encode()
    chunks = [_WORD.pack(ssrc) + item + bytes(4 - len(item) % 4) for ssrc in ssrcs]
    return packet(SDES, len(chunks), b"".join(chunks))


def nack(ssrc: int, media_ssrc: int, sequences: Iterable[int]) -> bytes:
    """`sequences` in rising order on the 16-bit circle."""
    entries: list[list[int]] = []
    for sequence in sequences:
        distance = (sequence - entries[-1][0]) & 0xFFFF if entries else 0
        if entries and 0 < distance <= 16:
            entries[-1][1] |= 1 << (distance - 1)
        else:
            entries.append([sequence, 0])
    lost = b"".join(_LOST.pack(first, following) for first, following in entries)
    return packet(RTPFB, NACK, _PAIR.pack(ssrc, media_ssrc) + lost)


def picture_loss(ssrc: int, media_ssrc: int) -> bytes:
    return packet(PSFB, PLI, _PAIR.pack(ssrc, media_ssrc))


def reference_time(ssrc: int, ntp: int) -> bytes:
    """RFC 3611, 4.4: the peer answers with its delay, which gives a receiver the round trip."""
    return packet(XR, 0, _WORD.pack(ssrc) + _HEAD.pack(_XR_REFERENCE_TIME, 0, 2) + ntp.to_bytes(8))


_NTP_EPOCH = 2_208_988_800  # 1900 → 1970


def ntp(unix_seconds: float) -> int:
    return int((unix_seconds + _NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def unix(ntp_time: int) -> float:
    return ntp_time / (1 << 32) - _NTP_EPOCH


def middle(ntp_time: int) -> int:
    """The 32 bits that reports quote: seconds modulo 65,536 in 16.16."""
    return ntp_time >> 16 & 0xFFFFFFFF


def round_trip(now: int, quoted: int, delay: int) -> float | None:
    """Seconds between our report `quoted` and its answer, less the peer's `delay`; None when impossible."""
    elapsed = (middle(now) - quoted - delay) & 0xFFFFFFFF
    return elapsed / 65536 if elapsed < 60 << 16 else None
