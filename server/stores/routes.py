"""Stores and regions over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.params import Parameter
from litestar.status_codes import HTTP_202_ACCEPTED
from msgspec import UNSET, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock
from server.kit.idempotency import KeyHeader
from server.kit.jobs.service import LONGEST_NAME, JobView
from server.kit.paging import Page, page
from server.kit.principal import HEADQUARTERS, Principal, Role, allow
from server.stores import imports, regions, service
from server.stores.models import Store
from server.stores.regions import RegionView

Text = Annotated[str, msgspec.Meta(max_length=800)]
KEEPS_STORES = [allow(Role.OWNER, Role.OPERATOR)]


class StoreView(msgspec.Struct):
    """`region` is the name of `region_id`, or empty."""

    store_id: UUID
    name: str
    code: str
    region: str
    address: str
    closed: bool
    created_at: datetime
    region_id: UUID | None

    @classmethod
    def of(cls, store: Store, region: str) -> Self:
        return cls(
            store.id,
            store.name,
            store.code,
            region,
            store.address,
            store.closed_at is not None,
            store.created_at,
            store.region_id,
        )


class PickUpStore(msgspec.Struct):
    store_id: UUID
    name: str
    address: str


class NewStore(msgspec.Struct, forbid_unknown_fields=True):
    """A region is chosen by `region_id`, or by its name in `region`: one that isn't there yet is made."""

    name: Text
    code: Text = ""
    region: Text = ""
    address: Text = ""
    region_id: UUID | None = None


class ChangeStore(msgspec.Struct, forbid_unknown_fields=True):
    """A region as in a new store; `""` or null for none."""

    name: Text | None = None
    region: Text | None = None
    address: Text | None = None
    closed: bool | None = None
    region_id: UUID | UnsetType | None = UNSET


class NameRegion(msgspec.Struct, forbid_unknown_fields=True):
    name: Text


class Regions(msgspec.Struct):
    items: list[RegionView]


@get("/api/stores", tags=["stores"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    q: Annotated[str, Parameter(max_length=100)] = "",
    region_id: UUID | None = None,
    closed: bool | None = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
    limit: Annotated[int | None, Parameter(ge=1, le=200)] = None,
) -> Page[StoreView]:
    """All for headquarters; store staff see their own. By name: all at once, or `limit` at a time."""
    asked = service.Filter(query=q, region_id=region_id, closed=closed)
    found = await service.listing(session, staff, asked, cursor, limit)
    if limit is None:
        return Page(await _views(session, found), None)
    shown = page(found, lambda store: store, lambda store: store.id, limit)
    return Page(await _views(session, shown.items), shown.next)


@post("/api/stores", guards=KEEPS_STORES, tags=["stores"])
async def create(data: NewStore, staff: Principal, session: AsyncSession) -> StoreView:
    store = await service.create(
        session,
        staff.brand_id,
        data.name,
        code=data.code,
        region=data.region,
        address=data.address,
        region_id=data.region_id,
    )
    return await _view(session, store)


@get("/api/stores/{store_id:uuid}", tags=["stores"])
async def show(store_id: UUID, staff: Principal, session: AsyncSession) -> StoreView:
    return await _view(session, await service.get(session, staff, store_id))


@patch("/api/stores/{store_id:uuid}", guards=KEEPS_STORES, tags=["stores"])
async def change(
    store_id: UUID, data: ChangeStore, staff: Principal, session: AsyncSession, clock: Clock
) -> StoreView:
    """What is left out stays. A closed store keeps its orders, credits and people; nobody is sent there any more."""
    to = service.Changes(data.name, data.region, data.address, data.closed, data.region_id)
    return await _view(session, await service.change(session, staff, store_id, to, clock()))


@post(
    "/api/stores/imports",
    status_code=HTTP_202_ACCEPTED,
    guards=KEEPS_STORES,
    request_max_body_size=imports.MOST_BYTES,
    tags=["stores"],
)
async def import_list(
    body: bytes,
    staff: Principal,
    session: AsyncSession,
    name: Annotated[str, Parameter(max_length=LONGEST_NAME)] = "",
    idempotency_key: KeyHeader = None,
) -> Response[JobView]:
    """The XLSX or CSV file itself as the body: at most 5,000 rows and 2 MB. Columns: name, code, region, address. A
    store is known by its code; an empty region or address leaves what is known, and stores left out stay.

    202 with the job, whose address is in `Location`.
    """
    job = await imports.import_list(session, staff, body, file=name, key=idempotency_key)
    headers = {"Location": f"/api/jobs/{job.id}"}
    return Response(JobView.of(job), status_code=HTTP_202_ACCEPTED, headers=headers)


@get("/api/regions", guards=[allow(*HEADQUARTERS)], tags=["stores"])
async def list_regions(staff: Principal, session: AsyncSession) -> Regions:
    """By name, with how many stores are in each."""
    return Regions(await regions.listing(session, staff.brand_id))


@post("/api/regions", guards=KEEPS_STORES, tags=["stores"])
async def create_region(data: NameRegion, staff: Principal, session: AsyncSession) -> RegionView:
    return await regions.create(session, staff.brand_id, data.name)


@patch("/api/regions/{region_id:uuid}", guards=KEEPS_STORES, tags=["stores"])
async def rename_region(
    region_id: UUID, data: NameRegion, staff: Principal, session: AsyncSession
) -> RegionView:
    return await regions.rename(session, staff.brand_id, region_id, data.name)


@get("/api/pick-up-stores", tags=["stores"])
async def pick_up_stores(member: Principal, session: AsyncSession) -> Page[PickUpStore]:
    """Where a viewer may fetch an order."""
    stores = await service.pick_up_stores(session, member.brand_id)
    return Page([PickUpStore(store.id, store.name, store.address) for store in stores], None)


async def _view(session: AsyncSession, store: Store) -> StoreView:
    return (await _views(session, [store]))[0]


async def _views(session: AsyncSession, stores: Sequence[Store]) -> list[StoreView]:
    names = await regions.names(session, [store.region_id for store in stores])
    return [StoreView.of(store, names.get(store.region_id, "")) for store in stores]


ROUTES = [
    listing,
    create,
    show,
    change,
    import_list,
    list_regions,
    create_region,
    rename_region,
    pick_up_stores,
]
