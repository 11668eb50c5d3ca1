from __future__ import annotations

import io
import time
import xml.etree.ElementTree as ET

import msgspec
import pytest
from PIL import Image

from server.attribution.poster import PosterText, poster_png
from server.kit import lettering, qr
from server.kit.lettering import BUNDLED

WORDS = PosterText(
    url="https://shop.example/i/ABCDEFGHJKMNPQ",
    brand="清茶里",
    title="春茶首发直播夜：明前龙井、安吉白茶、金骏眉全场五折起",
    inviter="王晓喆",
    store="杭州西湖店",
)


def replaced(**changes: str) -> PosterText:
    return msgspec.structs.replace(WORDS, **changes)


def picture(words: PosterText) -> Image.Image:
    return Image.open(io.BytesIO(poster_png(words))).convert("RGB")


def test_a_poster_is_a_picture_of_the_size_promised():
    made = picture(WORDS)
    assert made.size == (750, 1200)
    assert made.getpixel((375, 504)) == (0xFF, 0x2F, 0x55)


def test_a_poster_is_made_in_300_ms():
    poster_png(WORDS)
    poster_png.cache_clear()
    started = time.process_time()
    poster_png(WORDS)
    assert time.process_time() - started < 0.3


@pytest.mark.parametrize("text", ["王晓喆", "繁體中文標題", "Crème Brûlée", "姓名：（李）", "¥29.90 起"])
def test_the_bundled_font_has_the_characters_of_names_and_titles(text):
    assert all(lettering.has(BUNDLED, 0, character) for character in text)


@pytest.mark.parametrize("character", ["🔥", "\U00012000", "\u0000", "\u202e", "\ue000"])
def test_what_no_font_has_is_left_out_and_never_a_square(character):
    assert (
        picture(replaced(title=f"春茶{character}首发")).tobytes()
        == picture(replaced(title="春茶首发")).tobytes()
    )


def test_text_with_rare_characters_is_whole_where_the_system_has_them():
    face = lettering.face_for("𠮷野")
    if face[0] == BUNDLED:
        assert lettering.drawable("𠮷野", face) == "野"
    else:
        assert lettering.drawable("𠮷野", face) == "𠮷野"


@pytest.mark.parametrize(
    "words",
    [
        {"inviter": "🔥"},
        {"inviter": "", "title": "", "store": "", "brand": ""},
        {"title": "直" * 400},
        {"title": "supercalifragilistic" * 20},
        {"inviter": "A very long name that goes on and on " * 3},
        {"url": "https://a-rather-long-merchant-name.shop.example:8443/i/ABCDEFGHJKMNPQ"},
        {"language": "en"},
    ],
)
def test_any_words_make_a_poster(words):
    assert picture(replaced(**words)).size == (750, 1200)


def test_long_titles_break_at_spaces_and_end_in_an_ellipsis():
    lines = lettering.wrapped("Spring harvest night: first flush from the West Lake hills", 64, 630, rows=3)
    assert lines[:2] == ["Spring harvest", "night: first flush"]
    assert len(lines) == 3


def test_the_code_is_a_picture_that_scales():
    root = ET.fromstring(qr.svg(WORDS.url))
    assert root.tag.endswith("svg")


async def test_pictures_come_over_http_and_may_be_kept_for_a_while(scene):
    code = await scene.invite(scene.guide)
    svg = await scene.get(None, f"/api/invitations/{code}/qr.svg")
    assert svg.headers["content-type"].startswith("image/svg+xml")
    ET.fromstring(svg.content)
    png = await scene.get(None, f"/api/invitations/{code}/poster.png", language="en")
    assert (png.status_code, png.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(png.content)).size == (750, 1200)
    for answer in (svg, png):
        assert "max-age" in answer.headers["cache-control"]
    wrong = await scene.get(None, f"/api/invitations/{code}/poster.png", language="fr")
    assert wrong.status_code == 422
