"""An invitation as a poster to send on (PNG, 750×1,200), a product's code as a card for a shelf (750×1,000)."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache

import msgspec
import segno
from PIL import Image, ImageDraw, ImageOps

from server.kit.lettering import drawable, face_for, font_of, line, pill, width_of, wrapped
from server.kit.qr import INK, PAPER

WIDTH, HEIGHT = 750, 1200
CARD_HEIGHT = 1000
MARGIN = 60
TOP, FACE = 500, 96
DRAWN = 1
"""Goes up when the drawing changes, so that copies kept elsewhere are asked for anew."""
QUIET, ACCENT = "#6b7280", "#ff2f55"

WORDS = {
    "zh-CN": {
        "invites": "邀请你来看直播",
        "planned": "直播预告",
        "show_price": "直播价",
        "welcome": "邀请你来看直播",
        "scan": "长按或扫码进入直播间",
        "card": "扫码看商品、下单",
    },
    "en": {
        "invites": "invites you to watch live",
        "planned": "COMING UP",
        "show_price": "Live price",
        "welcome": "Watch it live",
        "scan": "Scan to watch",
        "card": "Scan to see it and order",
    },
}


class Goods(msgspec.Struct, frozen=True):
    """What a poster shows to be had. `image` is the picture's hash; `on_sale`: the price is the show's own."""

    title: str
    image: str | None
    price: str
    on_sale: bool


class PosterText(msgspec.Struct, frozen=True, kw_only=True):
    """All that a poster says, and its pictures by their hashes: what is the same makes the same poster. `url` is what
    the code leads to, `state` the room's, `colour` `#rrggbb`."""

    url: str
    brand: str
    title: str
    inviter: str
    store: str
    language: str = "zh-CN"
    state: str = "live"
    colour: str | None = None
    logo: str | None = None
    background: str | None = None
    face: str | None = None
    goods: Goods | None = None

    @property
    def etag(self) -> str:
        return f'"{hashlib.blake2b(msgspec.json.encode((DRAWN, self)), digest_size=12).hexdigest()}"'


class PosterPictures(msgspec.Struct, frozen=True, kw_only=True):
    """Kept pictures (WebP), by what they are on the poster; one that can't be read is left out."""

    logo: bytes | None = None
    background: bytes | None = None
    face: bytes | None = None
    goods: bytes | None = None


NO_PICTURES = PosterPictures()


@lru_cache(maxsize=32)
def poster_png(words: PosterText, pictures: PosterPictures = NO_PICTURES) -> bytes:
    """Takes up to two hundred milliseconds of a core: call it in a thread."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    paper = _top(image, words, pictures)
    draw = ImageDraw.Draw(image)
    left = MARGIN + _logo(image, pictures.logo)
    line(draw, words.brand, (left, 84), 30, paper, WIDTH - MARGIN - 130 - left, anchor="lm")
    _badge(image, words)
    _title(draw, words, paper)
    if words.goods is not None:
        _goods(image, words, words.goods, pictures.goods)
    _inviter(image, words, pictures.face)
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


def _top(image: Image.Image, words: PosterText, pictures: PosterPictures) -> str:
    """The upper part: the brand's picture or colour, and a line under it. What colour reads on it."""
    draw, ground = ImageDraw.Draw(image), words.colour or INK
    draw.rectangle((0, 0, WIDTH, TOP - 1), fill=ground)
    draw.rectangle((0, TOP, WIDTH, TOP + 8), fill=words.colour or ACCENT)
    if (photo := opened(pictures.background)) is not None:
        photo = ImageOps.fit(photo, (WIDTH, TOP), Image.Resampling.BICUBIC)
        image.paste(Image.blend(photo, Image.new("RGB", photo.size, INK), 0.45), (0, 0))  # words stand on it
        return PAPER
    return PAPER if _is_dark(ground) else INK


def _is_dark(colour: str) -> bool:
    """White reads better on it than ink: its relative luminance (WCAG) is low."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (((v + 0.055) / 1.055) ** 2.4 if v > 0.04 else v / 12.92 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.25


def _logo(image: Image.Image, logo: bytes | None) -> int:
    """How much room it takes."""
    if (mark := opened(logo, "RGBA")) is None:
        return 0
    mark.thumbnail((220, 64), Image.Resampling.BICUBIC)
    image.paste(mark, (MARGIN, 84 - mark.height // 2), mask=mark)
    return mark.width + 20


def _badge(image: Image.Image, words: PosterText) -> None:
    """At the right: that it is live, or what else."""
    said = WORDS[words.language].get(words.state, "LIVE")
    ground, ink = (ACCENT, PAPER) if words.colour is None else (PAPER, ACCENT)
    right = WIDTH - MARGIN
    left = right - width_of(said, 24) - 62
    pill(image, (left, 60, right, 108), ground)
    pill(image, (left + 18, 77, left + 32, 91), ink)
    line(ImageDraw.Draw(image), said, (left + 44, 84), 24, ink, right - left, anchor="lm")


def _title(draw: ImageDraw.ImageDraw, words: PosterText, colour: str) -> None:
    """In three lines at most, in two smaller ones above goods; a short one may be large."""
    size, rows = (64, 3) if words.goods is None else (48, 2)
    step = size * 11 // 8
    for row, text in enumerate(wrapped(words.title or words.brand, size, WIDTH - 2 * MARGIN, rows=rows)):
        line(draw, text, (MARGIN, 150 + step * row), size, colour, WIDTH - 2 * MARGIN)


def _goods(image: Image.Image, words: PosterText, goods: Goods, photo: bytes | None) -> None:
    """A white card with picture, name and price."""
    draw, top, side = ImageDraw.Draw(image), 304, 148
    image.paste(
        PAPER, (MARGIN, top, WIDTH - MARGIN, top + side + 24), _rounded((WIDTH - 2 * MARGIN, side + 24), 20)
    )
    left, room = MARGIN + 24, WIDTH - 2 * MARGIN - 48
    if (shown := opened(photo)) is not None:
        shown = ImageOps.fit(shown, (side, side), Image.Resampling.BICUBIC)
        image.paste(shown, (MARGIN + 12, top + 12), _rounded((side, side), 12))
        left, room = left + side + 12, room - side - 12
    for row, text in enumerate(wrapped(goods.title, 28, room, rows=2)):
        line(draw, text, (left, top + 18 + 38 * row), 28, INK, room)
    label = WORDS[words.language]["show_price"] if goods.on_sale else ""
    if label:
        line(draw, label, (left, top + 144), 24, ACCENT, room, anchor="ls")
        left += width_of(label, 24) + 10
    line(draw, goods.price, (left, top + 144), 42, ACCENT, room, anchor="ls")


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    """A mask with smooth corners."""
    mask = Image.new("L", (2 * size[0], 2 * size[1]))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 2 * size[0] - 1, 2 * size[1] - 1), 2 * radius, 255)
    return mask.resize(size, Image.Resampling.BOX)


def _inviter(image: Image.Image, words: PosterText, photo: bytes | None) -> None:
    """Who invites: their face, or a disc with the name's first character."""
    draw, said = ImageDraw.Draw(image), WORDS[words.language]
    font = face_for(words.inviter)
    name = drawable(words.inviter, font)
    if not name:
        line(draw, said["welcome"], (WIDTH // 2, 560), 40, INK, WIDTH - 2 * MARGIN, anchor="ma")
        return
    colour = words.colour or ACCENT
    if (face := opened(photo)) is not None:
        round_ = ImageOps.fit(face, (FACE, FACE), Image.Resampling.BICUBIC)
        image.paste(round_, (MARGIN, 544), _rounded((FACE, FACE), FACE // 2))
    else:
        pill(image, (MARGIN, 544, MARGIN + FACE, 544 + FACE), colour)
        ink = PAPER if _is_dark(colour) or colour == ACCENT else INK
        draw.text((MARGIN + FACE // 2, 592), name[0], ink, font_of(*font, 48), anchor="mm")
    left, room = MARGIN + FACE + 28, WIDTH - 2 * MARGIN - FACE - 28
    size = next((size for size in (36, 32, 28) if width_of(name, size) <= room), 24)
    line(draw, name, (left, 570), size, INK, room, anchor="lm")
    line(draw, said["invites"], (left, 614), 26, QUIET, room, anchor="lm")


def opened(picture: bytes | None, mode: str = "RGB") -> Image.Image | None:
    if picture is None:
        return None
    try:
        with Image.open(io.BytesIO(picture), formats=("WEBP", "PNG", "JPEG")) as shown:
            return shown.convert(mode)
    except Exception:  # decoders trip over hostile bytes in every way there is
        return None


def _paste_code(image: Image.Image, url: str, middle: int = 872, side: int = 420) -> None:
    """At most `side` pixels wide, around a height."""
    code = segno.make(url, error="m", micro=False)
    modules = int(code.symbol_size(border=2)[0])
    scale = side // modules
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=scale, border=2, dark=INK, light=PAPER)
    with Image.open(picture) as square:
        image.paste(square.convert("RGB"), ((WIDTH - modules * scale) // 2, middle - modules * scale // 2))
