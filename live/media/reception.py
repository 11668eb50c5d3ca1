"""What a receiver keeps of one incoming stream: figures for its reports (RFC 3550, A.3 and A.8) and the packets
that it still has to ask for (RFC 4585)."""

from __future__ import annotations

from live.media import rtcp
from live.media.rtp import Packet, ahead

_ASK_AGAIN_AFTER = 0.08  # seconds; a little over most round trips
_MOST_ASKS = 8
_MOST_MISSING = 200  # packets; past it a keyframe is cheaper than repeats


class Reception:
    """Of one SSRC. Times are seconds of a steady clock."""

    def __init__(self, ssrc: int, clock_rate: int, *, repairs: bool) -> None:
        self.ssrc, self.clock_rate = ssrc, clock_rate
        self.received = 0
        self.heard_at = 0.0
        self.last_sender_report: tuple[int, float] | None = None  # middle NTP bits, arrival
        self._repairs = repairs
        self._first: int | None = None
        self._highest = 0  # extended
        self._transit: float | None = None
        self._jitter = 0.0
        self._reported = (0, 0)  # expected and received at the last report
        self._missing: dict[int, tuple[int, float]] = {}  # extended sequence → asks, time of the last

    @property
    def expected(self) -> int:
        return 0 if self._first is None else self._highest - self._first + 1

    def heard(self, packet: Packet, now: float) -> list[int]:
        """Returns the 16-bit sequence numbers that this packet shows to be missing."""
        self.heard_at = now
        self.received += 1
        self._note_jitter(packet.timestamp, now)
        if self._first is None:
            self._first = self._highest = packet.sequence
            return []
        distance = ahead(packet.sequence, self._highest & 0xFFFF)
        if distance <= 0:
            self._missing.pop(self._highest + distance, None)
            return []
        gap = range(self._highest + 1, self._highest + distance)
        self._highest += distance
        return self._ask(gap, now)

    def repaired(self, sequence: int) -> None:
        """A retransmission brought this one."""
        self._missing.pop(self._highest + ahead(sequence, self._highest & 0xFFFF), None)

    def _ask(self, gap: range, now: float) -> list[int]:
        if not self._repairs:
            return []
        if len(gap) + len(self._missing) > _MOST_MISSING:
            self._missing.clear()
            return []
        self._missing |= dict.fromkeys(gap, (1, now))
        return [sequence & 0xFFFF for sequence in gap]

    def overdue(self, now: float) -> list[int]:
        """Sequence numbers to ask for again."""
        again = []
        for sequence, (asks, asked_at) in list(self._missing.items()):
            if now - asked_at < _ASK_AGAIN_AFTER:
                continue
            if asks == _MOST_ASKS:
                del self._missing[sequence]
            else:
                self._missing[sequence] = (asks + 1, now)
                again.append(sequence & 0xFFFF)
        return again

    def _note_jitter(self, timestamp: int, now: float) -> None:
        transit = now * self.clock_rate - timestamp
        if self._transit is not None:
            # The difference of two transit times survives the wrap of the timestamps.
            difference = abs((transit - self._transit + (1 << 31)) % (1 << 32) - (1 << 31))
            self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    def report(self, now: float) -> rtcp.ReportBlock:
        """Since the last call, as it goes into a receiver report."""
        expected, received = self.expected - self._reported[0], self.received - self._reported[1]
        self._reported = (self.expected, self.received)
        lost = max(0, expected - received)
        last, delay = 0, 0
        if self.last_sender_report is not None:
            last, came_at = self.last_sender_report
            delay = int((now - came_at) * 65536)
        return rtcp.ReportBlock(
            ssrc=self.ssrc,
            lost=min(255, (lost << 8) // expected) if expected > 0 else 0,
            cumulative_lost=self.expected - self.received,
            highest=self._highest,
            jitter=int(self._jitter),
            last_report=last,
            delay=delay,
        )
