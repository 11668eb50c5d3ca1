"""What rooms do about others' facts, and what a room's topic hears of the room itself."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, room_topic
from server.flash_sales.facts import SaleClosed, SaleOpened
from server.kit.facts import announces, in_transaction
from server.rooms import service
from server.rooms.facts import ProductPinned, RoomStateChanged, ShelfChanged


@in_transaction(SaleOpened, SaleClosed)
async def mark_sale(session: AsyncSession, fact: SaleOpened | SaleClosed) -> None:
    kind = "sale_opened" if isinstance(fact, SaleOpened) else "sale_closed"
    service.mark(session, fact.room_id, kind, fact.title, fact.at)


@announces(RoomStateChanged)
def tell_of_state(fact: RoomStateChanged) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "room.state", state=fact.state, at=fact.changed_at)


@announces(ProductPinned)
def tell_of_pin(fact: ProductPinned) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "room.pinned", card=fact.card)


@announces(ShelfChanged)
def tell_of_shelf(fact: ShelfChanged) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "shelf.changed", shelf=fact.shelf)
