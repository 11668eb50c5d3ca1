"""Stores: where a brand's guides stand and where orders are picked up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import name, optional, wrong
from server.kit.ids import readable_code
from server.kit.principal import STORE_STAFF, Principal
from server.kit.problems import Conflict, NotFound
from server.stores.models import Store

LONGEST_CODE = 20
LONGEST_REGION = 40
LONGEST_ADDRESS = 200


class StoreCodeTaken(Conflict):
    slug, title = "store-code-taken", "Another store of this brand has this code"


class Changes(msgspec.Struct, frozen=True):
    """`None` leaves a thing as it is."""

    name: str | None = None
    region: str | None = None
    address: str | None = None
    closed: bool | None = None


async def create(
    session: AsyncSession,
    brand_id: UUID,
    store_name: str,
    *,
    code: str = "",
    region: str = "",
    address: str = "",
) -> Store:
    """Without a `code` the store gets a random one. Raises `StoreCodeTaken` (409), `Invalid` (422)."""
    store = Store(
        brand_id=brand_id,
        name=name(store_name),
        code=optional(code, "code", LONGEST_CODE) or readable_code(6),
        region=optional(region, "region", LONGEST_REGION),
        address=optional(address, "address", LONGEST_ADDRESS),
    )
    made = await session.execute(
        insert(Store)
        .values(**store.model_dump())
        .on_conflict_do_nothing(index_elements=["brand_id", "code"])
        .returning(col(Store.id))
    )
    if made.scalar_one_or_none() is None:
        raise StoreCodeTaken(code=store.code)
    return await of_brand(session, brand_id, store.id)


async def change(
    session: AsyncSession, principal: Principal, store_id: UUID, to: Changes, now: datetime
) -> Store:
    store = await get(session, principal, store_id)
    if to.name is not None:
        store.name = name(to.name)
    if to.region is not None:
        store.region = optional(to.region, "region", LONGEST_REGION)
    if to.address is not None:
        store.address = optional(to.address, "address", LONGEST_ADDRESS)
    if to.closed is not None:
        store.closed_at = (store.closed_at or now) if to.closed else None
    await session.flush()
    return store


async def get(session: AsyncSession, principal: Principal, store_id: UUID) -> Store:
    """For headquarters and the store's own manager; for everybody else it isn't there (`NotFound`, 404)."""
    principal.must_see_store(principal.brand_id, store_id)
    return await of_brand(session, principal.brand_id, store_id)


async def of_brand(session: AsyncSession, brand_id: UUID, store_id: UUID) -> Store:
    """Raises `NotFound` (404)."""
    store = await session.get(Store, store_id)
    if store is None or store.brand_id != brand_id:
        raise NotFound
    return store


async def open_store(session: AsyncSession, brand_id: UUID, store_id: UUID, field: str = "store_id") -> Store:
    """A store that guides and pick-ups may be sent to. Raises `Invalid` (422) about `field`."""
    store = await session.get(Store, store_id)
    if store is None or store.brand_id != brand_id or store.closed_at is not None:
        raise wrong(field, "no open store of this brand")
    return store


async def listing(session: AsyncSession, principal: Principal) -> Sequence[Store]:
    """All of the brand for headquarters, their own for store staff, none for others. By name."""
    asked = select(Store).where(col(Store.brand_id) == principal.brand_id)
    if not principal.is_headquarters:
        if principal.role not in STORE_STAFF:
            return []
        asked = asked.where(col(Store.id) == principal.store_id)
    return (await session.exec(asked.order_by(col(Store.name), col(Store.id)))).all()


async def pick_up_stores(session: AsyncSession, brand_id: UUID) -> Sequence[Store]:
    asked = select(Store).where(col(Store.brand_id) == brand_id, col(Store.closed_at).is_(None))
    return (await session.exec(asked.order_by(col(Store.name), col(Store.id)))).all()


async def names(session: AsyncSession, store_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await session.exec(select(Store.id, Store.name).where(col(Store.id).in_(set(store_ids))))
    return dict(rows.all())
