"""The caller's own brand."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar import get, patch
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands import service
from server.brands.models import Brand
from server.kit.principal import Principal, Role, allow


class BrandView(msgspec.Struct):
    brand_id: UUID
    name: str

    @classmethod
    def of(cls, brand: Brand) -> Self:
        return cls(brand.id, brand.name)


class ChangeBrand(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=200)]


@get("/api/brand", tags=["brand"])
async def show(staff: Principal, session: AsyncSession) -> BrandView:
    return BrandView.of(await service.get(session, staff.brand_id))


@patch("/api/brand", guards=[allow(Role.OWNER)], tags=["brand"])
async def change(data: ChangeBrand, staff: Principal, session: AsyncSession) -> BrandView:
    return BrandView.of(await service.rename(session, staff.brand_id, data.name))


ROUTES = [show, change]
