"""Headquarters' stock over HTTP: units that come in, or are found missing."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID, uuid5

import msgspec
from litestar import post
from litestar.status_codes import HTTP_201_CREATED
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.idempotency import KeyHeader, require_key
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role, allow
from server.kit.problems import NotFound
from server.stock import service
from server.stock.rules import Pool


class AddStock(msgspec.Struct, forbid_unknown_fields=True):
    """Below zero takes units away, as after a count."""

    add: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]


class StockNow(msgspec.Struct):
    sku_id: UUID
    free: int


@post(
    "/api/skus/{sku_id:uuid}/stock",
    status_code=HTTP_201_CREATED,
    guards=[allow(Role.OWNER, Role.OPERATOR)],
    tags=["stock"],
)
async def add_stock(
    sku_id: UUID, data: AddStock, staff: Principal, session: AsyncSession, idempotency_key: KeyHeader = None
) -> StockNow:
    """Add units to headquarters' pool. With an Idempotency-Key a retry adds nothing more, and another number of units
    is refused (422). 409 `out-of-stock` when more would be taken than is free."""
    known = await session.execute(
        text("SELECT 1 FROM sku WHERE id = :id AND brand_id = :brand_id"),
        {"id": sku_id, "brand_id": staff.brand_id},
    )
    if known.first() is None:
        raise NotFound
    key = uuid5(staff.id, require_key(idempotency_key)) if idempotency_key else uuid7()
    pool = (Pool.HEADQUARTERS, staff.brand_id)
    await service.adjust(session, staff.brand_id, sku_id, *pool, data.add, key)
    return StockNow(sku_id, (await service.free(session, [sku_id], [pool]))[sku_id])


ROUTES = [add_stock]
