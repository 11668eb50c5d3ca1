"""The media bench's host: sends the programme's RTP, the packets of a picture a little apart as a browser's pacer
does, and goes to a keyframe when it is asked for one. Prints "sending" once packets can flow.

    python -m scripts.benches.media_host whip URL HEADER KEY        a WHIP session; the media role asks for the header
    python -m scripts.benches.media_host rtp AUDIO VIDEO FEEDBACK   plain RTP to ports of this machine; RTCP to the last
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from itertools import count
from struct import pack
from typing import Protocol

import httpx
import uvloop

from live.media import rtcp
from live.media.aiortc_private import Certificate, Protector
from live.media.offer import KINDS, Kind
from live.media.track import CLOCK_RATES
from scripts.benches.media_clip import FPS, Picture, Programme
from scripts.benches.media_link import Link, Remote

PACKETS_APART_S = 0.001
PICTURE_WITHIN_S = 0.015
SOUND_EVERY_S = 0.02
PAYLOAD_TYPES: dict[Kind, int] = {"audio": 111, "video": 96}
_TRANSPORT_WIDE = 3  # the header extension's number

_OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:0
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:{audio} cname:bench
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:1
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=sendonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=ssrc:{video} cname:bench
""".replace("\n", "\r\n")


class Road(Protocol):
    """`keyframe_wanted` is for the host to take back."""

    keyframe_wanted: bool
    ssrcs: dict[Kind, int]

    def send(self, kind: Kind, second: int, sequence: int, timestamp: int, payload: bytes) -> None: ...

    def report(self, reports: bytes) -> None:
        """Compound RTCP."""

    def tend(self) -> None:
        """To be called once a second."""


def _ssrcs() -> dict[Kind, int]:
    return {kind: secrets.randbelow(0xFFFFFFFE) + 1 for kind in KINDS}


class Whip:
    def __init__(self) -> None:
        self.keyframe_wanted = False
        self.ssrcs = _ssrcs()
        self._link = Link(Certificate.generateCertificate(), self._heard)
        self._protector = Protector()
        self._numbers = count()

    @property
    def offer(self) -> str:
        link = self._link
        return _OFFER.format(
            ufrag=link.ufrag, password=link.password, fingerprint=link.fingerprint, **self.ssrcs
        )

    async def connect(self, answer: str) -> None:
        self._link.aim(Remote.of(answer))
        await self._link.connect()

    def send(self, kind: Kind, second: int, sequence: int, timestamp: int, payload: bytes) -> None:
        """With a transport-wide sequence number (RFC 8285, one-byte header)."""
        extension = pack("!HHBHx", 0xBEDE, 1, _TRANSPORT_WIDE << 4 | 1, next(self._numbers) & 0xFFFF)
        packet = pack("!BBHII", 0x90, second, sequence, timestamp, self.ssrcs[kind]) + extension + payload
        protect, data, buffer, length, views = self._protector.call
        buffer[0 : len(packet)] = packet
        length[0] = len(packet)
        if protect(self._link.dtls.srtp, data, length) == 0:
            self._link.send(views[length[0]])

    def report(self, reports: bytes) -> None:
        self._link.send_rtcp(reports)

    def tend(self) -> None:
        self._link.check()

    def _heard(self, datagram: bytes) -> None:
        plain = self._link.dtls.unprotect_rtcp(datagram) if rtcp.is_rtcp(datagram) else None
        if plain is not None and _asks_for_keyframe(plain):
            self.keyframe_wanted = True


class Plain:
    def __init__(self, audio: int, video: int, feedback: int) -> None:
        self.keyframe_wanted = False
        self.ssrcs = _ssrcs()
        self._sockets: dict[Kind, socket.socket] = {"audio": _to(audio), "video": _to(video)}
        self._feedback = _to(feedback)
        asyncio.get_running_loop().add_reader(self._feedback, self._readable)

    def send(self, kind: Kind, second: int, sequence: int, timestamp: int, payload: bytes) -> None:
        packet = pack("!BBHII", 0x80, second, sequence, timestamp, self.ssrcs[kind]) + payload
        self._sockets[kind].send(packet)

    def report(self, reports: bytes) -> None:
        self._feedback.send(reports)

    def tend(self) -> None: ...

    def _readable(self) -> None:
        if _asks_for_keyframe(self._feedback.recv(2048)):
            self.keyframe_wanted = True


def _to(port: int) -> socket.socket:
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(("127.0.0.1", port))
    out.setblocking(False)
    return out


def _asks_for_keyframe(compound: bytes) -> bool:
    return any(isinstance(message, rtcp.KeyframeRequest) for message in rtcp.parse(compound))


class Host:
    """Plays for as long as the process lives."""

    def __init__(self, programme: Programme, road: Road) -> None:
        self._programme, self._road = programme, road
        self._began = time.monotonic()
        self._sequences = {kind: count(secrets.randbelow(0x4000)) for kind in KINDS}
        self._sent = dict.fromkeys(KINDS, (0, 0))

    async def play(self) -> None:
        await asyncio.gather(self._pictures(), self._sounds(), self._reports())

    async def _until(self, seconds: float) -> None:
        """From the beginning; at once if that has passed."""
        await asyncio.sleep(max(0.0, self._began + seconds - time.monotonic()))

    async def _pictures(self) -> None:
        for number, picture in zip(count(), self._shown(), strict=False):
            at, last = number / FPS, len(picture.payloads) - 1
            apart = min(PACKETS_APART_S, PICTURE_WITHIN_S / len(picture.payloads))
            for place, payload in enumerate(picture.payloads):
                await self._until(at + place * apart)
                self._send("video", at, payload, marker=place == last)

    def _shown(self) -> Iterator[Picture]:
        pictures, place = self._programme.pictures, 0
        while True:
            if self._road.keyframe_wanted:
                self._road.keyframe_wanted = False
                place = next_keyframe(pictures, place)
            yield pictures[place]
            place = (place + 1) % len(pictures)

    async def _sounds(self) -> None:
        sounds = self._programme.sounds
        for number in count():
            await self._until(number * SOUND_EVERY_S)
            self._send("audio", number * SOUND_EVERY_S, sounds[number % len(sounds)], marker=False)

    def _send(self, kind: Kind, at: float, payload: bytes, *, marker: bool) -> None:
        packets, octets = self._sent[kind]
        self._sent[kind] = packets + 1, octets + len(payload)
        sequence = next(self._sequences[kind]) & 0xFFFF
        self._road.send(kind, marker << 7 | PAYLOAD_TYPES[kind], sequence, self._timestamp(kind, at), payload)

    def _timestamp(self, kind: Kind, at: float) -> int:
        return round(at * CLOCK_RATES[kind]) & 0xFFFFFFFF

    async def _reports(self) -> None:
        for second in count():
            await self._until(second)
            now = time.monotonic() - self._began
            self._road.report(
                b"".join(
                    rtcp.sender_report(
                        rtcp.SenderReport(
                            self._road.ssrcs[kind],
                            rtcp.ntp(time.time()),
                            self._timestamp(kind, now),
                            *self._sent[kind],
                        )
                    )
                    for kind in KINDS
                )
            )
            self._road.tend()


def next_keyframe(pictures: tuple[Picture, ...], place: int) -> int:
    """At `place` or after it, around the end."""
    around = [(place + ahead) % len(pictures) for ahead in range(len(pictures))]
    return next(index for index in around if pictures[index].keyframe)


async def published(url: str, header: str, key: str) -> Whip:
    road = Whip()
    headers = {header: key, "Content-Type": "application/sdp"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20) as client:
        answer = (await client.post(url, content=road.offer)).raise_for_status().text
    await road.connect(answer)
    return road


async def main(way: str, *where: str) -> None:
    programme = Programme.load()
    road = await published(*where) if way == "whip" else Plain(*map(int, where))
    print("sending", flush=True)
    await Host(programme, road).play()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
