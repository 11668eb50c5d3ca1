"""The staff's lists of orders over HTTP: narrowed, counted, exported, packed and shipped in bulk."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import Provide
from litestar.params import Parameter
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import wrong
from server.kit.clock import SHOP_ZONE, Clock
from server.kit.database import Database
from server.kit.principal import Principal
from server.kit.sheets import MEDIA_TYPE
from server.orders import export, packing, reading, shipments
from server.orders.packing import PackingList
from server.orders.reading import Filter
from server.orders.shipments import ShipmentsBooked

Status = Literal["awaiting_payment", "paid", "expired", "cancelled", "closed"]
Fulfilment = Literal["none", "to_ship", "shipped", "to_pick_up", "picked_up"]
_YEARS = range(2000, 2200)


async def provide_filter(
    status: Status | None = None,
    fulfilment: Fulfilment | None = None,
    refund_due: bool = False,
    room_id: UUID | None = None,
    store_id: UUID | None = None,
    guide_id: UUID | None = None,
    since: date | None = None,
    until: date | None = None,
    q: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Filter:
    """`since` and `until` are days of the shop, both included; `q` the beginning of a number, a part of a buyer's
    name, or a phone number."""
    for field, day in (("since", since), ("until", until)):
        if day and day.year not in _YEARS:
            raise wrong(field, "a day of this century")
    return Filter(
        status=status,
        fulfilment=fulfilment,
        refund_due=refund_due,
        room_id=room_id,
        store_id=store_id,
        guide_id=guide_id,
        since=since,
        until=until,
        query=q or "",
    )


FILTERED = {"asked": Provide(provide_filter)}


class Counts(msgspec.Struct):
    """Each counted up to `most`."""

    most: int
    tabs: dict[str, int]


@get("/api/orders/counts", dependencies=FILTERED, tags=["orders"])
async def counts(staff: Principal, session: AsyncSession, asked: Filter) -> Counts:
    """How many the filter leaves in each of the staff's lists; its own status and fulfilment don't count."""
    return Counts(reading.MOST_COUNTED, await reading.counts(session, staff, asked))


@get("/api/orders/export", dependencies=FILTERED, media_type=MEDIA_TYPE, tags=["orders"])
async def export_orders(
    staff: Principal,
    session: AsyncSession,
    database: Database,
    asked: Filter,
    clock: Clock,
    language: Literal["zh-CN", "en"] = "zh-CN",
) -> Stream:
    """What the filter leaves, as an Excel workbook: the newest 100,000. docs/integrating.md has the columns."""
    await reading.wanted_ids(session, staff, asked)  # refused before the first byte
    name = f"orders-{clock().astimezone(SHOP_ZONE):%Y%m%d-%H%M%S}.xlsx"
    return Stream(
        export.workbook(database, staff, asked, language),
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Accel-Buffering": "no"},
    )


class PackingAsked(msgspec.Struct, forbid_unknown_fields=True):
    order_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=packing.MOST)]


@post("/api/packing-lists", status_code=HTTP_200_OK, tags=["orders"])
async def packing_list(data: PackingAsked, staff: Principal, session: AsyncSession) -> PackingList:
    """Of paid orders that wait to be shipped or picked up; the others are named in `left_out`."""
    return await packing.packing_list(session, staff, data.order_ids)


@post(
    "/api/shipments/imports",
    status_code=HTTP_200_OK,
    request_max_body_size=shipments.MOST_BYTES,
    tags=["orders"],
)
async def import_shipments(
    body: bytes, staff: Principal, session: AsyncSession, clock: Clock
) -> ShipmentsBooked:
    """The XLSX or CSV file itself as the body: at most 1,000 rows and 2 MB. Columns: order number, carrier, tracking
    number. Good rows are booked, bad ones named; the same file again changes nothing."""
    return await shipments.book_sheet(session, staff, body, clock())


ROUTES = [counts, export_orders, packing_list, import_shipments]
