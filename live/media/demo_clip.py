"""The demo room's film: twenty seconds that loop without a seam, drawn and composed here, so that nobody's rights
are touched and no file has to be shipped."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from live.media.clip_format import add_audio_stream, add_video_stream

WIDTH, HEIGHT, FPS, SECONDS = 720, 1280, 30, 20
SAMPLE_RATE = 48000

Plane = NDArray[np.uint8]
Colour = tuple[int, int, int]

_STAGE = (140, 330, 440, 560)  # x, y, width, height of the part that the object turns in
_LABEL = Path(__file__).with_name("demo_label.png")


def make_demo_clip(path: Path) -> None:
    """Writes portrait H264 and Opus, about 1 Mbit/s, ready for `clip.publish_clip`. Takes a few seconds of CPU."""
    with av.open(str(path), "w", format="matroska") as container:
        video = add_video_stream(container, WIDTH, HEIGHT, FPS)
        audio = add_audio_stream(container)
        painter = _Painter()
        for number in range(FPS * SECONDS):
            frame = _frame(*painter.planes(number / (FPS * SECONDS)))
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = _tune()
        for start in range(0, len(samples), 960):
            sound = av.AudioFrame.from_ndarray(samples[None, start : start + 960], format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def _frame(luma: Plane, blue: Plane, red: Plane) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane, values in zip(frame.planes, (luma, blue, red), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : values.shape[1]] = values
        plane.update(rows)
    return frame


class _Painter:
    """`turn` runs from 0 to 1 over the film; everything that moves comes back to where it began."""

    def __init__(self) -> None:
        with Image.open(_LABEL) as label:
            self._label = np.asarray(label.getchannel("A"), np.float32) / 255
        self._digits = ImageFont.load_default(34)
        self._rows = np.arange(HEIGHT, dtype=np.float32) / HEIGHT

    def planes(self, turn: float) -> tuple[Plane, Plane, Plane]:
        luma, blue, red = self._background(turn)
        self._place_object(turn, luma, blue, red)
        _lighten(luma, 48, 120, self._label * 0.9)
        self._place_clock(turn, luma)
        return luma, blue, red

    def _background(self, turn: float) -> tuple[Plane, Plane, Plane]:
        angle = 2 * math.pi * turn
        light = 58 + 62 * self._rows + 10 * np.sin(2 * math.pi * (self._rows * 1.5 + turn * 2))
        half = self._rows[::2]
        blue = 132 + 16 * np.cos(angle + half * 1.8)
        red = 134 + 18 * np.sin(angle + half * 1.8)
        return _wide(light, WIDTH), _wide(blue, WIDTH // 2), _wide(red, WIDTH // 2)

    def _place_object(self, turn: float, luma: Plane, blue: Plane, red: Plane) -> None:
        x, y, width, height = _STAGE
        image = np.asarray(_tea_box(turn, width, height))
        clear = 1 - image[..., 3].astype(np.float32) / 255
        _cover(luma[y : y + height, x : x + width], image[..., 0], clear)
        chroma = (slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2))
        for plane, channel in ((blue, 1), (red, 2)):
            _cover(plane[chroma], image[::2, ::2, channel], clear[::2, ::2])

    def _place_clock(self, turn: float, luma: Plane) -> None:
        size = 120
        dial = Image.new("L", (size * 2, size * 2))
        draw = ImageDraw.Draw(dial)
        draw.ellipse((8, 8, 232, 232), outline=200, width=6)
        angle = 2 * math.pi * turn - math.pi / 2
        hand = (120 + 88 * math.cos(angle), 120 + 88 * math.sin(angle))
        draw.line((120, 120, *hand), fill=255, width=8)
        _lighten(luma, WIDTH - 48 - size, 96, np.asarray(dial.reduce(2), np.float32) / 255)
        text = Image.new("L", (112, 44))
        seconds = int(turn * SECONDS)
        ImageDraw.Draw(text).text((56, 22), f"00:{seconds:02}", font=self._digits, fill=230, anchor="mm")
        _lighten(luma, WIDTH - 48 - 116, 224, np.asarray(text, np.float32) / 255)


def _wide(column: NDArray[np.float32], width: int) -> Plane:
    return np.repeat(column.astype(np.uint8)[:, None], width, axis=1)


def _cover(plane: Plane, premultiplied: Plane, clear: NDArray[np.float32]) -> None:
    plane[:] = (plane * clear + premultiplied).astype(np.uint8)


def _lighten(luma: Plane, x: int, y: int, alpha: NDArray[np.float32]) -> None:
    height, width = alpha.shape
    part = luma[y : y + height, x : x + width]
    part[:] = (part + (235 - part.astype(np.float32)) * alpha).astype(np.uint8)


def _tea_box(turn: float, width: int, height: int) -> Image.Image:
    """A six-sided tin on a table, drawn at twice the size and reduced for smooth edges. The four channels are Y, Cb
    and Cr times alpha, and alpha: flat colours cost less to convert before they are painted than after. Pillow has no
    such mode; of those with four channels, CMYK is the one that it never interprets."""
    image = Image.new("CMYK", (width * 2, height * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    middle, radius, top, bottom = width, 330, 240, 900
    draw.ellipse((middle - 400, bottom - 60, middle + 400, bottom + 170), fill=(4, 35, 35, 70))
    corners = [_corner(turn, corner, middle, radius) for corner in range(6)]
    for side in range(6):
        (x, depth), (next_x, next_depth) = corners[side], corners[(side + 1) % 6]
        if next_x <= x:
            continue  # its back is turned to us
        light = 0.62 + 0.38 * (next_x - x) / radius
        body: Colour = (196, 62, 66) if side % 2 else (214, 84, 70)
        _side(draw, (x, next_x), (depth, next_depth), (top, bottom), _shade(body, light))
        _side(draw, (x, next_x), (depth, next_depth), (top + 210, bottom - 180), _shade((246, 232, 206), light))
        if side % 2:
            _side(draw, (x, next_x), (depth, next_depth), (top + 290, bottom - 260), _shade((222, 170, 70), light))
    lid = [(x, top + depth) for x, depth in corners]
    draw.polygon(lid, fill=_paint((232, 120, 100)))
    knob = [(middle + (x - middle) * 0.25, top - 26 + depth * 0.25) for x, depth in corners]
    draw.polygon(knob, fill=_paint((250, 214, 150)))
    return image.reduce(2)


def _corner(turn: float, corner: int, middle: int, radius: int) -> tuple[float, float]:
    """x on the screen, and how much lower than the back edge it stands."""
    angle = 2 * math.pi * (turn * 2 + corner / 6)
    return middle - radius * math.cos(angle), radius * 0.28 * math.sin(angle)


def _side(
    draw: ImageDraw.ImageDraw,
    xs: tuple[float, float],
    depths: tuple[float, float],
    heights: tuple[int, int],
    colour: Colour,
) -> None:
    top, bottom = heights
    draw.polygon(
        [(xs[0], top + depths[0]), (xs[1], top + depths[1]), (xs[1], bottom + depths[1]), (xs[0], bottom + depths[0])],
        fill=_paint(colour),
    )


def _paint(colour: Colour) -> tuple[int, int, int, int]:
    """BT.601, studio range, opaque."""
    red, green, blue = colour
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(16 + luma * 219 / 255),
        round(128 + (blue - luma) * 0.564 * 224 / 255),
        round(128 + (red - luma) * 0.713 * 224 / 255),
        255,
    )


def _shade(colour: Colour, light: float) -> Colour:
    red, green, blue = (int(part * light) for part in colour)
    return red, green, blue


def _tune() -> NDArray[np.int16]:
    """A slow pentatonic figure; notes that ring past the end ring on at the beginning."""
    total = SAMPLE_RATE * SECONDS
    mix = np.zeros(total, np.float32)
    length = np.arange(int(SAMPLE_RATE * 2.4), dtype=np.float32) / SAMPLE_RATE
    envelope = np.minimum(length / 0.06, 1) * np.exp(-length * 1.9)
    figure = (0, 2, 4, 2, 3, 1, 2, 4)
    scale = (261.63, 293.66, 329.63, 392.0, 440.0)
    for beat in range(SECONDS * 2):
        pitch = scale[(figure[beat % 8] + beat // 8) % 5] * (0.5 if beat % 4 == 0 else 1)
        note = envelope * (np.sin(2 * math.pi * pitch * length) + 0.3 * np.sin(4 * math.pi * pitch * length))
        at = beat * SAMPLE_RATE // 2
        tail = max(0, at + len(note) - total)
        mix[at : at + len(note) - tail] += note[: len(note) - tail]
        mix[:tail] += note[len(note) - tail :]
    return (mix / np.abs(mix).max() * 7000).astype(np.int16)
