"""The media bench's viewers. They speak as browsers do (a browser's offer, receiver reports, NACKs, consent checks)
and cost little: once a viewer has seen its first picture it reads the headers of packets, which are in the clear, and
decrypts nothing."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from live.media import rtcp, rtp
from live.media.aiortc_private import Certificate
from live.media.offer import KINDS, Kind
from live.media.video import starts_keyframe
from scripts.benches.media_clip import CODEC
from scripts.benches.media_link import Link

OFFER = Path(__file__).with_name("media_offer.sdp").read_text().replace("\n", "\r\n")
"""A Chromium's, with places for what is a viewer's own."""
NACK_EVERY = 100
"""Video packets: one viewer asks again for every hundredth, as at a loss of 1 %."""
CHECK_EVERY_S = (2.5, 5.0)
AUDIO_REPORTS_EVERY = 5
"""Of the video's, which leave once a second."""
ROUND_TRIP_S = 0.02
"""Janus keeps nothing to repeat for a viewer whose reports say that it is no way off."""
_SLOTS = 50
"""Of a second, over which the viewers' reports are spread."""


@dataclass
class Count:
    """Of one viewer or many."""

    received: int = 0
    lost: int = 0
    repeats: int = 0
    frames: int = 0
    octets: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(mine + its for mine, its in zip(self._figures, other._figures, strict=True)))

    def __sub__(self, other: Count) -> Count:
        return Count(*(mine - its for mine, its in zip(self._figures, other._figures, strict=True)))

    @property
    def _figures(self) -> tuple[int, ...]:
        return self.received, self.lost, self.repeats, self.frames, self.octets

    @property
    def loss(self) -> float:
        expected = self.received + self.lost
        return self.lost / expected if expected else 0.0


class Stream:
    """What came of one SSRC, by sequence numbers alone; `highest` is without wraps, as in receiver reports."""

    __slots__ = ("_missing", "_sender_report", "count", "highest", "ssrc")

    def __init__(self, ssrc: int, first: int) -> None:
        self.ssrc, self.highest = ssrc, first - 1
        self.count = Count()
        self._missing: set[int] = set()
        self._sender_report: tuple[int, float] | None = None

    def heard(self, sequence: int, ends_frame: bool, size: int) -> bool:
        """False for a packet that came before."""
        distance = rtp.ahead(sequence, self.highest & 0xFFFF)
        count = self.count
        if distance == 1:
            self.highest += 1
        elif distance > 1:
            self._missing.update(range(self.highest + 1, self.highest + distance))
            count.lost += distance - 1
            self.highest += distance
        elif self.highest + distance in self._missing:
            self._missing.discard(self.highest + distance)
            count.lost -= 1
        else:
            count.repeats += 1
            return False
        count.received += 1
        count.octets += size
        count.frames += ends_frame
        return True

    def told(self, report: rtcp.SenderReport, now: float) -> None:
        self._sender_report = rtcp.middle(report.ntp), now

    def report(self, now: float) -> rtcp.ReportBlock:
        """As from ROUND_TRIP_S away."""
        last, delay = 0, 0
        if self._sender_report is not None:
            last, came_at = self._sender_report
            delay = max(0, int((now - came_at - ROUND_TRIP_S) * 65536))
        return rtcp.ReportBlock(self.ssrc, 0, self.count.lost, self.highest, 0, last, delay)


class FirstPicture:
    """Waits for a keyframe with all its packets."""

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._next = 0

    def heard(self, packet: rtp.Packet) -> bool:
        """Whether it is whole with this packet."""
        if (packet.timestamp, packet.sequence) != (self._timestamp, self._next):
            self._timestamp = packet.timestamp if starts_keyframe(CODEC, packet.payload) else None
        self._next = (packet.sequence + 1) & 0xFFFF
        return self._timestamp is not None and packet.marker


class Viewer:
    """Before packets come, `payload_types` are to be known, and whether feedback may come without a report before it
    (`may_reduce`, RFC 5506)."""

    def __init__(self, certificate: Certificate) -> None:
        self.link = Link(certificate, self._heard)
        self.payload_types: dict[int, Kind] = {}
        self.may_reduce = False
        self.streams: dict[Kind, Stream] = {}
        self.repeated_elsewhere = 0
        self.saw_picture = asyncio.Event()
        self.picture_at = 0.0
        self.check_at = 0.0
        self._ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self._asks_at = secrets.randbelow(NACK_EVERY)
        self._ticks = secrets.randbelow(AUDIO_REPORTS_EVERY)
        self._first_picture: FirstPicture | None = FirstPicture()

    @property
    def offer(self) -> str:
        link = self.link
        return OFFER.format(ufrag=link.ufrag, password=link.password, fingerprint=link.fingerprint)

    @property
    def count(self) -> Count:
        return sum((stream.count for stream in self.streams.values()), Count(repeats=self.repeated_elsewhere))

    def learn(self, description: str) -> None:
        """From the server's offer or answer."""
        self.payload_types = payload_types(description)
        self.may_reduce = "a=rtcp-rsize" in description

    def _heard(self, datagram: bytes) -> None:
        second = datagram[1]
        if 192 <= second <= 223:
            self._told(datagram)
            return
        kind = self.payload_types.get(second & 0x7F)
        if kind is None:
            self.repeated_elsewhere += 1
            return
        sequence = datagram[2] << 8 | datagram[3]
        stream = self.streams.get(kind)
        if stream is None:
            stream = self.streams[kind] = Stream(int.from_bytes(datagram[8:12]), sequence)
        is_new = stream.heard(sequence, second > 127 and kind == "video", len(datagram))
        if kind == "video" and is_new:
            if self._first_picture is not None:
                self._look(datagram, self._first_picture)
            if sequence % NACK_EVERY == self._asks_at:
                nack = rtcp.nack(self._ssrc, stream.ssrc, [sequence])
                self.link.send_rtcp(nack if self.may_reduce else self._report(stream) + nack)

    def _look(self, datagram: bytes, first: FirstPicture) -> None:
        plain = self.link.dtls.unprotect(datagram)
        packet = rtp.parse(plain) if plain is not None else None
        if packet is not None and first.heard(packet):
            self.picture_at = time.monotonic()
            self._first_picture = None
            self.saw_picture.set()

    def _told(self, datagram: bytes) -> None:
        now = time.monotonic()
        for message in rtcp.parse(self.link.dtls.unprotect_rtcp(datagram) or b""):
            for stream in self.streams.values():
                if isinstance(message, rtcp.SenderReport) and message.ssrc == stream.ssrc:
                    stream.told(message, now)

    def _report(self, *streams: Stream) -> bytes:
        now = time.monotonic()
        blocks = [stream.report(now) for stream in streams]
        return rtcp.receiver_report(self._ssrc, blocks) + rtcp.source_description([self._ssrc], "viewer")

    def tick(self, now: float) -> None:
        """To be called once a second."""
        self._ticks += 1
        if (video := self.streams.get("video")) or not self.streams:
            self.link.send_rtcp(self._report(*([video] if video else [])))
        if (audio := self.streams.get("audio")) and self._ticks % AUDIO_REPORTS_EVERY == 0:
            self.link.send_rtcp(self._report(audio))
        if now >= self.check_at:
            self.link.check()
            least, most = CHECK_EVERY_S
            self.check_at = now + least + (most - least) * secrets.randbelow(1000) / 1000


Join = Callable[[Viewer], Awaitable[None]]
"""Signals to a server: it aims the viewer's link and lets it `learn` of what."""


class Crowd:
    """Everybody who watches, and their clock: to be run as a task."""

    def __init__(self, join: Join) -> None:
        self.viewers: list[Viewer] = []
        self._join = join
        self._certificate = Certificate.generateCertificate()

    async def keep_reporting(self) -> None:
        began = time.monotonic()
        slot = 0
        while True:
            slot += 1
            await asyncio.sleep(max(0.0, began + slot / _SLOTS - time.monotonic()))
            now = time.monotonic()
            for viewer in self.viewers[slot % _SLOTS :: _SLOTS]:
                viewer.tick(now)

    async def arrive(self) -> tuple[Viewer, float]:
        """A viewer that is connected, and when it posted its offer."""
        viewer = Viewer(self._certificate)
        posted_at = time.monotonic()
        await self._join(viewer)
        await viewer.link.connect()
        viewer.check_at = time.monotonic() + CHECK_EVERY_S[0]
        self.viewers.append(viewer)
        return viewer, posted_at

    async def grow(self, to: int, at_once: int) -> None:
        """Everybody who joins waits for nobody but the `at_once` before."""
        left = to - len(self.viewers)
        places = iter(range(left))

        async def queue() -> None:
            for _ in places:
                await self.arrive()

        await asyncio.gather(*(queue() for _ in range(at_once)))

    async def arrivals(self, number: int, every_s: float) -> list[float]:
        """From each POST to the first whole picture, in seconds, of viewers who come one after another."""
        began = time.monotonic()

        async def one(place: int) -> float:
            await asyncio.sleep(max(0.0, began + place * every_s - time.monotonic()))
            viewer, posted_at = await self.arrive()
            await viewer.saw_picture.wait()
            return viewer.picture_at - posted_at

        return list(await asyncio.gather(*(one(place) for place in range(number))))

    async def pictures(self) -> None:
        """Returns when everybody has seen one."""
        for viewer in self.viewers:
            await viewer.saw_picture.wait()

    def counts(self) -> Sequence[Count]:
        return [viewer.count for viewer in self.viewers]

    async def close(self) -> None:
        await asyncio.gather(*(viewer.link.close() for viewer in self.viewers))


def payload_types(description: str) -> dict[int, Kind]:
    """Of the streams that an answer or an offer speaks of; retransmissions are none."""
    found: dict[int, Kind] = {}
    kind = ""
    for line in description.splitlines():
        if line.startswith("m="):
            kind = line[2:].partition(" ")[0]
        number, _, codec = line.removeprefix("a=rtpmap:").partition(" ")
        if line.startswith("a=rtpmap:") and not codec.lower().startswith("rtx/"):
            found |= {int(number): known for known in KINDS if known == kind}
    return found
