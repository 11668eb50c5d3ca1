"""What happened to products."""

from __future__ import annotations

from uuid import UUID

import msgspec

from server.kit.facts import Fact


class NewSku(msgspec.Struct, frozen=True):
    """`stock` units wait to be booked into headquarters' pool."""

    sku_id: UUID
    stock: int


class ProductCreated(Fact, kw_only=True, frozen=True, tag="catalog.product_created"):
    product_id: UUID
    skus: list[NewSku]


class SkusAdded(Fact, kw_only=True, frozen=True, tag="catalog.skus_added"):
    """New variants of a product that was there before."""

    product_id: UUID
    skus: list[NewSku]


class ProductChanged(Fact, kw_only=True, frozen=True, tag="catalog.product_changed"):
    """Its title, description or picture is another now."""

    product_id: UUID


class SkuPriced(Fact, kw_only=True, frozen=True, tag="catalog.sku_priced"):
    product_id: UUID
    sku_id: UUID
    price_minor: int
    was_minor: int | None
    previous_minor: int
