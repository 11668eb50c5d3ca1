"""A room in a few words and on a card."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image
from sqlalchemy import text

from server.catalog import pictures
from server.catalog import service as catalog
from server.catalog.models import Product
from server.kit import link_card
from server.kit.ids import uuid7
from server.rooms import preview
from server.rooms.preview import Preview
from tests.server.rooms.stage import Stage

LIVE = Preview(brand="清茶里", title="春茶上新", state="live", host="主播安安")


def colour_at(card: bytes, x: int, y: int) -> tuple[int, int, int]:
    with Image.open(io.BytesIO(card)) as opened:
        red, green, blue = opened.convert("RGB").getpixel((x, y))
        return red, green, blue


def squares(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("state", "language", "said"),
    [
        ("live", "zh-CN", "直播中"),
        ("planned", "zh-CN", "直播预告"),
        ("ended", "en", "The show is over"),
        ("", "en", ""),
    ],
)
def test_a_word_says_how_it_stands(state: str, language: preview.Language, said: str) -> None:
    assert msgspec.structs.replace(LIVE, state=state, language=language).said == said


@pytest.mark.parametrize(
    "shown",
    [
        LIVE,
        Preview(brand="清茶里"),
        Preview(brand="B" * 200, title="<b>&" * 80, host="H" * 200, state="ended"),
    ],
)
@pytest.mark.parametrize("photo", [None, b"no picture", squares("#00ff00")])
def test_a_card_is_drawn_of_whatever_there_is(shown: Preview, photo: bytes | None) -> None:
    with Image.open(io.BytesIO(preview.draw(shown, photo))) as card:
        assert (card.format, card.size) == ("PNG", link_card.SIZE)


def test_a_live_room_s_card_has_the_product_and_a_red_badge() -> None:
    card = preview.draw(LIVE, squares("#00ff00"))
    assert colour_at(card, link_card.WIDTH - link_card.MARGIN - 180, 240) == (0, 255, 0)
    assert colour_at(card, link_card.MARGIN + 12, link_card.FOOT) == (255, 0x2F, 0x55)


def test_another_look_has_another_tag() -> None:
    assert LIVE.etag != msgspec.structs.replace(LIVE, state="ended").etag


async def test_the_picture_is_of_what_is_pinned_else_of_the_first_that_has_one(stage: Stage) -> None:
    shop = stage.shop
    async with stage.session() as session:
        for place, colour in ((1, "red"), (2, "blue")):
            product = Product(id=uuid7(), brand_id=shop.brand_id, title=colour)
            session.add(product)
            await session.flush()
            await catalog.set_picture(session, product, *await pictures.prepare(squares(colour)))
            put = "INSERT INTO shelf_item (room_id, product_id, position) VALUES (:room, :product, :place)"
            await session.execute(text(put), {"room": shop.room_id, "product": product.id, "place": place})
            if colour == "red":
                first = product.image
        shown = await preview.of_room(session, shop.room_id)
        assert shown is not None
        assert (shown.title, shown.state, shown.image) == ("Spring tea", "live", first)
        pin = "UPDATE room SET pinned_ids = ARRAY[CAST(:product AS uuid)] WHERE id = :room"
        await session.execute(text(pin), {"room": shop.room_id, "product": product.id})
        pinned = await preview.of_room(session, shop.room_id)
        assert pinned is not None
        assert pinned.image == product.image != first


async def test_a_room_that_is_not_for_everybody_says_nothing_but_its_brand(stage: Stage) -> None:
    for audience in ("members", "invited"):
        room_id = await stage.room(state="live", audience=audience)
        async with stage.session() as session:
            assert await preview.of_room(session, room_id) == Preview(brand="Tea House")
    async with stage.session() as session:
        assert await preview.of_room(session, uuid7()) is None
