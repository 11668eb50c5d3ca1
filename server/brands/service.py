"""Brands: the tenants of an installation."""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.facts import BrandCreated
from server.brands.models import Brand
from server.brands.names import name
from server.kit.facts import record
from server.kit.problems import NotFound


async def create(session: AsyncSession, brand_name: str) -> Brand:
    brand = Brand(name=name(brand_name, "brand_name"))
    session.add(brand)
    await session.flush()
    await record(session, BrandCreated(brand_id=brand.id))
    return brand


async def get(session: AsyncSession, brand_id: UUID) -> Brand:
    """Raises `NotFound` (404)."""
    brand = await session.get(Brand, brand_id)
    if brand is None:
        raise NotFound
    return brand


async def oldest(session: AsyncSession) -> Brand | None:
    """The installation's first brand: whom a visitor means who names none."""
    return (await session.exec(select(Brand).order_by(col(Brand.id)).limit(1))).first()


async def rename(session: AsyncSession, brand_id: UUID, brand_name: str) -> Brand:
    brand = await get(session, brand_id)
    brand.name = name(brand_name)
    await session.flush()
    return brand
