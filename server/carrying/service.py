"""A store's own greeting, pick-up and shelf order in a room of headquarters. Prices, titles and stock stay theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from live.room import Phase
from server.accounts.models import Account
from server.attribution.rules import StoreName
from server.brands.names import optional, wrong
from server.carrying import rules
from server.carrying.checks import verify as verify
from server.carrying.facts import CarryingChanged
from server.carrying.models import Carrying
from server.kit.facts import record
from server.kit.principal import Principal
from server.kit.problems import Forbidden, NotFound
from server.rooms import reach, shelf
from server.rooms import service as rooms
from server.rooms.models import Room
from server.rooms.rules import SHELF_SIZE
from server.rooms.service import WrongState
from server.stock import service as stock
from server.stock.rules import Pool
from server.stores import service as stores
from server.stores.models import Store


class SetCarrying(msgspec.Struct, forbid_unknown_fields=True):
    """Texts of up to 120 characters. Products that `shelf_order` doesn't name follow in the room's own order."""

    greeting: Annotated[str, msgspec.Meta(max_length=4 * rules.LONGEST_WORDS)] = ""
    pick_up: bool = True
    pick_up_note: Annotated[str, msgspec.Meta(max_length=4 * rules.LONGEST_WORDS)] = ""
    shelf_order: Annotated[list[UUID], msgspec.Meta(max_length=SHELF_SIZE)] = []


class CarriedProduct(msgspec.Struct):
    """`number` is the product's in the room's own order, by which the host calls it; the price is headquarters'. Free
    units of both pools: an order takes what was set aside for the room first, then the store's, then headquarters'."""

    number: int
    product_id: UUID
    title: str
    image: str | None
    price_minor: int
    was_minor: int | None
    store_free: int
    headquarters_free: int


class CarryingView(msgspec.Struct, kw_only=True):
    """`updated_at` and `by` are null while the store has set nothing of its own. `products` stand in the store's order;
    `shelf_order` are those that it named."""

    store: StoreName
    room_id: UUID
    title: str
    state: str
    greeting: str
    pick_up: bool
    pick_up_note: str
    updated_at: datetime | None
    by: str | None
    shelf_order: list[UUID]
    products: list[CarriedProduct]


async def show(session: AsyncSession, staff: Principal, store_id: UUID, room_id: UUID) -> CarryingView:
    """Raises `NotFound`, also for a store's own room and for one that is not for this store."""
    store, room = await _find(session, staff, store_id, room_id)
    own = await session.get(Carrying, (room_id, store_id), populate_existing=True)
    by = await session.get(Account, own.by_id) if own else None
    products = await _products(session, store, room, own.shelf_order if own else [])
    here = {product.product_id for product in products}
    return CarryingView(
        store=StoreName(store.id, store.name),
        room_id=room.id,
        title=room.title,
        state=room.state,
        greeting=own.greeting if own else "",
        pick_up=own.pick_up if own else True,
        pick_up_note=own.pick_up_note if own else "",
        updated_at=own.updated_at if own else None,
        by=by.name if by else None,
        shelf_order=[product_id for product_id in (own.shelf_order if own else []) if product_id in here],
        products=products,
    )


async def _products(
    session: AsyncSession, store: Store, room: Room, named: Sequence[UUID]
) -> list[CarriedProduct]:
    cards = {card.product_id: card for card in await shelf.cards(session, room)}
    skus = [sku.sku_id for card in cards.values() for sku in card.skus]
    numbers = {product_id: number for number, product_id in enumerate(cards, start=1)}
    own = await stock.free(session, skus, [(Pool.STORE, store.id)])
    headquarters = await stock.free(session, skus, [(Pool.HEADQUARTERS, room.brand_id)])
    return [
        CarriedProduct(
            numbers[product_id],
            product_id,
            card.title,
            card.image,
            card.price_minor,
            card.was_minor,
            sum(own[sku.sku_id] for sku in card.skus),
            sum(headquarters[sku.sku_id] for sku in card.skus),
        )
        for product_id in rules.arranged(list(cards), named)
        for card in [cards[product_id]]
    ]


async def change(
    session: AsyncSession,
    staff: Principal,
    store_id: UUID,
    room_id: UUID,
    asked: SetCarrying,
    now: datetime,
) -> CarryingView:
    """Said once: the same again tells nobody. Raises `NotFound`, `Forbidden` (a guide; headquarters who only read),
    `WrongState` (409, the room has ended), `Invalid` (422: too long, a product twice or not on the shelf)."""
    _, room = await _find(session, staff, store_id, room_id)
    if staff.role not in rules.SETS:
        raise Forbidden
    if room.state == Phase.ENDED:
        raise WrongState(state=room.state, reason="room-ended")
    if len(set(asked.shelf_order)) < len(asked.shelf_order):
        raise wrong("shelf_order", "each product once")
    if set(asked.shelf_order) - await shelf.standing(session, room_id):
        raise wrong("shelf_order", "products of this room's shelf")
    kept = Carrying(
        room_id=room_id,
        store_id=store_id,
        greeting=optional(asked.greeting, "greeting", rules.LONGEST_WORDS),
        pick_up=asked.pick_up,
        pick_up_note=optional(asked.pick_up_note, "pick_up_note", rules.LONGEST_WORDS),
        shelf_order=asked.shelf_order,
        updated_at=now,
        by_id=staff.id,
    )
    if await _keep(session, kept):
        await record(session, CarryingChanged(brand_id=room.brand_id, room_id=room_id, store_id=store_id))
    return await show(session, staff, store_id, room_id)


async def _keep(session: AsyncSession, kept: Carrying) -> bool:
    """Whether anything is other than before."""
    statement = insert(Carrying).values(**kept.model_dump())
    given: Any = statement.excluded
    written = await session.execute(
        statement.on_conflict_do_update(
            index_elements=["room_id", "store_id"],
            set_={
                name: given[name]
                for name in ("greeting", "pick_up", "pick_up_note", "shelf_order", "updated_at", "by_id")
            },
            where=col(Carrying.greeting).is_distinct_from(given.greeting)
            | col(Carrying.pick_up).is_distinct_from(given.pick_up)
            | col(Carrying.pick_up_note).is_distinct_from(given.pick_up_note)
            | col(Carrying.shelf_order).is_distinct_from(given.shelf_order),
        )
    )
    return bool(written.rowcount)  # type: ignore[attr-defined]


async def _find(session: AsyncSession, staff: Principal, store_id: UUID, room_id: UUID) -> tuple[Store, Room]:
    """Raises `NotFound`."""
    store = await stores.of_brand(session, staff.brand_id, store_id)
    room = await rooms.load(session, room_id)
    if not rules.may_look(staff, store_id) or room.brand_id != staff.brand_id or room.store_id is not None:
        raise NotFound
    if not await reach.reaches_store(session, room, store_id):
        raise NotFound
    return store, room
