"""Transport-wide congestion control, the receiver's half: draft-holmer-rmcat-transport-wide-cc-extensions-01.

The host numbers all its packets in a header extension; every 100 ms we tell it which arrived and when, and its
own bandwidth estimator does the rest. Without this feedback browsers stay at 640×360.
"""

from __future__ import annotations

from live.media import rtcp

EXTENSION = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

_TICKS_PER_SECOND = 4000  # 250 µs
_REFERENCE_TICKS = 256  # 64 ms
_MISSING, _SMALL, _LARGE = 0, 1, 2
_LONGEST_RUN = 0x1FFF
_MOST_PACKETS = 500  # in one feedback message, to stay within one datagram
_LONGEST_GAP = 3000  # sequence numbers; beyond it the host has begun anew


class Arrivals:
    """Notes arrivals and turns them into feedback messages."""

    def __init__(self) -> None:
        self._pending: dict[int, int] = {}  # unwrapped sequence → arrival in ticks
        self._next: int | None = None  # first sequence that no feedback has covered
        self._count = 0

    def heard(self, sequence: int, arrival: float) -> None:
        """`sequence` is the 16-bit number of the extension, `arrival` in seconds of any steady clock."""
        ticks = int(arrival * _TICKS_PER_SECOND)
        if self._next is None:
            self._next = sequence
        distance = (sequence - self._next) & 0xFFFF
        if distance >= 0x8000:
            return  # of a stretch already reported
        if distance > _LONGEST_GAP:
            self._pending.clear()
            self._next, distance = sequence, 0
        self._pending.setdefault(self._next + distance, ticks)

    def feedback(self, ssrc: int, media_ssrc: int) -> list[bytes]:
        """RTCP packets for all that came since the last call; usually one."""
        messages = []
        while self._pending and self._next is not None:
            messages.append(self._message(ssrc, media_ssrc))
        return messages

    def _message(self, ssrc: int, media_ssrc: int) -> bytes:
        assert self._next is not None
        base = self._next
        reference = self._pending[min(self._pending)] // _REFERENCE_TICKS
        previous = reference * _REFERENCE_TICKS
        symbols: list[int] = []
        deltas = bytearray()
        last = min(max(self._pending), base + _MOST_PACKETS - 1)
        for sequence in range(base, last + 1):
            ticks = self._pending.get(sequence)
            if ticks is None:
                symbols.append(_MISSING)
                continue
            delta = ticks - previous
            if not -0x8000 <= delta <= 0x7FFF:
                break  # more than 8 s apart: the next message has a new reference
            del self._pending[sequence]
            symbol = _SMALL if 0 <= delta <= 0xFF else _LARGE
            deltas += delta.to_bytes(symbol, signed=symbol == _LARGE)
            symbols.append(symbol)
            previous = ticks
        self._next = base + len(symbols)
        if self._next >= 0x10000:
            self._rebase()
        self._count = (self._count + 1) & 0xFF
        head = (
            ssrc.to_bytes(4)
            + media_ssrc.to_bytes(4)
            + (base & 0xFFFF).to_bytes(2)
            + len(symbols).to_bytes(2)
            + (reference & 0xFFFFFF).to_bytes(3)
            + ((self._count - 1) & 0xFF).to_bytes(1)
        )
        return rtcp.packet(rtcp.RTPFB, rtcp.TRANSPORT_WIDE, head + chunks(symbols) + bytes(deltas))

    def _rebase(self) -> None:
        assert self._next is not None
        self._next -= 0x10000
        self._pending = {sequence - 0x10000: ticks for sequence, ticks in self._pending.items()}


def chunks(symbols: list[int]) -> bytes:
    """Packs statuses: runs where they are long, else vectors of 14 one-bit or 7 two-bit statuses."""
    packed, at = bytearray(), 0
    while at < len(symbols):
        run = _run(symbols, at)
        if run >= 7 or at + run == len(symbols):
            packed += (symbols[at] << 13 | run).to_bytes(2)
            at += run
            continue
        wide = _LARGE in symbols[at : at + 14]
        count, bits = (7, 2) if wide else (14, 1)
        word = 0
        for symbol in symbols[at : at + count]:
            word = word << bits | symbol
        word <<= bits * (count - len(symbols[at : at + count]))
        packed += (0x8000 | wide << 14 | word).to_bytes(2)
        at += count
    return bytes(packed)


def _run(symbols: list[int], at: int) -> int:
    end = at
    while end < len(symbols) and symbols[end] == symbols[at] and end - at < _LONGEST_RUN:
        end += 1
    return end - at
