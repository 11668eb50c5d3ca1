"""A merchant's list straight onto a room's shelf: products made or priced as by the import of products, then shown."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import imports
from server.catalog.imports import Imported, Landing
from server.catalog.rules import KEEPS_CATALOG
from server.kit.principal import Principal
from server.kit.sheets import RowProblem
from server.rooms import shelf
from server.rooms.models import Room
from server.rooms.rules import SHELF_SIZE


async def import_to_shelf(session: AsyncSession, staff: Principal, room: Room, body: bytes) -> Imported:
    """Products in the list's order after what stands there; one that stands there already stays where it is. The
    room's row is locked by the caller.

    Raises `UnreadableSheet` (422).
    """
    here = await shelf.standing(session, room.id)
    landed = await imports.land(session, room.brand_id, body, _Door(staff, here))
    new = [product_id for product_id in landed.products if product_id not in here]
    await shelf.put_last(session, room, new)
    if new:  # what else the cards show, such as prices, every room hears of that has them
        await shelf.tell(session, room)
    return landed.report


class _Door:
    """Objects to rows that this member of the staff may not make true, and to products the shelf has no place for."""

    def __init__(self, staff: Principal, standing: Iterable[UUID]) -> None:
        self._keeps_catalog = staff.role in KEEPS_CATALOG
        self._placed: set[UUID | str] = set(standing)

    def __call__(self, landing: Landing) -> RowProblem | None:
        row, sku = landing.row, landing.sku
        if not self._keeps_catalog and sku is None:
            return RowProblem(row.row, "title", "only an owner or operator adds products")
        if not self._keeps_catalog and sku is not None and sku.price_minor != row.price_minor:
            return RowProblem(row.row, "price", "only an owner or operator changes prices")
        product = landing.product_id or row.title  # rows of one new title become one product
        if product not in self._placed and len(self._placed) >= SHELF_SIZE:
            return RowProblem(
                row.row, "title", f"the shelf holds {SHELF_SIZE} products; take some off, then import again"
            )
        self._placed.add(product)
        return None
