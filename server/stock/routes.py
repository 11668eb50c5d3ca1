"""Stock over HTTP: units that come in or are found missing, and where they are set aside."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID, uuid5

import msgspec
from litestar import get, post
from litestar.status_codes import HTTP_201_CREATED
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.idempotency import KeyHeader, require_key
from server.kit.ids import uuid7
from server.kit.principal import HEADQUARTERS, OUTSIDE_GUIDES, Principal, Role, allow
from server.kit.problems import Invalid, NotFound
from server.stock import service
from server.stock.rules import Pool
from server.stores import service as stores


class AddStock(msgspec.Struct, forbid_unknown_fields=True):
    """Below zero takes units away, as after a count."""

    add: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]


class StockNow(msgspec.Struct):
    sku_id: UUID
    free: int


class Place(msgspec.Struct, forbid_unknown_fields=True):
    """Headquarters, or one store, room or guide from outside by its `id`."""

    pool: Literal["headquarters", "store", "room", "guide"]
    id: UUID | None = None


class MoveStock(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: UUID
    source: Place
    target: Place
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class PoolNow(msgspec.Struct):
    """Units of one SKU in one pool; `total` = `free` + `held` + `sold`. `name` is the store's, room's, guide's or
    sale's."""

    pool: str
    pool_id: UUID
    name: str
    total: int
    free: int
    held: int
    sold: int


_changes = allow(Role.OWNER, Role.OPERATOR)


@post("/api/skus/{sku_id:uuid}/stock", status_code=HTTP_201_CREATED, guards=[_changes], tags=["stock"])
async def add_stock(
    sku_id: UUID, data: AddStock, staff: Principal, session: AsyncSession, idempotency_key: KeyHeader = None
) -> StockNow:
    """Add units to headquarters' pool. With an Idempotency-Key a retry adds nothing more, and another number of units
    is refused (422). 409 `out-of-stock` when more would be taken than is free."""
    await _must_be_own(session, staff, "sku", sku_id)
    key = uuid5(staff.id, require_key(idempotency_key)) if idempotency_key else uuid7()
    pool = (Pool.HEADQUARTERS, staff.brand_id)
    await service.adjust(session, staff.brand_id, sku_id, *pool, data.add, key)
    return StockNow(sku_id, (await service.free(session, [sku_id], [pool]))[sku_id])


@post("/api/stock/moves", status_code=HTTP_201_CREATED, guards=[_changes], tags=["stock"])
async def move_stock(
    data: MoveStock, staff: Principal, session: AsyncSession, idempotency_key: KeyHeader = None
) -> list[PoolNow]:
    """Set free units aside: from headquarters to a store, a room or a guide from outside, back, or from one to another.
    What is set aside for a room goes back to headquarters when the room ends; a closed store and a guide who left give,
    and take nothing more. With an Idempotency-Key a retry moves nothing more. 409 `out-of-stock` when the source has
    not that many."""
    await _must_be_own(session, staff, "sku", data.sku_id)
    source, target = [await _pool(session, staff, place, name) for place, name in _places(data)]
    if source == target:
        raise Invalid(errors=[{"field": "target", "message": "another pool than the source"}])
    key = uuid5(staff.id, f"move:{require_key(idempotency_key)}") if idempotency_key else uuid7()
    await service.move(session, staff.brand_id, data.sku_id, source, target, data.quantity, key)
    return await _pools(session, staff, data.sku_id)


@get("/api/skus/{sku_id:uuid}/stock", guards=[allow(*HEADQUARTERS)], tags=["stock"])
async def list_pools(sku_id: UUID, staff: Principal, session: AsyncSession) -> list[PoolNow]:
    """Where a SKU's units are: headquarters, stores, rooms, sales. Pools that are empty and over are left out."""
    await _must_be_own(session, staff, "sku", sku_id)
    return await _pools(session, staff, sku_id)


def _places(data: MoveStock) -> list[tuple[Place, str]]:
    return [(data.source, "source"), (data.target, "target")]


async def _pool(session: AsyncSession, staff: Principal, place: Place, field: str) -> tuple[Pool, UUID]:
    """Raises `Invalid` (422), `NotFound`."""
    pool = Pool(place.pool)
    if (place.id is None) != (pool is Pool.HEADQUARTERS):
        raise Invalid(
            errors=[{"field": f"{field}.id", "message": "of a store, a room or a guide, and of nothing else"}]
        )
    if place.id is None:
        return pool, staff.brand_id
    if pool is Pool.STORE and field == "target":
        await stores.open_store(session, staff.brand_id, place.id, field=f"{field}.id")
    else:
        known = "guide who works" if pool is Pool.GUIDE and field == "target" else place.pool
        await _must_be_own(session, staff, known, place.id)
    return pool, place.id


async def _must_be_own(session: AsyncSession, staff: Principal, what: str, id_: UUID) -> None:
    """`what`: sku, store, room, guide. A room is an upper layer's: it is looked up by name. Raises `NotFound`."""
    guide = "SELECT 1 FROM account WHERE id = :id AND brand_id = :brand_id AND role = ANY(CAST(:outside AS text[]))"
    known = {
        "sku": "SELECT 1 FROM sku WHERE id = :id AND brand_id = :brand_id",
        "store": "SELECT 1 FROM store WHERE id = :id AND brand_id = :brand_id",
        "room": "SELECT 1 FROM room WHERE id = :id AND brand_id = :brand_id AND state <> 'ended'",
        "guide": guide,
        "guide who works": f"{guide} AND disabled_at IS NULL",
    }
    asked: dict[str, object] = {"id": id_, "brand_id": staff.brand_id}
    if known[what].startswith(guide):
        asked["outside"] = [role.value for role in OUTSIDE_GUIDES]
    row = await session.execute(text(known[what]), asked)
    if row.first() is None:
        raise NotFound


_POOLS = text(
    """
    SELECT b.pool, b.pool_id, coalesce(s.name, r.title, g.name, f.title, '') AS name, b.total, b.free, b.held, b.sold
    FROM stock_balance b
    LEFT JOIN store s ON b.pool = 'store' AND s.id = b.pool_id
    LEFT JOIN room r ON b.pool = 'room' AND r.id = b.pool_id
    LEFT JOIN account g ON b.pool = 'guide' AND g.id = b.pool_id
    LEFT JOIN flash_sale_pool p ON b.pool = 'sale' AND p.balance_id = b.id
    LEFT JOIN flash_sale f ON f.id = p.sale_id
    WHERE b.sku_id = :sku_id AND b.brand_id = :brand_id AND (b.free > 0 OR b.held > 0 OR b.pool = 'headquarters')
    ORDER BY b.pool <> 'headquarters', b.pool, b.id DESC LIMIT 200
    """
)


async def _pools(session: AsyncSession, staff: Principal, sku_id: UUID) -> list[PoolNow]:
    rows = await session.execute(_POOLS, {"sku_id": sku_id, "brand_id": staff.brand_id})
    return [PoolNow(**row) for row in rows.mappings()]


ROUTES = [add_stock, move_stock, list_pools]
