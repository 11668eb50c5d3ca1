"""What a basket costs, and what stands in its way: the one place where prices, delivery and discounts come together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog.service import image_url
from server.kit.principal import Principal
from server.members import service as members
from server.members.audience import must_take
from server.stock import service as stock
from server.stock.rules import pools_of


class Price(msgspec.Struct):
    sku_id: UUID
    title: str
    image: str | None
    price_minor: int


class Sums(msgspec.Struct, frozen=True):
    """In minor units; total = goods + delivery - discount."""

    goods_minor: int
    delivery_minor: int
    discount_minor: int
    total_minor: int


class Wanted(msgspec.Struct, frozen=True):
    """`seen_minor` is the price that the buyer was shown."""

    sku_id: UUID
    quantity: int
    seen_minor: int | None = None


class BasketLine(msgspec.Struct):
    """`problem` is what keeps this line from being ordered as it is; with `price-changed`, `price_minor` is the new
    one, with `out-of-stock`, `left` is what could be had. What is `not-sold` costs nothing."""

    sku_id: UUID
    title: str
    image: str | None
    quantity: int
    price_minor: int
    left: int
    problem: Literal["price-changed", "out-of-stock", "not-sold"] | None


class Basket(msgspec.Struct):
    """`sums` are of what is sold; a line that has a problem is to be changed before the basket is ordered."""

    lines: list[BasketLine]
    sums: Sums


def sums(prices: Mapping[UUID, Price], wanted: Sequence[Wanted]) -> Sums:
    """Delivery is free and there are no discounts yet. Pure."""
    goods = sum(prices[line.sku_id].price_minor * line.quantity for line in wanted if line.sku_id in prices)
    delivery = discount = 0
    return Sums(goods, delivery, discount, goods + delivery - discount)


async def basket(session: AsyncSession, member: Principal, room_id: UUID, wanted: Sequence[Wanted]) -> Basket:
    """What these lines would cost this member in the room now; nothing is held. Raises the refusals of the room's
    audience (403, 404)."""
    member_id = await members.present_id(session, member.id)
    await must_take(session, room_id, member_id)
    skus = [line.sku_id for line in wanted]
    prices = await on_shelf(session, member.brand_id, room_id, skus)
    store_id, guide_id, _ = await carriers(session, member_id, room_id)
    left = dict.fromkeys(skus, 0)  # an order is of one pool
    for pool in pools_of(member.brand_id, store_id, room_id, guide_id):
        for sku, free in (await stock.free(session, skus, [pool])).items():
            left[sku] = max(left[sku], free)
    return Basket(
        [_line(line, prices.get(line.sku_id), left[line.sku_id]) for line in wanted], sums(prices, wanted)
    )


def _line(wanted: Wanted, price: Price | None, left: int) -> BasketLine:
    if price is None:
        return BasketLine(wanted.sku_id, "", None, wanted.quantity, 0, 0, "not-sold")
    problem: Literal["price-changed", "out-of-stock"] | None = None
    if left < wanted.quantity:
        problem = "out-of-stock"
    elif wanted.seen_minor not in (None, price.price_minor):
        problem = "price-changed"
    return BasketLine(
        wanted.sku_id, price.title, image_url(price.image), wanted.quantity, price.price_minor, left, problem
    )


async def carriers(
    session: AsyncSession, member_id: UUID, room_id: UUID
) -> tuple[UUID | None, UUID | None, UUID | None]:
    """(store, guide, invitation link) that carry this member in the room."""
    rows = await session.execute(
        text(
            "SELECT coalesce(v.store_id, r.store_id), v.guide_id, v.link_id FROM room r "
            "LEFT JOIN visit v ON v.room_id = r.id AND v.member_id = :member_id WHERE r.id = :room_id"
        ),
        {"room_id": room_id, "member_id": member_id},
    )
    store_id, guide_id, link_id = rows.one()
    return store_id, guide_id, link_id


async def on_shelf(
    session: AsyncSession, brand_id: UUID, room_id: UUID, sku_ids: Sequence[UUID]
) -> dict[UUID, Price]:
    """Prices are the server's. Only what stands on the shelf of a room that is on can be bought there."""
    rows = await session.execute(
        text(
            """
            SELECT k.id, p.title || CASE WHEN k.title <> '' THEN ' · ' || k.title ELSE '' END, p.image, k.price_minor
            FROM sku k JOIN product p ON p.id = k.product_id
            JOIN shelf_item i ON i.product_id = p.id AND i.room_id = :room_id
            JOIN room r ON r.id = i.room_id AND r.state IN ('warming', 'live', 'paused')
            WHERE k.brand_id = :brand_id AND k.id = ANY(CAST(:skus AS uuid[])) AND k.price_minor > 0
            """
        ),
        {"brand_id": brand_id, "room_id": room_id, "skus": list(sku_ids)},
    )
    return {row[0]: Price(*row) for row in rows}


async def of_product(session: AsyncSession, brand_id: UUID, product_id: UUID) -> dict[UUID, Price]:
    """Prices of one product's SKUs, on whatever shelf it stands."""
    rows = await session.execute(
        text(
            """
            SELECT k.id, p.title || CASE WHEN k.title <> '' THEN ' · ' || k.title ELSE '' END, p.image, k.price_minor
            FROM sku k JOIN product p ON p.id = k.product_id
            WHERE p.id = :product_id AND k.brand_id = :brand_id AND k.price_minor > 0
            """
        ),
        {"brand_id": brand_id, "product_id": product_id},
    )
    return {row[0]: Price(*row) for row in rows}
