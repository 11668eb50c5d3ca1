"""Words drawn on pictures, with a bundled Chinese font, so that they look the same on every machine.

Text with characters beyond it is drawn with a system font that has them all; what no font has (emoji) is left out,
never shown as a square. All of it takes a core's time: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

BUNDLED = Path(__file__).parent / "fonts" / "NotoSansSC-Bold-subset.otf"
SYSTEM: Sequence[tuple[str, int]] = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2),  # Debian and Ubuntu: fonts-noto-cjk
    ("/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc", 2),  # Fedora
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc", 2),  # Arch
    ("/System/Library/Fonts/PingFang.ttc", 0),
    ("/System/Library/Fonts/Hiragino Sans GB.ttc", 0),
)
"""Files and their face."""

Font = ImageFont.FreeTypeFont


def pill(image: Image.Image, box: tuple[int, int, int, int], colour: str) -> None:
    """A shape with round ends and smooth edges: Pillow's own have none, so it is drawn four times as large."""
    width, height = box[2] - box[0], box[3] - box[1]
    mask = Image.new("L", (4 * width, 4 * height))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 4 * width - 1, 4 * height - 1), 2 * min(width, height), 255)
    image.paste(colour, box, mask.resize((width, height), Image.Resampling.BOX))


def line(
    draw: ImageDraw.ImageDraw,
    text: str,
    at: tuple[int, int],
    size: int,
    colour: str,
    width: int,
    anchor: str = "la",
) -> None:
    """One line, with an ellipsis where it is longer than `width` pixels."""
    face = face_for(text)
    font, shown = font_of(*face, size), drawable(text, face)
    if font.getlength(shown) > width:
        while shown and font.getlength(shown + "…") > width:
            shown = shown[:-1]
        shown += "…"
    draw.text(at, shown, colour, font, anchor=anchor)


def width_of(text: str, size: int) -> int:
    """In pixels, as `line` draws it where there is room."""
    face = face_for(text)
    return int(font_of(*face, size).getlength(drawable(text, face)))


def wrapped(text: str, size: int, width: int, rows: int) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces where there are any and without a dot or bar there; the
    last keeps what is left."""
    face = face_for(text)
    font, left, lines = font_of(*face, size), drawable(text, face), list[str]()
    while left and len(lines) < rows - 1 and font.getlength(left) > width:
        fits = next(n for n in range(len(left), 0, -1) if n == 1 or font.getlength(left[:n]) <= width)
        space = left.rfind(" ", 0, fits + 1)
        fits = space if space > fits // 2 else fits
        lines.append(left[:fits].rstrip(" ·・|｜"))
        left = left[fits:].lstrip()
    return [*lines, left]


# Fonts


@lru_cache(maxsize=64)
def font_of(path: Path, index: int, size: int) -> Font:
    return ImageFont.truetype(str(path), size, index=index)


def face_for(text: str) -> tuple[Path, int]:
    """The first font that has every character; the bundled one where none has."""
    for path, index in _faces():
        if all(has(path, index, character) for character in text):
            return path, index
    return BUNDLED, 0


@lru_cache(maxsize=1)
def _faces() -> list[tuple[Path, int]]:
    return [(BUNDLED, 0), *((Path(path), index) for path, index in SYSTEM if Path(path).is_file())]


def drawable(text: str, face: tuple[Path, int]) -> str:
    return " ".join("".join(character for character in text if has(*face, character)).split())


@lru_cache(maxsize=8192)
def has(path: Path, index: int, character: str) -> bool:
    """Whether a character has a glyph of its own; a missing one is drawn as U+FFFF is: the font's empty box."""
    if character == " ":
        return True
    if not character.isprintable():
        return False
    font = font_of(path, index, 32)
    return font.getmask(character).getbbox() is not None and bytes(font.getmask(character)) != bytes(
        font.getmask("\uffff")
    )
