"""Regions: stores that headquarters look at together."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import name, wrong
from server.kit.problems import Conflict, NotFound
from server.stores.models import Region, Store

LONGEST = 40


class RegionTaken(Conflict):
    slug, title = "region-taken", "This brand has a region of this name"


class RegionView(msgspec.Struct, frozen=True):
    """`stores` counts those in it, closed ones too."""

    region_id: UUID
    name: str
    stores: int


def region_name(text: str) -> str:
    """Raises `Invalid` (422)."""
    return name(text, "region", LONGEST)


async def listing(session: AsyncSession, brand_id: UUID) -> list[RegionView]:
    """By name."""
    asked = (
        select(col(Region.id), col(Region.name), func.count(col(Store.id)))
        .join(Store, col(Store.region_id) == col(Region.id), isouter=True)
        .where(col(Region.brand_id) == brand_id)
        .group_by(col(Region.id))
        .order_by(col(Region.name))
    )
    return [RegionView(*row) for row in (await session.exec(asked)).all()]


async def create(session: AsyncSession, brand_id: UUID, region: str) -> RegionView:
    """Raises `RegionTaken` (409), `Invalid` (422)."""
    kept = region_name(region)
    made = await session.execute(
        insert(Region)
        .values(**Region(brand_id=brand_id, name=kept).model_dump())
        .on_conflict_do_nothing(index_elements=["brand_id", "name"])
        .returning(col(Region.id))
    )
    region_id = made.scalar_one_or_none()
    if region_id is None:
        raise RegionTaken(name=kept)
    return RegionView(region_id, kept, 0)


async def rename(session: AsyncSession, brand_id: UUID, region_id: UUID, region: str) -> RegionView:
    """Raises `NotFound`, `RegionTaken` (409), `Invalid` (422)."""
    kept = region_name(region)
    row = await session.get(Region, region_id, with_for_update=True)
    if row is None or row.brand_id != brand_id:
        raise NotFound
    same = select(Region.id).where(
        col(Region.brand_id) == brand_id, col(Region.name) == kept, col(Region.id) != region_id
    )
    if (await session.exec(same)).first() is not None:
        raise RegionTaken(name=kept)
    row.name = kept
    await session.flush()
    counted = select(func.count()).select_from(Store).where(col(Store.region_id) == region_id)
    return RegionView(row.id, row.name, (await session.exec(counted)).one())


async def named(session: AsyncSession, brand_id: UUID, regions: Sequence[str]) -> dict[str, UUID]:
    """The ids of clean names; those that the brand hasn't are made."""
    wanted = sorted({region for region in regions if region})
    if not wanted:
        return {}
    await session.execute(
        insert(Region)
        .values([Region(brand_id=brand_id, name=region).model_dump() for region in wanted])
        .on_conflict_do_nothing(index_elements=["brand_id", "name"])
    )
    asked = select(Region.name, Region.id).where(
        col(Region.brand_id) == brand_id, col(Region.name).in_(wanted)
    )
    return dict((await session.exec(asked)).all())


async def of_brand(session: AsyncSession, brand_id: UUID, region_id: UUID) -> UUID:
    """Raises `Invalid` (422)."""
    region = await session.get(Region, region_id)
    if region is None or region.brand_id != brand_id:
        raise wrong("region_id", "no region of this brand")
    return region.id


async def names(session: AsyncSession, region_ids: Sequence[UUID | None]) -> dict[UUID | None, str]:
    asked = select(Region.id, Region.name).where(col(Region.id).in_({one for one in region_ids if one}))
    return dict((await session.exec(asked)).all())
