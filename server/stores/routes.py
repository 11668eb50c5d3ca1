"""Stores over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar import get, patch, post
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock
from server.kit.paging import Page
from server.kit.principal import Principal, Role, allow
from server.stores import service
from server.stores.models import Store

Text = Annotated[str, msgspec.Meta(max_length=800)]


class StoreView(msgspec.Struct):
    store_id: UUID
    name: str
    code: str
    region: str
    address: str
    closed: bool
    created_at: datetime

    @classmethod
    def of(cls, store: Store) -> Self:
        return cls(
            store.id,
            store.name,
            store.code,
            store.region,
            store.address,
            store.closed_at is not None,
            store.created_at,
        )


class PickUpStore(msgspec.Struct):
    store_id: UUID
    name: str
    address: str


class NewStore(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    code: Text = ""
    region: Text = ""
    address: Text = ""


class ChangeStore(msgspec.Struct, forbid_unknown_fields=True):
    name: Text | None = None
    region: Text | None = None
    address: Text | None = None
    closed: bool | None = None


@get("/api/stores", tags=["stores"])
async def listing(staff: Principal, session: AsyncSession) -> Page[StoreView]:
    """All for headquarters; store staff see their own."""
    return Page([StoreView.of(store) for store in await service.listing(session, staff)], None)


@post("/api/stores", guards=[allow(Role.OWNER, Role.OPERATOR)], tags=["stores"])
async def create(data: NewStore, staff: Principal, session: AsyncSession) -> StoreView:
    store = await service.create(
        session, staff.brand_id, data.name, code=data.code, region=data.region, address=data.address
    )
    return StoreView.of(store)


@get("/api/stores/{store_id:uuid}", tags=["stores"])
async def show(store_id: UUID, staff: Principal, session: AsyncSession) -> StoreView:
    return StoreView.of(await service.get(session, staff, store_id))


@patch("/api/stores/{store_id:uuid}", guards=[allow(Role.OWNER, Role.OPERATOR)], tags=["stores"])
async def change(
    store_id: UUID, data: ChangeStore, staff: Principal, session: AsyncSession, clock: Clock
) -> StoreView:
    to = service.Changes(data.name, data.region, data.address, data.closed)
    return StoreView.of(await service.change(session, staff, store_id, to, clock()))


@get("/api/pick-up-stores", tags=["stores"])
async def pick_up_stores(member: Principal, session: AsyncSession) -> Page[PickUpStore]:
    """Where a viewer may fetch an order."""
    stores = await service.pick_up_stores(session, member.brand_id)
    return Page([PickUpStore(store.id, store.name, store.address) for store in stores], None)


ROUTES = [listing, create, show, change, pick_up_stores]
