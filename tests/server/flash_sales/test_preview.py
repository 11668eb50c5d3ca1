"""What a chat shows of a proof that is shared."""

from __future__ import annotations

import io
import time

import msgspec
import pytest
from PIL import Image

import server.reactions  # noqa: F401
from server.flash_sales import preview, selling
from server.flash_sales.preview import Preview
from server.kit import link_card
from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.orders import paying
from tests.server.flash_sales.test_claims import tap
from tests.server.shop import Shop

SOLD_OUT = Preview(
    brand="清茶里",
    title="龙井礼盒",
    state="closed",
    price_minor=2990,
    most_minor=2990,
    was_minor=5990,
    image=None,
    offered=100,
    held=0,
    sold=100,
    oversold=0,
)


def changed(**changes: object) -> Preview:
    return msgspec.structs.replace(SOLD_OUT, **changes)


def webp() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "#00ff00").save(out, "WEBP")
    return out.getvalue()


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (SOLD_OUT, "100 件全部售出，超卖 0 件，件件有账，流水可查。"),
        (changed(sold=88, held=2), "售出 88 / 100 件，待付款 2 件，超卖 0 件，件件有账，流水可查。"),
        (changed(sold=0), "共 100 件，没有售出，超卖 0 件，件件有账，流水可查。"),
        (changed(sold=101, oversold=1), "100 件全部售出，超卖 1 件，件件有账，流水可查。"),
        (changed(state="open", sold=0), "正在抢购，共 100 件，结束后这里公布每一件的去向。"),
        (changed(state="scheduled", sold=0), "还没开始，共 100 件，结束后这里公布每一件的去向。"),
        (changed(language="en"), "All 100 sold. 0 oversold. Every unit is accounted for in the ledger."),
    ],
)
def test_a_few_words_say_what_is_settled(shown, said):
    assert shown.description == said


def test_the_price_is_what_the_sale_asked_and_what_was_usual():
    assert (SOLD_OUT.price, SOLD_OUT.was) == ("¥29.90", "¥59.90")
    assert (changed(most_minor=3990).price, changed(was_minor=2990).was) == ("¥29.90 起", "")
    assert changed(price_minor=129900, most_minor=129900).price == "¥1,299"


@pytest.mark.parametrize("product", [None, webp(), b"no picture"])
@pytest.mark.parametrize(
    "shown",
    [
        SOLD_OUT,
        changed(state="open", sold=0, language="en"),
        changed(title="直" * 80, brand="", held=3, sold=90),
        changed(title="🔥", was_minor=None, most_minor=99_999_999, offered=1_000_000, sold=1),
    ],
)
def test_any_sale_makes_a_picture_of_the_size_promised(shown, product):
    made = Image.open(io.BytesIO(preview.draw(shown, product)))
    assert (made.format, made.size, made.size) == ("PNG", link_card.SIZE, (1200, 630))


def test_the_product_is_in_the_picture_where_it_has_one():
    made = Image.open(io.BytesIO(preview.draw(SOLD_OUT, webp()))).convert("RGB")
    red, green, blue = made.getpixel((link_card.WIDTH - link_card.MARGIN - 180, 240))
    assert green > 200 > 60 > max(red, blue)


def test_a_picture_is_made_in_300_ms():
    preview.draw(SOLD_OUT, webp())
    preview.draw.cache_clear()
    started = time.process_time()
    preview.draw(SOLD_OUT, webp())
    assert time.process_time() - started < 0.3


async def of(shop: Shop, sale_id) -> Preview:
    async with shop.database.transaction() as session:
        found = await preview.of_sale(session, sale_id)
        assert found is not None
        return found


async def test_a_sale_that_runs_looks_the_same_whatever_is_claimed_and_tells_when_it_is_over(shop, desk, lay):
    sale_id = await shop.sale(3)
    await lay(sale_id)
    before = await of(shop, sale_id)
    assert (before.outcome, before.title) == ("正在抢购，共 3 件", "Longjing")
    crowd = await shop.members(2)
    orders = [await tap(desk, shop, sale_id, member) for member in crowd]
    assert (await of(shop, sale_id)).etag == before.etag
    async with shop.database.transaction() as session:
        await paying.book_payment(session, orders[0].order_id, 2990, utc_now())
        sale = await selling.get(session, shop.brand_id, shop.room_id, sale_id)
        await selling.close(session, sale, "called", utc_now())
    after = await of(shop, sale_id)
    assert (after.offered, after.sold, after.held, after.oversold) == (3, 1, 1, 0)
    assert after.etag != before.etag
    async with shop.database.transaction() as session:
        assert await preview.of_sale(session, uuid7()) is None
