"""What an operator needs to know of a host's upload, and when to be told in words."""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

WarningSlug = Literal["no-picture", "no-sound", "upload-too-slow", "packets-lost", "low-frame-rate"]

_WINDOW = 3.0  # seconds that bitrate, frame rate and loss are taken over
_SLOW_KBPS, _LOW_FPS, _MUCH_LOSS = 700, 15, 0.05


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Of one room. Figures of the upload are None while nobody sends."""

    state: Literal["playing", "away"]
    viewers: int
    codec: str | None = None
    bitrate_kbps: int | None = None
    fps: float | None = None
    loss: float | None = None  # share of the host's packets, before repair
    rtt_ms: float | None = None
    keyframe_interval_s: float | None = None
    viewer_loss: float | None = None  # mean of what viewers report
    warning: WarningSlug | None = None


class Sample(msgspec.Struct, frozen=True):
    """Running totals of an ingest at one time."""

    at: float
    octets: int
    frames: int
    expected: int
    received: int
    audio_packets: int


class Meter:
    """Rates over the last few seconds, from running totals."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def add(self, sample: Sample) -> None:
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].at <= sample.at - _WINDOW:
            self._samples.popleft()

    def rates(self) -> Rates | None:
        if len(self._samples) < 2:
            return None
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        expected = last.expected - first.expected
        return Rates(
            seconds=seconds,
            kbps=round((last.octets - first.octets) * 8 / seconds / 1000),
            fps=round((last.frames - first.frames) / seconds, 1),
            loss=max(0.0, 1 - (last.received - first.received) / expected) if expected > 0 else 0.0,
            audio=last.audio_packets > first.audio_packets,
        )


class Rates(msgspec.Struct, frozen=True):
    seconds: float
    kbps: int
    fps: float
    loss: float
    audio: bool


def warning(rates: Rates, *, video: bool, audio: bool) -> WarningSlug | None:
    """The one thing to mend first. `video` and `audio`: whether the host said that it would send them.

    Quiet for the first seconds, while the host's encoder finds its rate."""
    if rates.seconds < _WINDOW * 0.8:
        return None
    if video and rates.fps == 0:
        return "no-picture"
    if rates.loss > _MUCH_LOSS:
        return "packets-lost"
    if video and rates.fps < _LOW_FPS:
        return "upload-too-slow" if rates.kbps < _SLOW_KBPS else "low-frame-rate"
    if audio and not rates.audio:
        return "no-sound"
    return None
