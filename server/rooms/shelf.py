"""A room's shelf: up to 200 products in order, shown as cards with what can be had of each now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from live.room import Phase
from server.catalog.service import image_url
from server.kit.facts import record
from server.kit.problems import Conflict, Invalid, NotFound
from server.rooms.facts import ProductPinned, ShelfChanged
from server.rooms.models import Room, ShelfItem
from server.rooms.rules import SHELF_SIZE
from server.stock import service as stock
from server.stock.rules import pools_of


class ShelfFull(Conflict):
    """`size` is how many products a shelf holds."""

    slug, title = "shelf-full", "The shelf is full"


class CardSku(msgspec.Struct):
    sku_id: UUID
    title: str
    price_minor: int
    free: int


class Card(msgspec.Struct):
    """`price_minor` is the cheapest variant's, `was_minor` its struck-out price. `image` is a path of this site."""

    product_id: UUID
    title: str
    image: str | None
    price_minor: int
    was_minor: int | None
    skus: list[CardSku]
    position: int


class Pins(msgspec.Struct):
    """What the host shows: `pinned` in front, `beside` it up to two more, the newest first."""

    pinned: Card | None
    beside: list[Card]


_CARDS = text(
    """
    SELECT p.id, p.title, p.image, i.position,
           array_agg(k.id ORDER BY k.position, k.id) AS sku_ids,
           array_agg(k.title ORDER BY k.position, k.id) AS sku_titles,
           array_agg(k.price_minor ORDER BY k.position, k.id) AS prices,
           array_agg(k.was_minor ORDER BY k.position, k.id) AS was
    FROM shelf_item i JOIN product p ON p.id = i.product_id JOIN sku k ON k.product_id = p.id
    WHERE i.room_id = :room_id AND (CAST(:ids AS uuid[]) IS NULL OR p.id = ANY(CAST(:ids AS uuid[])))
    GROUP BY p.id, i.position ORDER BY i.position, p.id
    """
)


async def cards(session: AsyncSession, room: Room, product_ids: Sequence[UUID] | None = None) -> list[Card]:
    """The shelf in order (two queries), or some products of it. `free` is what this room can sell: headquarters' units,
    what was set aside for it and, in a store's own room, that store's."""
    ids = None if product_ids is None else list(product_ids)
    rows = (await session.execute(_CARDS, {"room_id": room.id, "ids": ids})).all()
    if not rows:
        return []
    pools = pools_of(room.brand_id, room.store_id, room.id)
    free = await stock.free(session, [sku for row in rows for sku in row.sku_ids], pools)
    return [_card(row, free) for row in rows]


def _card(row: Any, free: dict[UUID, int]) -> Card:
    price_minor, cheapest = min((price, index) for index, price in enumerate(row.prices))
    variants = zip(row.sku_ids, row.sku_titles, row.prices, strict=True)
    return Card(
        product_id=row.id,
        title=row.title,
        image=image_url(row.image),
        price_minor=price_minor,
        was_minor=row.was[cheapest],
        skus=[CardSku(sku_id, title, price, free[sku_id]) for sku_id, title, price in variants],
        position=row.position,
    )


def pins(room: Room, shelf: Sequence[Card]) -> Pins:
    """What is pinned of these cards."""
    standing = {card.product_id: card for card in shelf}
    shown = [standing[product_id] for product_id in room.pinned_ids if product_id in standing]
    return Pins(shown[0] if shown else None, shown[1:])


async def pinned(session: AsyncSession, room: Room) -> Pins:
    return pins(room, await cards(session, room, room.pinned_ids) if room.pinned_ids else [])


async def tell_pins(session: AsyncSession, room: Room, pins: Pins) -> None:
    """The room hears of all that is pinned as it is now."""
    told = msgspec.to_builtins(pins)
    fact = ProductPinned(brand_id=room.brand_id, room_id=room.id, card=told["pinned"], beside=told["beside"])
    await record(session, fact)


async def must_hold(session: AsyncSession, room_id: UUID, product_id: UUID) -> None:
    """Raises `NotFound` for a product that does not stand on the shelf."""
    found = await session.execute(
        text("SELECT 1 FROM shelf_item WHERE room_id = :room_id AND product_id = :product_id"),
        {"room_id": room_id, "product_id": product_id},
    )
    if found.first() is None:
        raise NotFound


async def add(session: AsyncSession, room: Room, product_id: UUID) -> list[Card]:
    """Put a product last; one that stands there already stays where it is. The room's row is locked by the caller.

    Raises `NotFound` (another brand's product), `ShelfFull` (409).
    """
    await must_be_ours(session, room.brand_id, [product_id])
    here = await standing(session, room.id)
    if product_id in here:
        return await cards(session, room)
    if len(here) >= SHELF_SIZE:
        raise ShelfFull(size=SHELF_SIZE)
    await put_last(session, room, [product_id])
    return await tell(session, room)


async def standing(session: AsyncSession, room_id: UUID) -> set[UUID]:
    """The shelf's products."""
    found = await session.execute(
        text("SELECT product_id FROM shelf_item WHERE room_id = :room_id"), {"room_id": room_id}
    )
    return set(found.scalars())


async def put_last(session: AsyncSession, room: Room, product_ids: Sequence[UUID]) -> None:
    """In this order after what stands there. The room's row is locked by the caller, who knows that they fit."""
    await session.execute(
        text(
            """
            INSERT INTO shelf_item (room_id, product_id, position)
            SELECT :room_id, product_id, place
                   + (SELECT coalesce(max(position), 0) FROM shelf_item WHERE room_id = :room_id)
            FROM unnest(CAST(:products AS uuid[])) WITH ORDINALITY AS p(product_id, place)
            """
        ),
        {"room_id": room.id, "products": list(product_ids)},
    )


async def arrange(session: AsyncSession, room: Room, product_ids: Sequence[UUID]) -> list[Card]:
    """The shelf is these products in this order. Raises `NotFound`, `ShelfFull` (409), `Invalid` (422, one twice)."""
    if len(product_ids) > SHELF_SIZE:
        raise ShelfFull(size=SHELF_SIZE)
    if len(set(product_ids)) < len(product_ids):
        raise Invalid(errors=[{"field": "product_ids", "message": "each product once"}])
    await must_be_ours(session, room.brand_id, product_ids)
    await session.execute(text("DELETE FROM shelf_item WHERE room_id = :room_id"), {"room_id": room.id})
    await session.execute(
        text(
            """
            INSERT INTO shelf_item (room_id, product_id, position)
            SELECT :room_id, product_id, position
            FROM unnest(CAST(:products AS uuid[])) WITH ORDINALITY AS p(product_id, position)
            """
        ),
        {"room_id": room.id, "products": list(product_ids)},
    )
    return await tell(session, room)


async def remove(session: AsyncSession, room: Room, product_id: UUID) -> list[Card]:
    """Raises `NotFound`."""
    await must_hold(session, room.id, product_id)
    await session.execute(
        text("DELETE FROM shelf_item WHERE room_id = :room_id AND product_id = :product_id"),
        {"room_id": room.id, "product_id": product_id},
    )
    return await tell(session, room)


async def copy(session: AsyncSession, source_id: UUID, room_id: UUID) -> None:
    """A new room's shelf as another room has it; nothing is told, since nobody is there."""
    await session.execute(
        text(
            """
            INSERT INTO shelf_item (room_id, product_id, position)
            SELECT :room_id, product_id, position FROM shelf_item WHERE room_id = :source_id
            """
        ),
        {"room_id": room_id, "source_id": source_id},
    )


async def lay(session: AsyncSession, room: Room, product_ids: Sequence[UUID]) -> None:
    """The shelf of a room where nobody is yet: of these products those that can still be sold, in this order. Nothing
    is told."""
    await session.execute(text("DELETE FROM shelf_item WHERE room_id = :room_id"), {"room_id": room.id})
    await session.execute(
        text(
            """
            INSERT INTO shelf_item (room_id, product_id, position)
            SELECT :room_id, product_id, position
            FROM unnest(CAST(:products AS uuid[])) WITH ORDINALITY AS p(product_id, position)
            JOIN product ON product.id = product_id AND product.brand_id = :brand_id
            WHERE EXISTS (SELECT 1 FROM sku k WHERE k.product_id = product.id)
            """
        ),
        {"room_id": room.id, "brand_id": room.brand_id, "products": list(product_ids)},
    )


async def must_be_ours(session: AsyncSession, brand_id: UUID, product_ids: Sequence[UUID]) -> None:
    """Raises `NotFound` for a product of another brand, or one without a variant that could be sold."""
    ours = await session.execute(
        text(
            """
            SELECT count(*) FROM product p WHERE brand_id = :brand_id AND id = ANY(CAST(:ids AS uuid[]))
              AND EXISTS (SELECT 1 FROM sku k WHERE k.product_id = p.id)
            """
        ),
        {"brand_id": brand_id, "ids": list(product_ids)},
    )
    if ours.scalar_one() < len(set(product_ids)):
        raise NotFound


async def show_anew(session: AsyncSession, product_ids: Collection[UUID]) -> None:
    """Rooms that show one of these products hear of their shelf as it is now, and of what is pinned. Their rows are
    locked, so that changes of one shelf are told in the order in which they were made."""
    showing = select(ShelfItem.room_id).where(col(ShelfItem.product_id).in_(product_ids))
    rooms = await session.exec(
        select(Room)
        .where(col(Room.state) != Phase.ENDED, col(Room.id).in_(showing))
        .order_by(col(Room.id))
        .with_for_update(key_share=True)
    )
    for room in rooms.all():
        shelf = await tell(session, room)
        if not set(product_ids).isdisjoint(room.pinned_ids):
            await tell_pins(session, room, pins(room, shelf))


async def tell(session: AsyncSession, room: Room) -> list[Card]:
    """The room hears of its whole shelf as it is now."""
    shelf = await cards(session, room)
    fact = ShelfChanged(brand_id=room.brand_id, room_id=room.id, shelf=msgspec.to_builtins(shelf))
    await record(session, fact)
    return shelf
