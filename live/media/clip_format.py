"""The form of clips that can be published without encoding: what every browser decodes, and a keyframe every half
second, so that a viewer who joins never waits for one."""

from __future__ import annotations

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


def open_clip(path: str) -> InputContainer:
    """Raises av.FFmpegError."""
    container: InputContainer = av.open(path)
    return container
