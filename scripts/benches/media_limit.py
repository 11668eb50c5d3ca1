"""The media bench's floor: the programme's packets to everybody, whole pictures at once, by a C loop that only encrypts
and sends (`media_limit.c`). Prints {"cpu_s", "seconds", "packets"} of a window.

    python -m scripts.benches.media_limit SECONDS PORT...
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import socket
import sys
import time
from collections.abc import Sequence

from live.media import rtp
from live.media.aiortc_private import Certificate, Dtls, address_of, srtp_protect_address
from scripts.benches.frame import built
from scripts.benches.media_clip import FPS, Programme
from scripts.benches.media_host import PAYLOAD_TYPES, SOUND_EVERY_S

MOST_PACKETS = 80
"""Of one call: `media_limit.c` has no room for more."""


async def keyed(number: int) -> list[Dtls]:
    """Ends whose keys come out of real handshakes, each with another end in this process."""
    certificate = Certificate.generateCertificate()
    fingerprints = certificate.getFingerprints()

    async def one() -> Dtls:
        def across(datagram: bytes) -> None:
            theirs.feed(datagram)

        ours = Dtls(certificate, "server", across, lambda: None)
        theirs = Dtls(certificate, "client", ours.feed, lambda: None)
        await asyncio.gather(ours.handshake(fingerprints), theirs.handshake(fingerprints))
        return ours

    return [await one() for _ in range(number)]


class Loop:
    """`media_limit.c`, with what it needs."""

    def __init__(self, ends: Sequence[Dtls], ports: Sequence[int]) -> None:
        self._send_all = ctypes.CDLL(built("media_limit.c", "-shared", "-fPIC")).send_all
        self._ends = ends  # they own what `_srtps` points to
        self._protect = ctypes.c_void_p(srtp_protect_address())
        self._srtps = (ctypes.c_void_p * len(ends))(*(address_of(end.srtp) for end in ends))
        self._ports = (ctypes.c_int * len(ports))(*ports)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.sent = 0

    def send(self, packets: Sequence[bytes]) -> None:
        lengths = (ctypes.c_int * len(packets))(*map(len, packets))
        self.sent += self._send_all(
            self._socket.fileno(),
            self._protect,
            self._srtps,
            self._ports,
            len(self._ports),
            b"".join(packets),
            lengths,
            len(packets),
        )


class Stream:
    def __init__(self, ssrc: int, payload_type: int) -> None:
        self._ssrc, self._payload_type, self._sequence = ssrc, payload_type, 0

    def packets(self, payloads: Sequence[bytes], timestamp: int) -> list[bytes]:
        made = []
        for payload in payloads[:MOST_PACKETS]:
            packet = rtp.Packet(0, payload is payloads[-1], 0, 0, 0, payload)
            template = rtp.template(packet, sequence=self._sequence, timestamp=timestamp, ssrc=self._ssrc)
            made.append(rtp.addressed(template, self._payload_type))
            self._sequence += 1
        return made


def play(loop: Loop, seconds: float) -> None:
    programme = Programme.load()
    video, audio = Stream(1, PAYLOAD_TYPES["video"]), Stream(2, PAYLOAD_TYPES["audio"])
    pictures = [(number / FPS, True, number) for number in range(int(seconds * FPS))]
    sounds = [(number * SOUND_EVERY_S, False, number) for number in range(int(seconds / SOUND_EVERY_S))]
    began = time.monotonic()
    for at, is_picture, number in sorted(pictures + sounds):
        time.sleep(max(0.0, began + at - time.monotonic()))
        if is_picture:
            picture = programme.pictures[number % len(programme.pictures)]
            loop.send(video.packets(picture.payloads, round(at * 90000)))
        else:
            sound = programme.sounds[number % len(programme.sounds)]
            loop.send(audio.packets([sound], round(at * 48000)))


def main(seconds: float, ports: list[int]) -> None:
    loop = Loop(asyncio.run(keyed(len(ports))), ports)
    began, cpu_began = time.monotonic(), time.process_time()
    play(loop, seconds)
    figures = {
        "cpu_s": time.process_time() - cpu_began,
        "seconds": time.monotonic() - began,
        "packets": loop.sent,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), [int(port) for port in sys.argv[2:]])
