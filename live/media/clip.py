"""Publishes a film through the real WHIP road, over HTTP, in a loop and at its own pace. Encoded once; then packets
are only sent."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

import av
import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from live.media import clip_format
from live.media.aiortc_private import loopback_too
from live.media.demo_clip import make_demo_clip

__all__ = ["Clip", "PublishRefused", "make_demo_clip", "prepare", "publish_clip", "published"]

Ended = Literal["stopped", "replaced"]

_RETRY_AFTER = (1.0, 2.0, 4.0, 8.0)
_TAKEN_FOR = 20.0  # seconds; a session of ours that was cut off has timed out by then


class PublishRefused(Exception):
    """The server will not take it, however often it is tried: 401, 403, 404, 406 … in `status`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


@dataclass(frozen=True)
class Clip:
    """Encoded packets in memory: (seconds from the start, bytes)."""

    seconds: float
    pictures: Sequence[tuple[float, bytes]]
    sounds: Sequence[tuple[float, bytes]]

    @classmethod
    def load(cls, path: Path) -> Clip:
        """Of a file that `prepare` or `make_demo_clip` made. Raises av.FFmpegError."""
        with av.open(str(path)) as container:
            picture = container.streams.video[0]
            annex_b = av.BitStreamFilterContext("h264_mp4toannexb", picture)
            pictures: list[tuple[float, bytes]] = []
            packets: list[bytes] = []
            for packet in container.demux():
                if packet.stream is picture:
                    for filtered in annex_b.filter(packet if packet.size else None):
                        pictures.append((float((filtered.pts or 0) * filtered.time_base), bytes(filtered)))
                elif packet.size:
                    packets.append(bytes(packet))
            seconds = len(pictures) / float(picture.average_rate or 30)
        sounds = [(number * 0.02, packet) for number, packet in enumerate(packets[: int(seconds * 50)])]
        return cls(seconds, pictures, sounds)


def prepare(source: Path, cache: Path) -> Path:
    """A file fit for `publish_clip`: the source itself, or its encoding, kept in `cache`. Blocks while encoding.
    Raises av.FFmpegError, ValueError, OSError."""
    with av.open(str(source)) as container:
        if clip_format.is_publishable(container):
            return source
    found = source.stat()
    name = hashlib.sha256(f"{source.resolve()}|{found.st_size}|{found.st_mtime_ns}".encode()).hexdigest()[:16]
    kept = cache / f"clip-{name}.mkv"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fresh = Path(folder) / kept.name
            clip_format.encode(source, fresh)
            os.replace(fresh, kept)
    return kept


async def publish_clip(
    path: Path,
    whip_url: str,
    token: str,
    stop: asyncio.Event,
    *,
    verify: ssl.SSLContext | bool = True,
) -> Ended:
    """Publishes until `stop` is set, or until another host has the room: it never takes a room from anybody, and
    doesn't come back once it was replaced. Connects again after failures. Raises PublishRefused."""
    clip = await asyncio.to_thread(Clip.load, path)
    headers = {"Authorization": f"Bearer {token}"}
    failures, taken_since = 0, None
    async with httpx.AsyncClient(headers=headers, timeout=10, verify=verify, trust_env=False) as client:
        while not stop.is_set():
            try:
                async with published(client, whip_url, clip, only_if_vacant=True) as session:
                    failures, taken_since = 0, None
                    await _first(stop.wait(), session.ended.wait())
                if session.replaced:
                    return "replaced"
            except _Taken:
                taken_since = taken_since or time.monotonic()
                if time.monotonic() - taken_since > _TAKEN_FOR:
                    return "replaced"
            except (httpx.TransportError, _Unready):
                pass
            await _first(stop.wait(), asyncio.sleep(_RETRY_AFTER[min(failures, len(_RETRY_AFTER) - 1)]))
            failures += 1
    return "stopped"


class _Taken(PublishRefused):
    """Somebody publishes there."""


class _Unready(PublishRefused):
    """The server asks to try again (429, 5xx)."""


class WhipSession:
    """`ended` is set when the connection is gone; `replaced` is known once the session was left."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.replaced = False


@asynccontextmanager
async def published(
    client: httpx.AsyncClient, whip_url: str, clip: Clip, *, only_if_vacant: bool = False
) -> AsyncIterator[WhipSession]:
    """One WHIP session that plays the clip, from its beginning, as long as the context lasts. Raises PublishRefused
    and httpx.TransportError."""
    session, location = WhipSession(), None
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @connection.on("connectionstatechange")
    def changed() -> None:
        if connection.connectionState in ("failed", "closed"):
            session.ended.set()

    try:
        offer = await _offer(connection, clip)
        headers = {"Content-Type": "application/sdp"} | ({"If-None-Match": "*"} if only_if_vacant else {})
        response = await client.post(whip_url, content=offer, headers=headers)
        _check(response)
        location = urljoin(whip_url, response.headers["Location"])
        await connection.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        yield session
    finally:
        await connection.close()
        if location is not None:
            session.replaced = await _delete(client, location)


def _check(response: httpx.Response) -> None:
    if response.status_code == 201:
        return
    if response.status_code == 412:
        refusal: type[PublishRefused] = _Taken
    elif response.status_code == 429 or response.status_code >= 500:
        refusal = _Unready
    else:
        refusal = PublishRefused
    raise refusal(response.status_code, response.text[:200])


async def _delete(client: httpx.AsyncClient, location: str) -> bool:
    """Whether the session had ended because another host took over (410)."""
    try:
        return (await client.delete(location)).status_code == 410
    except httpx.TransportError:
        return False


async def _offer(connection: RTCPeerConnection, clip: Clip) -> str:
    begin = time.monotonic()
    tracks = [_ClipTrack("video", clip, begin)] + ([_ClipTrack("audio", clip, begin)] if clip.sounds else [])
    for track in tracks:
        connection.addTransceiver(track, direction="sendonly")
    h264 = [
        codec
        for codec in RTCRtpSender.getCapabilities("video").codecs
        if codec.name == "rtx" or codec.parameters.get("profile-level-id") == "42e01f"
    ]
    connection.getTransceivers()[0].setCodecPreferences(h264)
    with loopback_too():
        await connection.setLocalDescription(await connection.createOffer())
    return str(connection.localDescription.sdp)


class _ClipTrack(MediaStreamTrack):
    """Hands out encoded packets, which aiortc sends as they are."""

    def __init__(self, kind: Literal["audio", "video"], clip: Clip, begin: float) -> None:
        super().__init__()
        self.kind = kind
        self._packets = clip.pictures if kind == "video" else clip.sounds
        self._clock_rate = 90000 if kind == "video" else 48000
        self._seconds, self._begin = clip.seconds, begin
        self._number = 0

    async def recv(self) -> av.Packet[Any]:
        round_, index = divmod(self._number, len(self._packets))
        self._number += 1
        at, data = self._packets[index]
        at += round_ * self._seconds
        wait = self._begin + at - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        packet = av.Packet(data)
        packet.pts = round(at * self._clock_rate)
        packet.time_base = Fraction(1, self._clock_rate)
        return packet


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
