"""The demo room's film: twenty seconds that loop without a seam, drawn and composed here, so that nobody's rights
are touched and no film has to be shipped."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageChops, ImageDraw, ImageFont

from live.media.clip_format import SOUND_RATE, add_audio_stream, add_video_stream

WIDTH, HEIGHT, FPS = 720, 1280, 30

Colour = tuple[int, int, int]
Planes = tuple[Image.Image, Image.Image, Image.Image]

_STAGE = (140, 330, 580, 890)  # the part that the object turns in: left, top, right, bottom
_MARGIN = 100  # a phone taller than 9:16 shows less of the sides
_LABEL = Path(__file__).with_name("demo_label.png")


def make_demo_clip(path: Path, seconds: int = 20) -> None:
    """Writes portrait H264 and Opus, about 1 Mbit/s, ready for `clip.publish_clip`. Takes a few seconds of CPU."""
    with av.open(str(path), "w", format="matroska") as container:
        video = add_video_stream(container, WIDTH, HEIGHT, FPS)
        audio = add_audio_stream(container)
        for frame in _pictures(seconds):
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for sound in _sounds(seconds):
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def _pictures(seconds: int) -> Iterator[av.VideoFrame]:
    painter, frames = _Painter(seconds), FPS * seconds
    for number in range(frames):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        strides = [plane.line_size for plane in frame.planes]
        for plane, image in zip(frame.planes, painter.planes(number / frames, strides), strict=True):
            plane.update(image.tobytes())
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield frame


class _Painter:
    """`turn` runs from 0 to 1 over the film; everything that moves comes back to where it began."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        with Image.open(_LABEL) as label:
            self._label = label.getchannel("A")
        self._digits = ImageFont.load_default(34)

    def planes(self, turn: float, widths: list[int]) -> Planes:
        """Y, Cb and Cr, as wide as the rows of the frame that they go into."""
        luma, blue, red = self._background(turn, widths)
        self._place_object(turn, (luma, blue, red))
        luma.paste(220, (_MARGIN, 312), self._label)
        self._place_clock(turn, luma)
        return luma, blue, red

    def _background(self, turn: float, widths: list[int]) -> Planes:
        angle, half = 2 * math.pi * turn, HEIGHT // 2
        light = [
            58 + 62 * row / HEIGHT + 10 * math.sin(2 * math.pi * (row / HEIGHT * 1.5 + turn * 2))
            for row in range(HEIGHT)
        ]
        blue = [132 + 16 * math.cos(angle + row / half * 1.8) for row in range(half)]
        red = [134 + 18 * math.sin(angle + row / half * 1.8) for row in range(half)]
        return _wide(light, widths[0]), _wide(blue, widths[1]), _wide(red, widths[2])

    def _place_object(self, turn: float, planes: Planes) -> None:
        left, top, right, bottom = _STAGE
        *channels, alpha = _tea_box(turn, right - left, bottom - top).split()
        clear = ImageChops.invert(alpha)
        half = (clear.width // 2, clear.height // 2)
        _cover(planes[0], _STAGE, channels[0], clear)
        for plane, channel in zip(planes[1:], channels[1:], strict=True):
            box = (left // 2, top // 2, right // 2, bottom // 2)
            _cover(
                plane,
                box,
                channel.resize(half, Image.Resampling.BOX),
                clear.resize(half, Image.Resampling.BOX),
            )

    def _place_clock(self, turn: float, luma: Image.Image) -> None:
        size = 120
        dial = Image.new("L", (size * 2, size * 2))
        draw = ImageDraw.Draw(dial)
        draw.ellipse((8, 8, 232, 232), outline=200, width=6)
        angle = 2 * math.pi * turn - math.pi / 2
        draw.line((120, 120, 120 + 88 * math.cos(angle), 120 + 88 * math.sin(angle)), fill=255, width=8)
        luma.paste(235, (WIDTH - _MARGIN - size, 212), dial.reduce(2))
        text = Image.new("L", (112, 44))
        seconds = int(turn * self._seconds)
        ImageDraw.Draw(text).text((56, 22), f"00:{seconds:02}", font=self._digits, fill=230, anchor="mm")
        luma.paste(235, (WIDTH - _MARGIN - 116, 340), text)


def _wide(column: list[float], width: int) -> Image.Image:
    image = Image.frombytes("L", (1, len(column)), bytes(map(int, column)))
    return image.resize((width, len(column)), Image.Resampling.NEAREST)


def _cover(
    plane: Image.Image, box: tuple[int, int, int, int], premultiplied: Image.Image, clear: Image.Image
) -> None:
    plane.paste(ImageChops.add(ImageChops.multiply(plane.crop(box), clear), premultiplied), box)


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
        edges = (x, next_x), (depth, next_depth)
        _side(draw, *edges, (top, bottom), _shade(body, light))
        _side(draw, *edges, (top + 210, bottom - 180), _shade((246, 232, 206), light))
        if side % 2:
            _side(draw, *edges, (top + 290, bottom - 260), _shade((222, 170, 70), light))
    draw.polygon([(x, top + depth) for x, depth in corners], fill=_paint((232, 120, 100)))
    knob = [(middle + (x - middle) * 0.25, top - 26 + depth * 0.25) for x, depth in corners]
    draw.polygon(knob, fill=_paint((250, 214, 150)))
    return image.reduce(2)


def _corner(turn: float, corner: int, middle: int, radius: int) -> tuple[float, float]:
    """x on the screen, and how much lower than the middle it stands."""
    angle = 2 * math.pi * (turn * 2 + corner / 6)
    return middle - radius * math.cos(angle), radius * 0.28 * math.sin(angle)


def _side(
    draw: ImageDraw.ImageDraw,
    xs: tuple[float, float],
    depths: tuple[float, float],
    heights: tuple[int, int],
    colour: Colour,
) -> None:
    (left, right), (near, far), (top, bottom) = xs, depths, heights
    outline = [(left, top + near), (right, top + far), (right, bottom + far), (left, bottom + near)]
    draw.polygon(outline, fill=_paint(colour))


def _shade(colour: Colour, light: float) -> Colour:
    red, green, blue = (int(part * light) for part in colour)
    return red, green, blue


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


def _sounds(seconds: int) -> Iterator[av.AudioFrame]:
    samples, step = _tune(seconds), SOUND_RATE // 50
    for start in range(0, len(samples), step):
        frame = av.AudioFrame(format="s16", layout="mono", samples=step)
        frame.planes[0].update(samples[start : start + step].tobytes())
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        yield frame


def _tune(seconds: int) -> array[int]:
    """A slow pentatonic figure; notes that ring past the end ring on at the beginning."""
    total = SOUND_RATE * seconds
    mix = array("h", bytes(2 * total))
    scale, figure = (261.63, 293.66, 329.63, 392.0, 440.0), (0, 2, 4, 2, 3, 1, 2, 4)
    notes: dict[float, list[int]] = {}
    for beat in range(seconds * 2):
        pitch = scale[(figure[beat % 8] + beat // 8) % 5] * (0.5 if beat % 4 == 0 else 1)
        if pitch not in notes:
            notes[pitch] = _note(pitch)
        at = beat * SOUND_RATE // 2
        for offset, value in enumerate(notes[pitch], at):
            mix[offset % total] += value
    return mix


def _note(pitch: float) -> list[int]:
    values = []
    for index in range(SOUND_RATE * 12 // 5):
        at = index / SOUND_RATE
        phase = 2 * math.pi * pitch * at
        loudness = 3000 * min(at / 0.06, 1) * math.exp(-1.9 * at)
        values.append(int(loudness * (math.sin(phase) + 0.3 * math.sin(2 * phase))))
    return values
