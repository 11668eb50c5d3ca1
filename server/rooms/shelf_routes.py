"""A room's shelf and pins over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, post, put
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import sheet
from server.catalog.imports import Imported
from server.kit.clock import Clock
from server.kit.principal import Principal
from server.kit.problems import Invalid
from server.rooms import furnishing, shelf
from server.rooms.rules import SHELF_SIZE
from server.rooms.shelf import Card, Pins

_ROOM = "/api/rooms/{room_id:uuid}"


class OneProduct(msgspec.Struct, forbid_unknown_fields=True):
    product_id: UUID


class Pin(msgspec.Struct, forbid_unknown_fields=True):
    """`beside`: what is pinned already stays, behind it."""

    product_id: UUID | None
    beside: bool = False


class Products(msgspec.Struct, forbid_unknown_fields=True):
    product_ids: Annotated[list[UUID], msgspec.Meta(max_length=SHELF_SIZE)]


class ShelfView(msgspec.Struct):
    shelf: list[Card]


@post(f"{_ROOM}/shelf", status_code=HTTP_201_CREATED, tags=["rooms"])
async def put_on_shelf(room_id: UUID, data: OneProduct, staff: Principal, session: AsyncSession) -> ShelfView:
    return ShelfView(await furnishing.put_on_shelf(session, staff, room_id, data.product_id))


@post(
    f"{_ROOM}/shelf/import",
    status_code=HTTP_201_CREATED,
    request_max_body_size=sheet.MOST_BYTES,
    tags=["rooms"],
)
async def import_to_shelf(room_id: UUID, body: bytes, staff: Principal, session: AsyncSession) -> Imported:
    """The XLSX or CSV file itself as the body, as for the import of products; its products go last, in the file's
    order."""
    return await furnishing.import_to_shelf(session, staff, room_id, body)


@put(f"{_ROOM}/shelf", tags=["rooms"])
async def arrange_shelf(
    room_id: UUID, data: Products, staff: Principal, session: AsyncSession, clock: Clock
) -> ShelfView:
    """These products in this order, and no others."""
    return ShelfView(await furnishing.arrange_shelf(session, staff, room_id, data.product_ids, clock()))


@delete(f"{_ROOM}/shelf/{{product_id:uuid}}", status_code=HTTP_200_OK, tags=["rooms"])
async def take_off_shelf(
    room_id: UUID, product_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> ShelfView:
    return ShelfView(await furnishing.take_off_shelf(session, staff, room_id, product_id, clock()))


@put(f"{_ROOM}/pin", tags=["rooms"])
async def pin(room_id: UUID, data: Pin, staff: Principal, session: AsyncSession, clock: Clock) -> Pins:
    """Put a product of the shelf before everybody's eyes, in place of all that were there; `null` takes them away.
    With `beside` the others stay behind it, the newest first: three at most, the one pinned longest gives way."""
    if data.product_id is None and data.beside:
        raise Invalid(errors=[{"field": "product_id", "message": "beside the others goes a product"}])
    if data.product_id is None:
        room = await furnishing.unpin(session, staff, room_id, None, clock())
    else:
        room = await furnishing.pin(session, staff, room_id, data.product_id, clock(), beside=data.beside)
    return await shelf.pinned(session, room)


@delete(f"{_ROOM}/pin/{{product_id:uuid}}", status_code=HTTP_200_OK, tags=["rooms"])
async def unpin(
    room_id: UUID, product_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> Pins:
    """Take one product away. One that isn't pinned changes nothing."""
    return await shelf.pinned(session, await furnishing.unpin(session, staff, room_id, product_id, clock()))


ROUTES = [put_on_shelf, import_to_shelf, arrange_shelf, take_off_shelf, pin, unpin]
