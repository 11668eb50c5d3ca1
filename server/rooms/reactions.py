"""What rooms do about others' facts, and what a room's topic hears of the room itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
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
def tell_of_state(fact: RoomStateChanged) -> Sequence[RoomEvent]:
    data = msgspec.to_builtins({"state": fact.state, "at": fact.changed_at})
    return [RoomEvent(room_topic(fact.room_id), "room.state", data, str(fact.fact_id))]


@announces(ProductPinned)
def tell_of_pin(fact: ProductPinned) -> Sequence[RoomEvent]:
    return [RoomEvent(room_topic(fact.room_id), "room.pinned", {"card": fact.card}, str(fact.fact_id))]


@announces(ShelfChanged)
def tell_of_shelf(fact: ShelfChanged) -> Sequence[RoomEvent]:
    return [RoomEvent(room_topic(fact.room_id), "shelf.changed", {"shelf": fact.shelf}, str(fact.fact_id))]
