"""A track as all viewers of a room share it: one SSRC, one run of sequence numbers and timestamps, whatever host
sends it. Hosts may come, go and return; to a viewer it is one stream that paused."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass

from live.media import rtcp, rtp
from live.media.offer import Codec, Kind
from live.media.video import starts_keyframe

CLOCK_RATES: dict[Kind, int] = {"audio": 48000, "video": 90000}
RING = 1024  # packets: 2.4 s at 4 Mbit/s

# A viewer may start at a keyframe that has passed; what lies between comes in one burst. Longer bursts would leave
# players behind the others for a while.
REPLAY_WITHIN = 0.6

# SRTP counts wraps of the sequence number. A viewer whose first packets before a wrap are all lost counts none, and
# can read nothing from then on: so nobody starts this close to one.
WRAP_GUARD = 32

_LONGEST_JUMP = 3000  # packets; past it the host has begun anew


@dataclass(frozen=True, slots=True)
class Sent:
    """One forwarded packet. `codec` decides the payload type that a viewer gets it under."""

    index: int  # sequence number without wraps
    template: bytes
    codec: Codec


class Ring:
    def __init__(self, size: int) -> None:
        self._size = size
        self._slots: list[Sent | None] = [None] * size

    def put(self, sent: Sent) -> None:
        self._slots[sent.index % self._size] = sent

    def get(self, index: int) -> Sent | None:
        sent = self._slots[index % self._size]
        return sent if sent is not None and sent.index == index else None


class SharedTrack:
    """Sans-I/O: `accept` takes a host's packets and gives back what goes to viewers."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.clock_rate = kind, CLOCK_RATES[kind]
        self.ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self.codec: Codec | None = None
        self.packets = self.octets = 0
        self.keyframes = 0
        self._keyframes_at: deque[float] = deque(maxlen=8)
        self._keyframe_index: int | None = None
        self._keyframe_timestamp: int | None = None
        self._highest = secrets.randbelow(0x4000)
        self._timestamp = secrets.randbits(32)  # of the highest
        self._arrival: float | None = None
        self._splice = self._highest + 1  # nothing of this host lies before
        self._sequence_offset = self._timestamp_offset = 0
        self._beginning = True
        self._awaits_keyframe = kind == "video"
        self._anchor: tuple[float, int] | None = (
            None  # our wall clock ↔ shared timestamp, by the host's report
        )
        self.ring = Ring(RING)

    @property
    def next_index(self) -> int:
        return self._highest + 1

    @property
    def began_at(self) -> int:
        """Index of the present host's first packet."""
        return self._splice

    @property
    def started(self) -> bool:
        """The present host's packets flow."""
        return not self._beginning

    def begin(self, codec: Codec) -> None:
        """Another host (or the same, anew) sends from now on; video resumes at its first keyframe."""
        self.codec = codec
        self._beginning = True
        self._awaits_keyframe = self.kind == "video"
        self._anchor = None

    def accept(self, packet: rtp.Packet, now: float) -> Sent | None:
        """None for repeats, for what is older than this host's first packet or the ring, and for video before the
        first keyframe. No index is ever given out with two contents: SRTP's keystream depends on it."""
        if self.codec is None:
            return None
        keyframe = self.kind == "video" and starts_keyframe(self.codec.name, packet.payload)
        if self._awaits_keyframe and not keyframe:
            return None
        self._awaits_keyframe = False
        index = self._place(packet, now)
        if index is None:
            return None
        if keyframe:
            self._note_keyframe(index, packet.timestamp, now)
        timestamp = packet.timestamp + self._timestamp_offset
        template = rtp.template(packet, sequence=index, timestamp=timestamp, ssrc=self.ssrc)
        sent = Sent(index, template, self.codec)
        self.ring.put(sent)
        self.packets += 1
        self.octets += len(packet.payload)
        return sent

    def _place(self, packet: rtp.Packet, now: float) -> int | None:
        if self._beginning:
            self._begin_at(packet, now)
        distance = rtp.ahead((packet.sequence + self._sequence_offset) & 0xFFFF, self._highest & 0xFFFF)
        if distance > _LONGEST_JUMP:
            self._begin_at(packet, now)
            distance = 1
        index = self._highest + distance
        if distance > 0:
            self._highest = index
            self._timestamp = (packet.timestamp + self._timestamp_offset) & 0xFFFFFFFF
            self._arrival = now
            return index
        if index < self._splice or distance <= -RING or self.ring.get(index):
            return None
        return index

    def _begin_at(self, packet: rtp.Packet, now: float) -> None:
        """The next packet follows the last in sequence, and in time by the wall clock."""
        self._beginning = False
        self._splice = self._highest + 1
        self._sequence_offset = (self._splice - packet.sequence) & 0xFFFF
        paused = 0 if self._arrival is None else max(1, int((now - self._arrival) * self.clock_rate))
        self._timestamp_offset = self._timestamp + paused - packet.timestamp
        self._keyframe_index = None
        self._anchor = None

    def _note_keyframe(self, index: int, timestamp: int, now: float) -> None:
        if timestamp == self._keyframe_timestamp and self._keyframe_index is not None:
            self._keyframe_index = min(self._keyframe_index, index)
            return
        self._keyframe_timestamp, self._keyframe_index = timestamp, index
        self._keyframes_at.append(now)
        self.keyframes += 1

    @property
    def keyframe_interval(self) -> float | None:
        """Seconds between keyframes, over the last few."""
        times = self._keyframes_at
        return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else None

    def may_start(self, index: int) -> bool:
        return 0x10000 - (index & 0xFFFF) > WRAP_GUARD

    def replay(self, now: float) -> list[Sent]:
        """The packets since the newest keyframe, for a viewer to start with. Empty when that is too long ago."""
        first = self._keyframe_index
        if first is None or self._beginning or now - self._keyframes_at[-1] > REPLAY_WITHIN:
            return []
        if not self.may_start(first) or self.ring.get(first) is None:
            return []
        packets = (self.ring.get(index) for index in range(first, self.next_index))
        return [sent for sent in packets if sent is not None]

    def recall(self, sequence: int) -> Sent | None:
        """A packet that a viewer reports lost."""
        return self.ring.get(self._highest + rtp.ahead(sequence, self._highest & 0xFFFF))

    def synchronise(self, wall: float, host_timestamp: int) -> None:
        """The host's report, on our wall clock (seconds since 1970): this timestamp was captured at that time."""
        if not self._beginning:
            self._anchor = (wall, host_timestamp + self._timestamp_offset)

    def timestamp_at(self, wall: float, now: float) -> int | None:
        """The shared timestamp of the moment, for sender reports. `wall` and `now` are both the present: seconds
        since 1970, and of the clock of `accept`. Before the host's first report, the last packet's arrival serves."""
        if self._anchor is not None:
            at, timestamp = self._anchor
            return int(timestamp + (wall - at) * self.clock_rate) & 0xFFFFFFFF
        if self._arrival is None:
            return None
        return int(self._timestamp + (now - self._arrival) * self.clock_rate) & 0xFFFFFFFF

    def sender_report(self, wall: float, now: float, packets: int, octets: int) -> bytes | None:
        timestamp = self.timestamp_at(wall, now)
        if timestamp is None:
            return None
        return rtcp.sender_report(rtcp.SenderReport(self.ssrc, rtcp.ntp(wall), timestamp, packets, octets))
