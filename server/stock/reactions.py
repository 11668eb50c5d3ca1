"""What stock does about others' facts."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog.facts import ProductCreated, SkusAdded
from server.kit.facts import in_transaction
from server.stock import service
from server.stock.rules import Pool
from server.stock.service import Taking


@in_transaction(ProductCreated, SkusAdded)
async def book_first_stock(session: AsyncSession, fact: ProductCreated | SkusAdded) -> None:
    """A product's first units stand in headquarters' pool."""
    await session.flush()  # the SKUs that the balances refer to
    lines = [Taking(sku.sku_id, sku.stock) for sku in fact.skus if sku.stock]
    await service.book_first(session, fact.brand_id, Pool.HEADQUARTERS, fact.brand_id, lines, fact.fact_id)
