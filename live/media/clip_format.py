"""The form of clips that can be published without encoding: what every browser decodes, and a keyframe every half
second, so that a viewer who joins never waits for one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer

KEYFRAMES_PER_SECOND = 2
SOUND_RATE = 24000  # of what goes into the encoder; Opus is 48,000 on the wire whatever comes in
_VIDEO_KBPS, _AUDIO_KBPS = 1000, 48


def add_video_stream(container: OutputContainer, width: int, height: int, fps: int) -> Any:
    stream = container.add_stream("libx264", rate=fps)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.bit_rate = _VIDEO_KBPS * 1000
    stream.gop_size = fps // KEYFRAMES_PER_SECOND
    stream.options = {
        "preset": "superfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": f"scenecut=0:sliced-threads=0:vbv-maxrate={_VIDEO_KBPS * 3 // 2}:vbv-bufsize={_VIDEO_KBPS}",
    }
    return stream


def add_audio_stream(container: OutputContainer) -> Any:
    stream = container.add_stream("libopus", rate=SOUND_RATE)
    stream.layout = "mono"
    stream.bit_rate = _AUDIO_KBPS * 1000
    return stream


def is_publishable(container: InputContainer) -> bool:
    """H264 of a baseline profile and, where there is sound, Opus."""
    video = container.streams.video[0] if container.streams.video else None
    if video is None or video.codec_context.name != "h264" or "Baseline" not in str(video.profile):
        return False
    return all(stream.codec_context.name in ("opus", "libopus") for stream in container.streams.audio)


def fitted(width: int, height: int) -> tuple[int, int]:
    """The largest even size within 1280×720, or 720×1280 for portrait, of the same shape."""
    longest, shortest = max(width, height), min(width, height)
    scale = min(1.0, 1280 / longest, 720 / shortest)
    return round(width * scale / 2) * 2, round(height * scale / 2) * 2


def encode(source: Path, target: Path) -> None:
    """Encodes any film once. Takes about as long as it plays, at worst. Raises av.FFmpegError, ValueError."""
    with av.open(str(source)) as film, av.open(str(target), "w", format="matroska") as container:
        if not film.streams.video:
            raise ValueError(f"{source} has no picture")
        picture = film.streams.video[0]
        picture.thread_type = "AUTO"
        fps = min(30, round(picture.average_rate or 30))
        size = fitted(picture.codec_context.width, picture.codec_context.height)
        video = add_video_stream(container, *size, fps)
        audio = add_audio_stream(container) if film.streams.audio else None
        pictures = _Paced(fps)
        resampler = av.AudioResampler("s16", "mono", SOUND_RATE, frame_size=SOUND_RATE // 50)
        for frame in film.decode(*film.streams.video[:1], *film.streams.audio[:1]):
            if isinstance(frame, av.VideoFrame):
                for number in pictures.numbers(frame.time or 0.0):
                    picture_frame = frame.reformat(*size, format="yuv420p")
                    picture_frame.pts, picture_frame.time_base = number, Fraction(1, fps)
                    container.mux(video.encode(picture_frame))
            elif audio is not None and isinstance(frame, av.AudioFrame):
                for sound in resampler.resample(frame):
                    container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))


class _Paced:
    """Turns the film's own frame times into an even rate: some frames twice, some not at all."""

    def __init__(self, fps: int) -> None:
        self._fps, self._next = fps, 0

    def numbers(self, time: float) -> range:
        first, self._next = self._next, max(self._next, int(time * self._fps) + 1)
        return range(first, self._next)
