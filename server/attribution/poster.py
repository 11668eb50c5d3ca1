"""An invitation as a poster to send on (PNG, 750×1,200), a product's code as a card for a shelf (750×1,000)."""

from __future__ import annotations

import io
from functools import lru_cache

import msgspec
import segno
from PIL import Image, ImageDraw

from server.kit.lettering import BUNDLED, drawable, face_for, font_of, line, pill, wrapped
from server.kit.qr import INK, PAPER

WIDTH, HEIGHT = 750, 1200
CARD_HEIGHT = 1000
MARGIN = 60
QUIET, ACCENT = "#6b7280", "#ff2f55"

WORDS = {
    "zh-CN": {
        "invites": "{name} 邀请你来看直播",
        "welcome": "邀请你来看直播",
        "scan": "长按或扫码进入直播间",
        "card": "扫码看商品、下单",
    },
    "en": {
        "invites": "{name} invites you to watch live",
        "welcome": "Watch it live",
        "scan": "Scan to watch",
        "card": "Scan to see it and order",
    },
}


class PosterText(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is what the code leads to."""

    url: str
    brand: str
    title: str
    inviter: str
    store: str
    language: str = "zh-CN"


@lru_cache(maxsize=64)
def poster_png(words: PosterText) -> bytes:
    """Takes a few ten milliseconds of a core: call it in a thread."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 500), fill=INK)
    draw.rectangle((0, 500, WIDTH, 508), fill=ACCENT)
    line(draw, words.brand, (MARGIN, 64), 30, PAPER, WIDTH - 2 * MARGIN - 130)
    _badge(image)
    for row, text in enumerate(wrapped(words.title or words.brand, 64, WIDTH - 2 * MARGIN, rows=3)):
        line(draw, text, (MARGIN, 150 + 88 * row), 64, PAPER, WIDTH - 2 * MARGIN)
    _inviter(image, words)
    _paste_code(image, words.url)
    scan = WORDS[words.language]["scan"]
    line(draw, scan, (WIDTH // 2, 1096), 28, INK, WIDTH - 2 * MARGIN, anchor="ma")
    line(draw, words.store, (WIDTH // 2, 1142), 24, QUIET, WIDTH - 2 * MARGIN, anchor="ma")
    picture = io.BytesIO()
    image.save(picture, format="PNG", compress_level=2)
    return picture.getvalue()


class CardText(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is what the code leads to."""

    url: str
    brand: str
    title: str
    store: str
    language: str = "zh-CN"


@lru_cache(maxsize=64)
def card_png(words: CardText) -> bytes:
    """A card for a shelf, 750×1,000. As dear as a poster: call it in a thread."""
    image = Image.new("RGB", (WIDTH, CARD_HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 8), fill=ACCENT)
    line(draw, words.brand, (WIDTH // 2, 56), 30, QUIET, WIDTH - 2 * MARGIN, anchor="ma")
    for row, text in enumerate(wrapped(words.title, 56, WIDTH - 2 * MARGIN, rows=2)):
        line(draw, text, (WIDTH // 2, 120 + 76 * row), 56, INK, WIDTH - 2 * MARGIN, anchor="ma")
    _paste_code(image, words.url, middle=580, side=520)
    line(draw, WORDS[words.language]["card"], (WIDTH // 2, 868), 32, INK, WIDTH - 2 * MARGIN, anchor="ma")
    line(draw, words.store, (WIDTH // 2, 922), 26, QUIET, WIDTH - 2 * MARGIN, anchor="ma")
    picture = io.BytesIO()
    image.save(picture, format="PNG", compress_level=2)
    return picture.getvalue()


def _badge(image: Image.Image) -> None:
    right = WIDTH - MARGIN
    pill(image, (right - 110, 60, right, 108), ACCENT)
    pill(image, (right - 92, 77, right - 78, 91), PAPER)
    ImageDraw.Draw(image).text((right - 66, 84), "LIVE", PAPER, font_of(BUNDLED, 0, 24), anchor="lm")


def _inviter(image: Image.Image, words: PosterText) -> None:
    """A disc with the name's first character, and who invites."""
    draw, said = ImageDraw.Draw(image), WORDS[words.language]
    face = face_for(words.inviter)
    name = drawable(words.inviter, face)
    if not name:
        line(draw, said["welcome"], (WIDTH // 2, 560), 40, INK, WIDTH - 2 * MARGIN, anchor="ma")
        return
    pill(image, (MARGIN, 544, MARGIN + 96, 640), ACCENT)
    draw.text((MARGIN + 48, 592), name[0], PAPER, font_of(*face, 48), anchor="mm")
    line(draw, said["invites"].format(name=name), (MARGIN + 124, 570), 34, INK, WIDTH - 2 * MARGIN - 124)


def _paste_code(image: Image.Image, url: str, middle: int = 872, side: int = 420) -> None:
    """At most `side` pixels wide, around a height."""
    code = segno.make(url, error="m", micro=False)
    modules = int(code.symbol_size(border=2)[0])
    scale = side // modules
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=scale, border=2, dark=INK, light=PAPER)
    with Image.open(picture) as square:
        image.paste(square.convert("RGB"), ((WIDTH - modules * scale) // 2, middle - modules * scale // 2))
