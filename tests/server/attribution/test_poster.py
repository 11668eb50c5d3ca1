from __future__ import annotations

import io
import time
import xml.etree.ElementTree as ET

import msgspec
import pytest
import segno
from PIL import Image
from sqlalchemy import insert, text

from server.attribution import campaigns, inviting, poster_template
from server.attribution.poster import Goods, PosterPictures, PosterText, poster_png
from server.catalog import pictures
from server.catalog import service as catalog
from server.flash_sales.models import FlashSale, FlashSaleLine
from server.kit import lettering, qr
from server.kit.clock import utc_now
from server.kit.ids import uuid7
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


# The brand's template, faces and goods


def webp(colour: str, size: tuple[int, int] = (400, 300), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, "WEBP", lossless=True)
    return out.getvalue()


def near(seen, wanted: str, by: int = 6) -> bool:
    return all(abs(a - int(wanted[at : at + 2], 16)) <= by for a, at in zip(seen, (1, 3, 5), strict=True))


def shown(words: PosterText = WORDS, **pictures: bytes) -> Image.Image:
    return Image.open(io.BytesIO(poster_png(words, PosterPictures(**pictures)))).convert("RGB")


def test_the_code_on_the_poster_is_the_links_to_the_module():
    made = shown(replaced(goods=GOODS, colour="#0a6b3d"), background=webp("#ddbb44"))
    modules = [[bool(dark) for dark in row] for row in segno.make(WORDS.url, error="m", micro=False).matrix]
    side = len(modules) + 4
    scale = 420 // side
    left, top = (750 - side * scale) // 2, 872 - side * scale // 2
    read = [
        [
            made.getpixel((left + (x + 2) * scale + scale // 2, top + (y + 2) * scale + scale // 2))[0] < 128
            for x in range(len(modules))
        ]
        for y in range(len(modules))
    ]
    assert read == modules


GOODS = Goods("明前龙井 250 克礼盒装", "a" * 64, "¥199", True)


def test_the_brands_colour_fills_the_top_and_words_on_it_are_readable():
    dark, light = shown(replaced(colour="#0a6b3d")), shown(replaced(colour="#ffe9a8"))
    assert near(dark.getpixel((700, 480)), "#0a6b3d")
    assert near(light.getpixel((700, 480)), "#ffe9a8")
    title = (60, 150, 690, 240)
    assert max(pixel[0] for pixel in dark.crop(title).get_flattened_data()) > 240  # white letters
    assert min(pixel[0] for pixel in light.crop(title).get_flattened_data()) < 40  # ink letters


def test_the_background_is_dimmed_under_the_words_and_ends_above_the_code():
    made = shown(background=webp("#80ff80", (1600, 900)))
    red, green, blue = made.getpixel((700, 480))
    assert (60 < red < 90, 140 < green < 160, 60 < blue < 90) == (True, True, True)
    assert made.getpixel((20, 700)) == (255, 255, 255)


def test_a_face_is_round_and_stands_where_the_disc_was():
    disc, face = shown(), shown(face=webp("#3366cc"))
    assert near(disc.getpixel((108, 556)), "#ff2f55")
    assert near(face.getpixel((108, 556)), "#3366cc")
    assert near(face.getpixel((108, 592)), "#3366cc")
    assert face.getpixel((62, 546)) == (255, 255, 255)


def test_a_logo_that_can_be_seen_through_stands_beside_the_brand():
    made = shown(logo=webp("#00cc00", (300, 100), "RGBA"))
    assert near(made.getpixel((80, 84)), "#00cc00")
    assert made.getpixel((80, 130)) == (0x14, 0x16, 0x1A)


def test_goods_are_shown_with_picture_title_and_the_shows_price():
    made = shown(replaced(goods=GOODS), goods=webp("#cc8800"))
    assert near(made.getpixel((146, 390)), "#cc8800")
    card = made.crop((240, 400, 690, 460)).get_flattened_data()
    assert sum(near(pixel, "#ff2f55") for pixel in card) > 300
    plain = shown(replaced(goods=Goods(GOODS.title, None, "¥199", False)))
    assert plain.tobytes() != made.tobytes()


@pytest.mark.parametrize("picture", [b"", b"no picture", webp("#000000")[:40]])
def test_a_picture_that_cannot_be_read_is_left_out(picture):
    assert shown(face=picture, background=picture, logo=picture).tobytes() == shown().tobytes()


def test_a_long_name_shrinks_before_it_is_cut():
    short, long = (lettering.width_of("王小美" * n, 36) for n in (1, 8))
    assert short < 500 < long
    assert shown(replaced(inviter="王小美" * 8)).getpixel((689, 570)) is not None
    edge = shown(replaced(inviter="王小美" * 40)).crop((691, 540, 750, 640))
    assert edge.getextrema() == ((255, 255),) * 3  # nothing runs over the margin


def test_the_dearest_poster_is_made_in_300_ms():
    four = PosterPictures(
        background=noise((1600, 1067)),
        face=noise((400, 400)),
        logo=noise((300, 100)),
        goods=noise((800, 800)),
    )
    words = replaced(goods=GOODS, colour="#0a6b3d")
    poster_png(words, four)
    poster_png.cache_clear()
    started = time.process_time()
    poster_png(words, four)
    took = time.process_time() - started
    print(f"a poster with four pictures: {took * 1000:.0f} ms of a core")
    assert took < 0.3


def noise(size: tuple[int, int]) -> bytes:
    """As a photo: every pixel is another."""
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, "WEBP", quality=82)
    return out.getvalue()


async def test_a_change_of_template_or_face_shows_at_the_next_look(scene, shop):
    code = await scene.invite(scene.guide)
    path = f"/api/invitations/{code}/poster.png"
    first = await scene.get(None, path)
    tag = {"If-None-Match": first.headers["etag"]}
    async with scene.served.as_(None) as client:
        assert (await client.get(path, headers=tag)).status_code == 304
    async with shop.database.transaction() as session:
        await poster_template.put(session, shop.brand_id, poster_template.Template(colour="#0a6b3d"))
    async with scene.served.as_(None) as client:
        second = await client.get(path, headers=tag)
    assert second.status_code == 200
    assert near(Image.open(io.BytesIO(second.content)).getpixel((700, 480)), "#0a6b3d")
    sha256, body = await pictures.prepare(webp("#3366cc"), 400)
    async with shop.database.transaction() as session:
        await catalog.keep_picture(session, sha256, body)
        await session.execute(
            text("UPDATE account SET face = :face WHERE id = :id"), {"face": sha256, "id": shop.guide_id}
        )
    third = await scene.get(None, path)
    assert near(Image.open(io.BytesIO(third.content)).convert("RGB").getpixel((108, 556)), "#3366cc", 12)


async def test_a_campaigns_poster_shows_its_goods_at_the_shows_price_until_it_ends(scene, shop):
    async with shop.database.transaction() as session:
        sku = text("SELECT product_id FROM sku WHERE id = :id")
        product_id = (await session.execute(sku, {"id": shop.sku_id})).scalar_one()
        new = campaigns.NewCampaign(name="Spring", product_id=product_id, colour="#0a6b3d")
        campaign = await campaigns.make(session, shop.owner, new, scene.now)
        code = await inviting.invite(
            session, scene.secret, scene.guide, shop.room_id, "", scene.now, campaign.campaign_id
        )

    async def words():
        async with shop.database.transaction() as session:
            return await poster_template.of_link(session, scene.secret, code, "u", "zh-CN", scene.now)

    said = await words()
    assert (said.colour, said.goods.price, said.goods.on_sale) == ("#0a6b3d", "¥99", False)
    await sell(shop, product_id, 5990)
    assert ((await words()).goods.price, (await words()).goods.on_sale) == ("¥59.90", True)
    async with shop.database.transaction() as session:
        await campaigns.end(session, shop.owner, campaign.campaign_id, scene.now)
    assert ((await words()).colour, (await words()).goods) == (None, None)


async def sell(shop, product_id, price_minor) -> None:
    """A flash sale in the shop's room, as the tables have it: its package stands above this one."""
    async with shop.database.transaction() as session:
        sale_id, values = uuid7(), {"brand_id": shop.brand_id, "room_id": shop.room_id}
        await session.execute(
            insert(FlashSale).values(
                id=sale_id, title="", state="open", duration_seconds=60, created_at=utc_now(), **values
            )
        )
        balance = text("SELECT id FROM stock_balance WHERE sku_id = :id LIMIT 1")
        await session.execute(
            insert(FlashSaleLine).values(
                sale_id=sale_id,
                sku_id=shop.sku_id,
                product_id=product_id,
                title="",
                price_minor=price_minor,
                balance_id=(await session.execute(balance, {"id": shop.sku_id})).scalar_one(),
            )
        )
