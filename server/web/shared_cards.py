"""The pictures of shared links that aren't a product's own."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import shelf_codes
from server.attribution.shelf_codes import ShelfProduct
from server.catalog import service as catalog
from server.kit import link_card
from server.kit.lettering import line
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.link_card import FOOT, MARGIN, MONEY, QUIET, WIDTH, LinkCard
from server.kit.money import shown_money
from server.kit.problems import NotFound
from server.kit.settings import Settings
from server.rooms import preview

CARDS_PER_MINUTE = 120
"""For one address: each may cost a drawing."""


@get("/share/rooms/{room_id:uuid}/card.png", dependencies=LIMITED, include_in_schema=False)
async def room_card(
    request: Request[Any, Any, Any],
    room_id: UUID,
    session: AsyncSession,
    limiter: Limiter,
    language: preview.Language = "zh-CN",
) -> Response[bytes]:
    """1,200×630, for the head of the room's page."""
    await limiter.take("room cards", address_of(request), CARDS_PER_MINUTE, 60)
    shown = await preview.of_room(session, room_id, language)
    if shown is None:
        raise NotFound

    async def draw() -> bytes:
        return await preview.card(shown, await catalog.picture(session, shown.image) if shown.image else None)

    return await link_card.answer(request, shown.etag, draw)


FROM: dict[preview.Language, str] = {"zh-CN": "{price} 起", "en": "from {price}"}
DRAWN = 1
"""Goes up when the drawing of products changes."""


def price_of(product: ShelfProduct, language: preview.Language) -> str:
    prices = sorted({sku.price_minor for sku in product.skus})
    shown = shown_money(prices[0]) if prices else ""
    return FROM[language].format(price=shown) if len(prices) > 1 else shown


def tag_of(product: ShelfProduct) -> str:
    """An ETag, apart from the language."""
    looks = (DRAWN, product.brand, product.title, product.store.name, price_of(product, "en"))
    return f'"{hashlib.blake2b(msgspec.json.encode(looks), digest_size=12).hexdigest()}"'


@get("/share/shelf-codes/{code:str}/card.png", dependencies=LIMITED, include_in_schema=False)
async def product_card(
    request: Request[Any, Any, Any],
    code: Annotated[str, Parameter(max_length=64)],
    session: AsyncSession,
    settings: Settings,
    limiter: Limiter,
    language: preview.Language = "zh-CN",
) -> Response[bytes]:
    """1,200×630, of a product without a picture, for whoever has a store's code for it."""
    await limiter.take("product cards", address_of(request), CARDS_PER_MINUTE, 60)
    product = await shelf_codes.show(session, settings.secret, code)
    shown = (product.brand, product.title, price_of(product, language), product.store.name)
    return await link_card.answer(request, tag_of(product), lambda: link_card.drawn(draw_product, *shown))


@lru_cache(maxsize=64)
def draw_product(brand: str, title: str, price: str, store: str) -> bytes:
    card = LinkCard(brand, title, None, size=72)
    line(card.pen, price, (MARGIN, card.below + 24), 64, MONEY, card.room)
    line(card.pen, store, (MARGIN, FOOT), 32, QUIET, WIDTH - 2 * MARGIN, anchor="lm")
    return card.png()


ROUTES = [room_card, product_card]
