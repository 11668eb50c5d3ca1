"""Product pictures for the demo, drawn rather than shipped: a lit backdrop, a simple object, its shadow."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter

SIDE = 800
Colour = tuple[int, int, int]
Pen = ImageDraw.ImageDraw


def product(shape: str, backdrop: tuple[Colour, Colour], body: Colour, accent: Colour) -> bytes:
    """PNG bytes of one of `SHAPES`."""
    picture = _backdrop(*backdrop)
    shadow = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(shadow).ellipse((180, 600, 640, 700), fill=110)
    picture.paste((0, 0, 0), mask=shadow.filter(ImageFilter.GaussianBlur(28)))
    large = Image.new("RGBA", (SIDE * 2, SIDE * 2))
    SHAPES[shape](ImageDraw.Draw(large), body, accent)
    drawn = large.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    picture.paste(drawn, mask=drawn)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _backdrop(top: Colour, bottom: Colour) -> Image.Image:
    column = Image.new("RGB", (1, SIDE))
    for y in range(SIDE):
        part = y / SIDE
        column.putpixel((0, y), tuple(round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True)))
    return column.resize((SIDE, SIDE))


def _darker(colour: Colour, by: float) -> Colour:
    return tuple(round(part * by) for part in colour)  # type: ignore[return-value]


def _tin(pen: Pen, body: Colour, accent: Colour) -> None:
    pen.rounded_rectangle((540, 460, 1060, 1300), 60, fill=body)
    pen.rounded_rectangle((940, 460, 1060, 1300), 60, fill=_darker(body, 0.86))
    pen.rounded_rectangle((510, 380, 1090, 560), 60, fill=_darker(body, 0.7))
    pen.rectangle((540, 760, 1060, 1060), fill=accent)
    pen.ellipse((720, 830, 880, 990), fill=body)


def _jar(pen: Pen, body: Colour, accent: Colour) -> None:
    pen.rounded_rectangle((480, 600, 1120, 1300), 190, fill=body)
    pen.rounded_rectangle((540, 720, 620, 1180), 40, fill=tuple(min(255, part + 40) for part in body))
    pen.rounded_rectangle((560, 440, 1040, 640), 50, fill=accent)
    pen.rounded_rectangle((620, 880, 980, 1120), 30, fill=(255, 250, 240))


def _bowl(pen: Pen, body: Colour, accent: Colour) -> None:
    pen.pieslice((380, 380, 1220, 1300), 0, 180, fill=body)
    pen.pieslice((700, 380, 1220, 1300), 0, 90, fill=_darker(body, 0.9))
    pen.ellipse((380, 750, 1220, 930), fill=_darker(body, 0.78))
    pen.ellipse((440, 780, 1160, 910), fill=accent)
    pen.rectangle((660, 1270, 940, 1330), fill=_darker(body, 0.7))


def _box(pen: Pen, body: Colour, accent: Colour) -> None:
    pen.rounded_rectangle((400, 640, 1200, 1300), 30, fill=body)
    pen.rounded_rectangle((360, 540, 1240, 740), 30, fill=_darker(body, 0.85))
    pen.rectangle((750, 540, 850, 1300), fill=accent)
    pen.ellipse((590, 370, 810, 560), outline=accent, width=50)
    pen.ellipse((790, 370, 1010, 560), outline=accent, width=50)


SHAPES: dict[str, Callable[[Pen, Colour, Colour], None]] = {
    "tin": _tin,
    "jar": _jar,
    "bowl": _bowl,
    "box": _box,
}
