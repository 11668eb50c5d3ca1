"""What the media bench's host sends: ten seconds of 720p30 and Opus, encoded once and packed into RTP payloads."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.filter
from aiortc.codecs.h264 import H264Encoder
from av.video.frame import PictureType

from live.media.clip import Clip
from live.media.clip_format import SOUND_RATE, add_audio_stream, add_video_stream
from live.media.video import starts_keyframe
from scripts.benches.frame import CACHE

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 30, 10
VIDEO_KBPS, AUDIO_KBPS = 1250, 48
KEYFRAME_EVERY = 2 * FPS
"""As OBS does; a browser sends fewer. Between them the host jumps to one when it is asked."""
CODEC = "H264"


@dataclass(frozen=True)
class Picture:
    """One frame as RTP payloads of at most 1,300 bytes."""

    keyframe: bool
    payloads: tuple[bytes, ...]


@dataclass(frozen=True)
class Programme:
    """A picture every 1/30 s, a sound every 20 ms; both begin anew at their end."""

    pictures: tuple[Picture, ...]
    sounds: tuple[bytes, ...]

    @classmethod
    def load(cls) -> Programme:
        clip = Clip.load(encoded())
        return cls(tuple(_packed(data) for _, data in clip.pictures), tuple(data for _, data in clip.sounds))


def _packed(data: bytes) -> Picture:
    packet = av.Packet(data)
    packet.pts, packet.time_base = 0, Fraction(1, 90000)
    payloads, _ = H264Encoder().pack(packet)
    return Picture(any(starts_keyframe(CODEC, payload) for payload in payloads), tuple(payloads))


def encoded() -> Path:
    """The film, from the cache after the first time."""
    made_by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = CACHE / f"media-{made_by}.mkv"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        _encode(fresh)
        fresh.rename(kept)
    return kept


def _encode(path: Path) -> None:
    """A test picture under film grain, which keeps the encoder at its rate, and pink noise."""
    with av.open(str(path), "w", format="matroska") as container:
        video, audio = add_video_stream(container, WIDTH, HEIGHT, FPS), add_audio_stream(container)
        video.bit_rate, audio.bit_rate = VIDEO_KBPS * 1000, AUDIO_KBPS * 1000
        video.gop_size = KEYFRAME_EVERY
        video.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "profile": "baseline",
            "x264-params": f"scenecut=0:sliced-threads=0:vbv-maxrate={VIDEO_KBPS}:vbv-bufsize={VIDEO_KBPS // 4}",
        }
        pictures = _source(f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}", "noise=alls=6:allf=t", "buffersink")
        sounds = _source(f"anoisesrc=sample_rate={SOUND_RATE}:color=pink:seed=1", "abuffersink")
        for number in range(FPS * SECONDS):
            picture = pictures.vpull()
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            picture.pict_type = PictureType.NONE  # the filter calls every picture a keyframe
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        resampler = av.AudioResampler("s16", "mono", SOUND_RATE, frame_size=SOUND_RATE // 50)
        left = SECONDS * 50
        while left > 0:
            noise = sounds.pull()
            assert isinstance(noise, av.AudioFrame)
            for sound in resampler.resample(noise):
                container.mux(audio.encode(sound))
                left -= 1
        container.mux(audio.encode(None))


def _source(*filters: str) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.link_nodes(*(graph.add(name, options) for name, _, options in (f.partition("=") for f in filters)))
    graph.configure()
    return graph
