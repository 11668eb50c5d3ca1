"""Products: made by hand or from a merchant's list, priced, pictured, and read as cards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import func, or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import wrong
from server.catalog import pictures, rules
from server.catalog.facts import (
    NewPrice,
    NewSku,
    PricesChanged,
    ProductChanged,
    ProductCreated,
    SkusAdded,
)
from server.catalog.models import Picture, Product, Sku
from server.kit.facts import record
from server.kit.ids import readable_code
from server.kit.paging import PAGE, before
from server.kit.problems import Conflict, NotFound

CATALOG_LOCK = 0x5F0C_0200


class SkuCodeTaken(Conflict):
    """`codes`: those that other SKUs of the brand have."""

    slug, title = "sku-code-taken", "Another SKU of this brand has this code"


class SkuDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`stock` units are booked into headquarters' pool; without a `code` it gets a random one."""

    title: str = ""
    price_minor: int
    was_minor: int | None = None
    stock: int = 0
    code: str = ""


class SkuChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out stays as it is; `was_minor=None` takes the struck-out price away."""

    sku_id: UUID
    title: str | UnsetType = UNSET
    price_minor: int | UnsetType = UNSET
    was_minor: int | UnsetType | None = UNSET


class SkuView(msgspec.Struct, frozen=True):
    sku_id: UUID
    code: str
    title: str
    price_minor: int
    was_minor: int | None
    free: int

    @classmethod
    def of(cls, sku: Sku, free: int) -> Self:
        return cls(sku.id, sku.code, sku.title, sku.price_minor, sku.was_minor, free)


class ProductView(msgspec.Struct, frozen=True):
    product_id: UUID
    title: str
    description: str
    image: str | None
    skus: list[SkuView]
    created_at: datetime


class SkuLine(msgspec.Struct, frozen=True):
    """One SKU as a line of a sale: `title` names product and variant, `image` is the picture's hash."""

    sku_id: UUID
    product_id: UUID
    title: str
    image: str | None
    price_minor: int
    was_minor: int | None


def image_url(sha256: str | None) -> str | None:
    return f"/images/{sha256}.webp" if sha256 else None


# Writing


async def create_product(
    session: AsyncSession, brand_id: UUID, title: str, skus: Sequence[SkuDraft], description: str = ""
) -> Product:
    """Raises `SkuCodeTaken` (409), `Invalid` (422)."""
    await one_writer_at_a_time(session, brand_id)
    product = Product(brand_id=brand_id, title=rules.title(title), description=rules.description(description))
    session.add(product)
    await session.flush()
    new = await _write(session, product, [], skus)
    await record(session, ProductCreated(brand_id=brand_id, product_id=product.id, skus=new))
    return product


async def add_skus(session: AsyncSession, product: Product, skus: Sequence[SkuDraft]) -> None:
    """New variants of a product. Raises `SkuCodeTaken` (409), `Invalid` (422)."""
    await one_writer_at_a_time(session, product.brand_id)
    new = await _write(session, product, await skus_of(session, [product.id]), skus)
    await record(session, SkusAdded(brand_id=product.brand_id, product_id=product.id, skus=new))


async def change_product(
    session: AsyncSession,
    product: Product,
    *,
    title: str | None = None,
    description: str | None = None,
    skus: Sequence[SkuChange] = (),
) -> None:
    """All or nothing. Raises `NotFound` (404) for a SKU of another product, `Invalid` (422)."""
    was = (product.title, product.description)
    if title is not None:
        product.title = rules.title(title)
    if description is not None:
        product.description = rules.description(description)
    own = {sku.id: sku for sku in await skus_of(session, [product.id])}
    renamed, prices = False, []
    for to in skus:
        sku = own.get(to.sku_id)
        if sku is None:
            raise NotFound("The product has no such SKU", sku_id=to.sku_id)
        if not isinstance(to.title, UnsetType):
            renamed |= sku.title != (sku_title := rules.variant(to.title))
            sku.title = sku_title
        prices.append(price(sku, to.price_minor, to.was_minor))
    await session.flush()  # reactions read the tables
    await tell_prices(session, product.brand_id, prices)
    if renamed or was != (product.title, product.description):
        await record(session, ProductChanged(brand_id=product.brand_id, product_id=product.id))


def price(
    sku: Sku, price_minor: int | UnsetType, was_minor: int | UnsetType | None = UNSET
) -> NewPrice | None:
    """What is another now, for `tell_prices` once all are flushed."""
    to_price = sku.price_minor if isinstance(price_minor, UnsetType) else price_minor
    to_was = sku.was_minor if isinstance(was_minor, UnsetType) else was_minor
    if (to_price, to_was) == (sku.price_minor, sku.was_minor):
        return None
    previous, sku.price_minor, sku.was_minor = sku.price_minor, to_price, to_was
    return NewPrice(
        product_id=sku.product_id,
        sku_id=sku.id,
        price_minor=to_price,
        was_minor=to_was,
        previous_minor=previous,
    )


async def tell_prices(session: AsyncSession, brand_id: UUID, prices: Iterable[NewPrice | None]) -> None:
    if changed := [new for new in prices if new is not None]:
        await record(session, PricesChanged(brand_id=brand_id, prices=changed))


async def set_picture(session: AsyncSession, product: Product, sha256: str, webp: bytes) -> None:
    """As `pictures.prepare` made it."""
    await keep_picture(session, sha256, webp)
    if product.image != sha256:
        product.image = sha256
        await session.flush()
        await record(session, ProductChanged(brand_id=product.brand_id, product_id=product.id))


async def keep_picture(session: AsyncSession, sha256: str, webp: bytes) -> None:
    await session.execute(
        insert(Picture).values(**Picture(sha256=sha256, body=webp).model_dump()).on_conflict_do_nothing()
    )


async def picture_product(session: AsyncSession, product: Product, body: bytes) -> None:
    """Any picture file's bytes, at most 10 MB. Raises `UnreadablePicture` (422)."""
    await set_picture(session, product, *await pictures.prepare(body))


# Reading


async def get(session: AsyncSession, brand_id: UUID, product_id: UUID) -> Product:
    """Raises `NotFound` (404)."""
    product = await session.get(Product, product_id)
    if product is None or product.brand_id != brand_id:
        raise NotFound
    return product


async def listing(
    session: AsyncSession, brand_id: UUID, query: str | None, cursor: str | None
) -> Sequence[Product]:
    """A page and one more, newest first; `query` is looked for in titles and codes."""
    asked = select(Product).where(col(Product.brand_id) == brand_id)
    if last := before(cursor):
        asked = asked.where(col(Product.id) < last)
    if query and query.strip():
        words = query.strip()
        coded = select(Sku.product_id).where(
            col(Sku.brand_id) == brand_id, col(Sku.code).icontains(words, autoescape=True)
        )
        asked = asked.where(
            or_(col(Product.title).icontains(words, autoescape=True), col(Product.id).in_(coded))
        )
    return (await session.exec(asked.order_by(col(Product.id).desc()).limit(PAGE + 1))).all()


async def views(session: AsyncSession, products: Sequence[Product]) -> list[ProductView]:
    """With what headquarters has of each SKU, free to sell."""
    all_skus = await skus_of(session, [product.id for product in products])
    skus = _by_product(all_skus)
    free = await _free_at_headquarters(session, [sku.id for sku in all_skus])
    return [
        ProductView(
            product_id=product.id,
            title=product.title,
            description=product.description,
            image=image_url(product.image),
            skus=[SkuView.of(sku, free.get(sku.id, 0)) for sku in skus.get(product.id, [])],
            created_at=product.created_at,
        )
        for product in products
    ]


# A table of an upper layer is read here by name, not by import: a list of products without its stock helps nobody.
_FREE = text(
    "SELECT sku_id, free FROM stock_balance WHERE pool = 'headquarters' AND sku_id = ANY(CAST(:skus AS uuid[]))"
)


async def _free_at_headquarters(session: AsyncSession, sku_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await session.execute(_FREE, {"skus": list(sku_ids)})
    return {row[0]: row[1] for row in rows}


async def lines(session: AsyncSession, brand_id: UUID, sku_ids: Sequence[UUID]) -> dict[UUID, SkuLine]:
    """Those of the brand, by SKU."""
    asked = (
        select(Sku, Product)
        .join(Product, col(Product.id) == col(Sku.product_id))
        .where(col(Sku.brand_id) == brand_id, col(Sku.id).in_(set(sku_ids)))
    )
    return {
        sku.id: SkuLine(
            sku.id,
            product.id,
            f"{product.title} · {sku.title}" if sku.title else product.title,
            product.image,
            sku.price_minor,
            sku.was_minor,
        )
        for sku, product in (await session.exec(asked)).all()
    }


async def picture(session: AsyncSession, sha256: str) -> bytes | None:
    asked = select(Picture.body).where(col(Picture.sha256) == sha256)
    return (await session.exec(asked)).first()


async def missing_pictures(session: AsyncSession, sha256s: Sequence[str]) -> set[str]:
    """Those that were never kept."""
    asked = select(Picture.sha256).where(col(Picture.sha256).in_(sha256s))
    return set(sha256s) - set((await session.exec(asked)).all())


async def skus_of(session: AsyncSession, product_ids: Sequence[UUID]) -> Sequence[Sku]:
    asked = select(Sku).where(col(Sku.product_id).in_(set(product_ids)))
    return (await session.exec(asked.order_by(col(Sku.position), col(Sku.id)))).all()


# Within, and for the import beside


async def one_writer_at_a_time(session: AsyncSession, brand_id: UUID) -> None:
    """Codes are looked up and then taken: new SKUs of a brand are written by one transaction at a time."""
    await session.execute(select(func.pg_advisory_xact_lock(CATALOG_LOCK, func.hashtext(str(brand_id)))))


def new_sku(product: Product, draft: SkuDraft, position: int) -> Sku:
    return Sku(
        brand_id=product.brand_id,
        product_id=product.id,
        code=rules.code(draft.code) or readable_code(10),
        title=rules.variant(draft.title),
        price_minor=draft.price_minor,
        was_minor=draft.was_minor,
        position=position,
    )


async def _write(
    session: AsyncSession, product: Product, own: Sequence[Sku], drafts: Sequence[SkuDraft]
) -> list[NewSku]:
    if not drafts or len(own) + len(drafts) > rules.MOST_SKUS:
        raise wrong("skus", f"1 to {rules.MOST_SKUS} of a product")
    await _must_be_free(session, product.brand_id, [code for d in drafts if (code := rules.code(d.code))])
    skus = [new_sku(product, draft, position) for position, draft in enumerate(drafts, start=len(own))]
    session.add_all(skus)
    await session.flush()
    return [NewSku(sku.id, draft.stock) for sku, draft in zip(skus, drafts, strict=True)]


async def _must_be_free(session: AsyncSession, brand_id: UUID, codes: Sequence[str]) -> None:
    taken = {code for code in codes if codes.count(code) > 1}
    asked = select(Sku.code).where(col(Sku.brand_id) == brand_id, col(Sku.code).in_(codes))
    taken |= set((await session.exec(asked)).all())
    if taken:
        raise SkuCodeTaken(codes=sorted(taken))


def _by_product(skus: Iterable[Sku]) -> dict[UUID, list[Sku]]:
    found: dict[UUID, list[Sku]] = {}
    for sku in skus:
        found.setdefault(sku.product_id, []).append(sku)
    return found
