"""What rooms do about others' facts, and what a room's topic hears of the room itself."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import AUDIENCE, RoomEvent, room_topic
from server.catalog.facts import PricesChanged, ProductChanged, SkusAdded
from server.flash_sales.facts import SaleClosed, SaleOpened
from server.kit.facts import after_commit, announces, in_transaction
from server.orders.facts import OrderRefunded, OrdersReleased
from server.rooms import service, shelf
from server.rooms.facts import AudienceChanged, ProductPinned, RoomRenamed, RoomStateChanged, ShelfChanged
from server.rooms.models import Room


@in_transaction(SaleOpened, SaleClosed)
async def mark_sale(session: AsyncSession, fact: SaleOpened | SaleClosed) -> None:
    kind = "sale_opened" if isinstance(fact, SaleOpened) else "sale_closed"
    service.mark(session, fact.room_id, kind, fact.title, fact.at)


@after_commit(ProductChanged, PricesChanged, SkusAdded)
async def show_products_anew(session: AsyncSession, fact: ProductChanged | PricesChanged | SkusAdded) -> None:
    """After the commit: an import to a shelf has its room locked before the catalog."""
    if isinstance(fact, PricesChanged):
        await shelf.show_anew(session, {price.product_id for price in fact.prices})
    else:
        await shelf.show_anew(session, {fact.product_id})


@after_commit(OrdersReleased)
async def pass_on_units(session: AsyncSession, fact: OrdersReleased) -> None:
    """Units that come back to a room which has ended go on to headquarters."""
    for room_id in {order.room_id for order in fact.orders if order.room_id and not order.sale_id}:
        await _pass_on(session, room_id)


@after_commit(OrderRefunded)
async def pass_on_units_of_refunded(session: AsyncSession, fact: OrderRefunded) -> None:
    if fact.room_id and not fact.sale_id:
        await _pass_on(session, fact.room_id)


async def _pass_on(session: AsyncSession, room_id: UUID) -> None:
    room = await session.get(Room, room_id)
    if room is not None and room.state == "ended":
        await service.give_units_back(session, room)


@announces(RoomStateChanged)
def tell_of_state(fact: RoomStateChanged) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "room.state", state=fact.state, at=fact.changed_at)


@announces(RoomRenamed)
def tell_of_title(fact: RoomRenamed) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "room.renamed", title=fact.title)


@announces(AudienceChanged)
def tell_of_audience(fact: AudienceChanged) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), AUDIENCE, audience=fact.audience)


@announces(ProductPinned)
def tell_of_pin(fact: ProductPinned) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "room.pinned", card=fact.card, beside=fact.beside)


@announces(ShelfChanged)
def tell_of_shelf(fact: ShelfChanged) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "shelf.changed", shelf=fact.shelf)
