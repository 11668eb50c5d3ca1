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


class NewPrice(msgspec.Struct, frozen=True, kw_only=True):
    product_id: UUID
    sku_id: UUID
    price_minor: int
    was_minor: int | None
    previous_minor: int


class PricesChanged(Fact, kw_only=True, frozen=True, tag="catalog.prices_changed"):
    """All that one act changed."""

    prices: list[NewPrice]
