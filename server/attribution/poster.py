"""An invitation as pictures: a QR code, and a poster to send on (PNG, 750×1,200).

Drawn with a bundled Chinese font, so that it looks the same on every machine. Text with characters beyond it is
drawn with a system font that has them all; what no font has (emoji) is left out, never shown as a square.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
import segno
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

WIDTH, HEIGHT = 750, 1200
MARGIN = 60
INK, PAPER, QUIET, ACCENT = "#14161a", "#ffffff", "#6b7280", "#ff2f55"

WORDS = {
    "zh-CN": {
        "invites": "{name} 邀请你来看直播",
        "welcome": "邀请你来看直播",
        "scan": "长按或扫码进入直播间",
    },
    "en": {
        "invites": "{name} invites you to watch live",
        "welcome": "Watch it live",
        "scan": "Scan to watch",
    },
}

Font = ImageFont.FreeTypeFont


class PosterText(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is what the code leads to."""

    url: str
    brand: str
    title: str
    inviter: str
    store: str
    language: str = "zh-CN"


def qr_svg(url: str) -> bytes:
    """A QR code with its quiet zone, readable from paper (error correction M)."""
    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(
        picture, kind="svg", scale=8, border=4, dark=INK, light=PAPER
    )
    return picture.getvalue()


@lru_cache(maxsize=64)
def poster_png(words: PosterText) -> bytes:
    """Takes a few ten milliseconds of a core: call it in a thread."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 500), fill=INK)
    draw.rectangle((0, 500, WIDTH, 508), fill=ACCENT)
    _line(draw, words.brand, (MARGIN, 64), 30, PAPER, WIDTH - 2 * MARGIN - 130)
    _badge(image)
    for row, text in enumerate(_wrapped(words.title or words.brand, 64, WIDTH - 2 * MARGIN, rows=3)):
        _line(draw, text, (MARGIN, 150 + 88 * row), 64, PAPER, WIDTH - 2 * MARGIN)
    _inviter(image, words)
    _paste_code(image, words.url)
    scan = WORDS[words.language]["scan"]
    _line(draw, scan, (WIDTH // 2, 1096), 28, INK, WIDTH - 2 * MARGIN, anchor="ma")
    _line(draw, words.store, (WIDTH // 2, 1142), 24, QUIET, WIDTH - 2 * MARGIN, anchor="ma")
    picture = io.BytesIO()
    image.save(picture, format="PNG", compress_level=2)
    return picture.getvalue()


def _badge(image: Image.Image) -> None:
    right = WIDTH - MARGIN
    _pill(image, (right - 110, 60, right, 108), ACCENT)
    _pill(image, (right - 92, 77, right - 78, 91), PAPER)
    ImageDraw.Draw(image).text((right - 66, 84), "LIVE", PAPER, _font(BUNDLED, 0, 24), anchor="lm")


def _pill(image: Image.Image, box: tuple[int, int, int, int], colour: str) -> None:
    """A shape with round ends and smooth edges: Pillow's own have none, so it is drawn four times as large."""
    width, height = box[2] - box[0], box[3] - box[1]
    mask = Image.new("L", (4 * width, 4 * height))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 4 * width - 1, 4 * height - 1), 2 * min(width, height), 255)
    image.paste(colour, box, mask.resize((width, height), Image.Resampling.BOX))


def _inviter(image: Image.Image, words: PosterText) -> None:
    """A disc with the name's first character, and who invites."""
    draw, said = ImageDraw.Draw(image), WORDS[words.language]
    face = _face(words.inviter)
    name = _drawable(words.inviter, face)
    if not name:
        _line(draw, said["welcome"], (WIDTH // 2, 560), 40, INK, WIDTH - 2 * MARGIN, anchor="ma")
        return
    _pill(image, (MARGIN, 544, MARGIN + 96, 640), ACCENT)
    draw.text((MARGIN + 48, 592), name[0], PAPER, _font(*face, 48), anchor="mm")
    _line(draw, said["invites"].format(name=name), (MARGIN + 124, 570), 34, INK, WIDTH - 2 * MARGIN - 124)


def _paste_code(image: Image.Image, url: str) -> None:
    code = segno.make(url, error="m", micro=False)
    side = int(code.symbol_size(border=2)[0])
    scale = 420 // side
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=scale, border=2, dark=INK, light=PAPER)
    with Image.open(picture) as square:
        image.paste(square.convert("RGB"), ((WIDTH - side * scale) // 2, 872 - side * scale // 2))


def _line(
    draw: ImageDraw.ImageDraw,
    text: str,
    at: tuple[int, int],
    size: int,
    colour: str,
    width: int,
    anchor: str = "la",
) -> None:
    """One line, with an ellipsis where it is longer than `width` pixels."""
    face = _face(text)
    font, shown = _font(*face, size), _drawable(text, face)
    if font.getlength(shown) > width:
        while shown and font.getlength(shown + "…") > width:
            shown = shown[:-1]
        shown += "…"
    draw.text(at, shown, colour, font, anchor=anchor)


def _wrapped(text: str, size: int, width: int, rows: int) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces where there are any; the last keeps what is left."""
    face = _face(text)
    font, left, lines = _font(*face, size), _drawable(text, face), list[str]()
    while left and len(lines) < rows - 1 and font.getlength(left) > width:
        fits = next(n for n in range(len(left), 0, -1) if n == 1 or font.getlength(left[:n]) <= width)
        space = left.rfind(" ", 0, fits + 1)
        fits = space if space > fits // 2 else fits
        lines.append(left[:fits].rstrip())
        left = left[fits:].lstrip()
    return [*lines, left]


# Fonts


@lru_cache(maxsize=64)
def _font(path: Path, index: int, size: int) -> Font:
    return ImageFont.truetype(str(path), size, index=index)


def _face(text: str) -> tuple[Path, int]:
    """The first font that has every character; the bundled one where none has."""
    for path, index in _faces():
        if all(_has(path, index, character) for character in text):
            return path, index
    return BUNDLED, 0


@lru_cache(maxsize=1)
def _faces() -> list[tuple[Path, int]]:
    return [(BUNDLED, 0), *((Path(path), index) for path, index in SYSTEM if Path(path).is_file())]


def _drawable(text: str, face: tuple[Path, int]) -> str:
    return " ".join("".join(character for character in text if _has(*face, character)).split())


@lru_cache(maxsize=8192)
def _has(path: Path, index: int, character: str) -> bool:
    """Whether a character has a glyph of its own; a missing one is drawn as U+FFFF is: the font's empty box."""
    if character == " ":
        return True
    if not character.isprintable():
        return False
    font = _font(path, index, 32)
    return font.getmask(character).getbbox() is not None and bytes(font.getmask(character)) != bytes(
        font.getmask("\uffff")
    )
