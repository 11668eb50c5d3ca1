"""Real WebRTC ends for tests: a small clip to publish, and viewers that count packets and can decode."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from live.media.aiortc_private import loopback_too
from live.media.clip import Clip
from live.media.clip_format import SOUND_RATE, add_audio_stream, add_video_stream

Signal = Callable[[str], Awaitable[str]]
"""Offer → answer."""


def make_small_clip(path: Path) -> Clip:
    """Two seconds of 320×180 with a tone."""
    return _made(
        path,
        light=lambda number, row: (row * 2 + number * 4) % 200 + 20,
        loudness=lambda number: number * 300 % 30000,
    )


def make_clapping_clip(path: Path) -> Clip:
    """Two seconds of dark and silence; in the middle of each, a flash and a beep begin together and last 0.2 s."""
    return _made(
        path,
        light=lambda number, row: 230 if 15 <= number % 30 < 21 else 30,
        loudness=lambda number: 12000 if 25 <= number % 50 < 35 else 0,
    )


def _made(path: Path, light: Callable[[int, int], int], loudness: Callable[[int], int]) -> Clip:
    """`light` of the frame's row, 60 frames; `loudness` of a hum, 100 times 20 ms."""
    half_wave = 30  # samples
    with av.open(str(path), "w", format="matroska") as container:
        video, audio = add_video_stream(container, 320, 180, 30), add_audio_stream(container)
        for number in range(60):
            frame = av.VideoFrame(320, 180, "yuv420p")
            for plane in frame.planes:
                plane.update(
                    b"".join(bytes([light(number, row)]) * plane.line_size for row in range(plane.height))
                )
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(video.encode(frame))
        for number in range(100):
            sound = av.AudioFrame("s16", "mono", SOUND_RATE // 50)
            high = loudness(number)
            samples = (high if at // half_wave % 2 else -high for at in range(sound.samples))
            sound.planes[0].update(array("h", samples).tobytes())
            sound.sample_rate, sound.pts, sound.time_base = (
                SOUND_RATE,
                number * SOUND_RATE // 50,
                Fraction(1, SOUND_RATE),
            )
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return Clip.load(path)


@dataclass
class Player:
    connection: RTCPeerConnection
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)

    async def frame(self, kind: str = "video") -> av.VideoFrame | av.AudioFrame:
        async with asyncio.timeout(10):
            while kind not in self.tracks:
                await asyncio.sleep(0.01)
            return await self.tracks[kind].recv()

    async def packets(self, kind: str = "video") -> int:
        return sum(
            report.packetsReceived
            for report in (await self.connection.getStats()).values()
            if report.type == "inbound-rtp" and report.kind == kind
        )

    async def receives(self, more: int, kind: str = "video") -> None:
        """Returns when `more` packets have come from now on."""
        wanted = await self.packets(kind) + more
        async with asyncio.timeout(10):
            while await self.packets(kind) < wanted:
                await asyncio.sleep(0.02)

    async def vanish(self) -> None:
        """Goes away without a word, as a phone in a tunnel does."""
        await self.connection.getTransceivers()[0].receiver.transport.transport.stop()


@asynccontextmanager
async def player(signal: Signal) -> AsyncIterator[Player]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    watching = Player(connection)
    connection.on("track", lambda track: watching.tracks.setdefault(track.kind, track))
    for kind in ("audio", "video"):
        connection.addTransceiver(kind, direction="recvonly")
    try:
        with loopback_too():
            await connection.setLocalDescription(await connection.createOffer())
        answer = await signal(connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        yield watching
    finally:
        await connection.close()
