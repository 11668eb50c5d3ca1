"""What a room shows for sale: products put on its shelf, and those of them that are pinned. The room's row is locked by
each, so that nothing is taken off while it is pinned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from live import room as live_room
from server.catalog.imports import Imported
from server.flash_sales.service import NoShelf
from server.kit.principal import Principal
from server.rooms import service, shelf, shelf_import
from server.rooms.kinds import rules as kinds
from server.rooms.models import Room


async def put_on_shelf(
    session: AsyncSession, staff: Principal, room_id: UUID, product_id: UUID
) -> list[shelf.Card]:
    """Raises `NotFound`, `Forbidden`, `WrongState`, `NoShelf`, `ShelfFull` (409)."""
    return await shelf.add(session, await _to_furnish(session, staff, room_id), product_id)


async def import_to_shelf(session: AsyncSession, staff: Principal, room_id: UUID, body: bytes) -> Imported:
    """Raises `NotFound`, `Forbidden`, `WrongState` (409), `UnreadableSheet` (422)."""
    return await shelf_import.import_to_shelf(
        session, staff, await _to_furnish(session, staff, room_id), body
    )


async def arrange_shelf(
    session: AsyncSession, staff: Principal, room_id: UUID, product_ids: Sequence[UUID], now: datetime
) -> list[shelf.Card]:
    """Raises `NotFound`, `Forbidden`, `WrongState`, `ShelfFull` (409), `Invalid`."""
    room = await _to_furnish(session, staff, room_id)
    for product_id in room.pinned_ids:
        if product_id not in product_ids:
            await unpin(session, staff, room_id, product_id, now)
    return await shelf.arrange(session, room, product_ids)


async def take_off_shelf(
    session: AsyncSession, staff: Principal, room_id: UUID, product_id: UUID, now: datetime
) -> list[shelf.Card]:
    """If it was pinned, it is unpinned too. Raises `NotFound`, `Forbidden`, `WrongState`."""
    room = await _to_furnish(session, staff, room_id)
    if product_id in room.pinned_ids:
        await unpin(session, staff, room_id, product_id, now)
    return await shelf.remove(session, room, product_id)


async def pin(
    session: AsyncSession,
    staff: Principal,
    room_id: UUID,
    product_id: UUID,
    now: datetime,
    *,
    beside: bool = False,
) -> Room:
    """Raises `NotFound` (also for a product that does not stand on the shelf), `Forbidden`, `WrongState`, `NoShelf`
    (409)."""
    must_have_shelf(await service.to_run(session, staff, room_id, lock=True))
    await shelf.must_hold(session, room_id, product_id)
    return await service.direct(session, staff, room_id, live_room.Pin(str(product_id), beside), now)


async def unpin(
    session: AsyncSession, staff: Principal, room_id: UUID, product_id: UUID | None, now: datetime
) -> Room:
    """One product, or all of them. Raises `NotFound`, `Forbidden`, `WrongState` (409)."""
    return await service.direct(
        session, staff, room_id, live_room.Unpin(str(product_id) if product_id else None), now
    )


def must_have_shelf(room: Room) -> None:
    """Raises `NoShelf` (409)."""
    if not kinds.shown(room.shows).shelf:
        raise NoShelf


async def _to_furnish(session: AsyncSession, staff: Principal, room_id: UUID) -> Room:
    room = await service.to_run(session, staff, room_id, lock=True)
    must_have_shelf(room)
    if room.state == live_room.Phase.ENDED:
        raise service.WrongState(state=room.state, reason="room-ended")
    return room
