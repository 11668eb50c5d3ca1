"""Stores: where a brand's guides stand and where orders are picked up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import func, or_, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import clean, name, optional, wrong
from server.kit.ids import readable_code
from server.kit.paging import before
from server.kit.principal import STORE_STAFF, Principal
from server.kit.problems import Conflict, NotFound
from server.stores import regions
from server.stores.models import Store

STORES_LOCK = 0x5F0C_0400
LONGEST_CODE = 20
LONGEST_ADDRESS = 200


class StoreCodeTaken(Conflict):
    slug, title = "store-code-taken", "Another store of this brand has this code"


class Changes(msgspec.Struct, frozen=True):
    """`None` leaves a thing as it is. A region is given by its name, which is made where there is none (`""`: in no
    region), or by its id."""

    name: str | None = None
    region: str | None = None
    address: str | None = None
    closed: bool | None = None
    region_id: UUID | UnsetType | None = UNSET


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """`query`: a part of a name or address, or the beginning of a code."""

    query: str = ""
    region_id: UUID | None = None
    closed: bool | None = None


async def create(
    session: AsyncSession,
    brand_id: UUID,
    store_name: str,
    *,
    code: str = "",
    region: str = "",
    address: str = "",
    region_id: UUID | None = None,
) -> Store:
    """Without a `code` the store gets a random one. A region comes by its name or its id. Raises `StoreCodeTaken`
    (409), `Invalid` (422)."""
    store = Store(
        brand_id=brand_id,
        name=name(store_name),
        code=optional(code, "code", LONGEST_CODE) or readable_code(6),
        region_id=await _region(session, brand_id, region, region_id),
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
    if to.region_id is not UNSET:
        store.region_id = await _region(session, store.brand_id, to.region or "", to.region_id)
    elif to.region is not None:
        store.region_id = await _region(session, store.brand_id, to.region, None)
    if to.address is not None:
        store.address = optional(to.address, "address", LONGEST_ADDRESS)
    if to.closed is not None:
        store.closed_at = (store.closed_at or now) if to.closed else None
    await session.flush()
    return store


async def _region(session: AsyncSession, brand_id: UUID, region: str, region_id: UUID | None) -> UUID | None:
    """By id where there is one, else by name. Raises `Invalid` (422)."""
    if region_id is not None:
        return await regions.of_brand(session, brand_id, region_id)
    kept = optional(region, "region", regions.LONGEST)
    return (await regions.named(session, brand_id, [kept])).get(kept)


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


async def listing(
    session: AsyncSession,
    principal: Principal,
    asked: Filter | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Sequence[Store]:
    """All of the brand for headquarters, their own for store staff, none for others. By name; behind the store that
    `cursor` names, and `limit` at most and one more."""
    asked = asked or Filter()
    found = select(Store).where(col(Store.brand_id) == principal.brand_id)
    if not principal.is_headquarters:
        if principal.role not in STORE_STAFF:
            return []
        found = found.where(col(Store.id) == principal.store_id)
    if asked.region_id is not None:
        found = found.where(col(Store.region_id) == asked.region_id)
    if asked.closed is not None:
        found = found.where(
            col(Store.closed_at).is_not(None) if asked.closed else col(Store.closed_at).is_(None)
        )
    if words := clean(asked.query):
        found = found.where(
            or_(
                col(Store.name).icontains(words, autoescape=True),
                col(Store.address).icontains(words, autoescape=True),
                col(Store.code).istartswith(words, autoescape=True),
            )
        )
    if last := before(cursor):
        place = select(Store.name, Store.id).where(col(Store.id) == last).scalar_subquery()
        found = found.where(tuple_(col(Store.name), col(Store.id)) > place)
    found = found.order_by(col(Store.name), col(Store.id))
    if limit is not None:
        found = found.limit(limit + 1)
    return (await session.exec(found)).all()


async def pick_up_stores(session: AsyncSession, brand_id: UUID) -> Sequence[Store]:
    asked = select(Store).where(col(Store.brand_id) == brand_id, col(Store.closed_at).is_(None))
    return (await session.exec(asked.order_by(col(Store.name), col(Store.id)))).all()


async def names(session: AsyncSession, store_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await session.exec(select(Store.id, Store.name).where(col(Store.id).in_(set(store_ids))))
    return dict(rows.all())


async def by_codes(session: AsyncSession, brand_id: UUID, codes: Sequence[str]) -> dict[str, Store]:
    asked = select(Store).where(col(Store.brand_id) == brand_id, col(Store.code).in_(set(codes)))
    return {store.code: store for store in (await session.exec(asked)).all()}


async def open_with_code(session: AsyncSession, code: str) -> Sequence[Store]:
    """Open stores of any brand that people call by this code, in any case."""
    asked = select(Store).where(func.lower(col(Store.code)) == code.lower(), col(Store.closed_at).is_(None))
    return (await session.exec(asked.order_by(col(Store.id)))).all()


async def ids_in_region(session: AsyncSession, brand_id: UUID, region_id: UUID) -> Sequence[UUID]:
    asked = select(Store.id).where(col(Store.brand_id) == brand_id, col(Store.region_id) == region_id)
    return (await session.exec(asked)).all()


async def one_list_at_a_time(session: AsyncSession, brand_id: UUID) -> None:
    """Lists of a brand's stores and people land one after the other."""
    await session.execute(select(func.pg_advisory_xact_lock(STORES_LOCK, func.hashtext(str(brand_id)))))
