"""How stores carry headquarters' rooms, over HTTP. Another store's is not there (404)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, put
from litestar.params import Parameter
from sqlmodel.ext.asyncio.session import AsyncSession

from server.carrying import lists, service
from server.carrying.carried import Asked, CarriedDesk, CarriedView
from server.carrying.lists import Readiness, StoreRoom
from server.carrying.service import CarryingView, SetCarrying
from server.kit.clock import Clock
from server.kit.principal import HEADQUARTERS, Principal, allow

_CARRYING = "/api/stores/{store_id:uuid}/carrying/{room_id:uuid}"


class StoreRooms(msgspec.Struct):
    items: list[StoreRoom]


@get("/api/stores/{store_id:uuid}/carrying", tags=["carrying"])
async def listing(store_id: UUID, staff: Principal, session: AsyncSession) -> StoreRooms:
    """Headquarters' rooms that this store carries, on now or planned."""
    return StoreRooms(await lists.of_store(session, staff, store_id))


@get(_CARRYING, tags=["carrying"])
async def show(store_id: UUID, room_id: UUID, staff: Principal, session: AsyncSession) -> CarryingView:
    """The store's greeting, pick-up and shelf in a room of headquarters. For its manager and guides, and
    headquarters."""
    return await service.show(session, staff, store_id, room_id)


@put(_CARRYING, tags=["carrying"])
async def change(
    store_id: UUID, room_id: UUID, data: SetCarrying, staff: Principal, session: AsyncSession, clock: Clock
) -> CarryingView:
    """All of it, by the store's manager or headquarters. The store's viewers see it at once."""
    return await service.change(session, staff, store_id, room_id, data, clock())


@get("/api/rooms/{room_id:uuid}/carryings", guards=[allow(*HEADQUARTERS)], tags=["carrying"])
async def ready(
    room_id: UUID,
    staff: Principal,
    session: AsyncSession,
    q: Annotated[str, Parameter(max_length=100)] = "",
    greeted: bool | None = None,
) -> Readiness:
    """The stores that a room of headquarters is for, and what each has set: 100 at most, found by name or code."""
    return await lists.ready(session, staff, room_id, q, greeted)


@get("/api/rooms/{room_id:uuid}/carried", tags=["carrying"])
async def carried(room_id: UUID, member: Principal, carried_desk: CarriedDesk) -> CarriedView:
    """What the store that carries the calling viewer shows them in this room."""
    return await carried_desk.of(Asked(room_id, member.id, member.brand_id))


ROUTES = [listing, show, change, ready, carried]
