"""A sale runs: opened, priced, given more, called, ended. Whoever changes it locks it; claims under way come first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales import cards
from server.flash_sales.facts import SaleClosed, SaleOpened, SalePriced
from server.flash_sales.kinds import price_drop
from server.flash_sales.making import allot
from server.flash_sales.models import FlashSale, FlashSaleLine, Waiting
from server.kit.facts import record
from server.kit.problems import Conflict, Invalid, NotFound
from server.stock import service as stock
from server.stock.rules import Pool


class SaleState(Conflict):
    """`state` is the one that the sale is in."""

    slug, title = "sale-state", "The sale's state does not allow this"


async def get(session: AsyncSession, brand_id: UUID, room_id: UUID, sale_id: UUID) -> FlashSale:
    """The sale, locked. Raises `NotFound`."""
    sale = (
        await session.exec(
            select(FlashSale)
            .where(FlashSale.id == sale_id, FlashSale.room_id == room_id, FlashSale.brand_id == brand_id)
            .with_for_update()
        )
    ).first()
    if sale is None:
        raise NotFound
    return sale


async def open_sale(session: AsyncSession, sale: FlashSale, now: datetime) -> None:
    """Raises `SaleState` (409) unless it is scheduled."""
    if sale.state != "scheduled":
        raise SaleState(state=sale.state)
    sale.state, sale.opens_at = "open", now
    sale.ends_at = now + timedelta(seconds=sale.duration_seconds)
    await session.flush()
    await record(
        session,
        SaleOpened(
            brand_id=sale.brand_id,
            sale_id=sale.id,
            room_id=sale.room_id,
            title=sale.title,
            sale=msgspec.to_builtins(await cards.card(session, sale)),
        ),
    )


async def close(session: AsyncSession, sale: FlashSale, reason: str, now: datetime) -> None:
    """Ends it; what is free goes back to headquarters, what is held may still be paid. Raises `SaleState` (409)."""
    if sale.state == "closed":
        raise SaleState(state=sale.state)
    sale.state, sale.ends_at = "closed", min(now, sale.ends_at or now)
    await session.flush()
    await _empty(session, sale)
    await session.execute(
        update(Waiting)
        .where(col(Waiting.sale_id) == sale.id, col(Waiting.state) == "waiting")
        .values(state="closed")
    )
    fact = SaleClosed(
        brand_id=sale.brand_id, sale_id=sale.id, room_id=sale.room_id, title=sale.title, reason=reason
    )
    await record(session, fact)


async def _empty(session: AsyncSession, sale: FlashSale) -> None:
    pools = await session.execute(
        text(
            "SELECT DISTINCT b.pool_id FROM flash_sale_pool p JOIN stock_balance b ON b.id = p.balance_id "
            "WHERE p.sale_id = :id ORDER BY b.pool_id"
        ),
        {"id": sale.id},
    )
    for pool_id in pools.scalars():
        source, target = (Pool.SALE, pool_id), (Pool.HEADQUARTERS, sale.brand_id)
        await stock.empty_out(session, sale.brand_id, source, target)


async def add_stock(session: AsyncSession, sale: FlashSale, quantity: int, key: UUID) -> None:
    """More units for a running sale, of each SKU (and the gifts that go with them); the same key adds once. Raises
    `OutOfStock` (409) when headquarters has not that many, `SaleState` (409), `KeyReused` (422)."""
    if sale.state == "closed":
        raise SaleState(state=sale.state)
    for line in await _lines(session, sale):
        await allot(session, sale, line.sku_id, quantity * line.per_unit, key)


async def drop_price(session: AsyncSession, sale: FlashSale, sku_id: UUID | None, price_minor: int) -> None:
    """Lower the price of a SKU (of the sale's only one, where none is named) from now on; the same price again changes
    nothing. Raises `SaleState` (409), `Invalid` (422) for another kind of sale, or a price that is no drop."""
    if sale.state == "closed":
        raise SaleState(state=sale.state)
    if sale.kind != price_drop.NAME:
        raise Invalid(errors=[{"field": "price_minor", "message": "this kind of sale keeps its price"}])
    lines = [line for line in await _lines(session, sale) if sku_id in {None, line.sku_id}]
    if len(lines) != 1:
        raise Invalid(errors=[{"field": "sku_id", "message": "which of the sale's products?"}])
    (line,) = lines
    if price_minor > line.price_minor:
        raise Invalid(errors=[{"field": "price_minor", "message": f"below {line.price_minor}"}])
    if price_minor == line.price_minor:
        return
    line.was_minor, line.price_minor = line.was_minor or line.price_minor, price_minor
    await session.flush()
    await record(
        session,
        SalePriced(
            brand_id=sale.brand_id,
            sale_id=sale.id,
            room_id=sale.room_id,
            title=line.title,
            sku_id=line.sku_id,
            price_minor=price_minor,
            was_minor=line.was_minor,
        ),
    )


async def _lines(session: AsyncSession, sale: FlashSale) -> list[FlashSaleLine]:
    found = await session.exec(
        select(FlashSaleLine).where(FlashSaleLine.sale_id == sale.id).order_by(col(FlashSaleLine.position))
    )
    return list(found.all())


async def close_due(session: AsyncSession, now: datetime) -> list[UUID]:
    """Sales whose time is over; called by the sweeper."""
    due = (
        await session.exec(
            select(FlashSale)
            .where(FlashSale.state == "open", col(FlashSale.ends_at) <= now)
            .with_for_update(skip_locked=True)
        )
    ).all()
    for sale in due:
        await close(session, sale, "ended", now)
    return [sale.id for sale in due]


async def take_rests(session: AsyncSession, sale_ids: Iterable[UUID]) -> None:
    """Units that came back to sales which are closed go on to headquarters. The locks wait for a sale that is being
    closed just now; one that closes later takes what is free itself."""
    sales = await session.exec(
        select(FlashSale)
        .where(col(FlashSale.id).in_(set(sale_ids)))
        .order_by(col(FlashSale.id))
        .with_for_update()
    )
    for sale in sales.all():
        if sale.state == "closed":
            await _empty(session, sale)


async def running(session: AsyncSession, now: datetime) -> dict[UUID, UUID]:
    """Sale → room, of sales that are open or ended within the hour: holds of those may still come back."""
    rows = await session.execute(
        text(
            "SELECT id, room_id FROM flash_sale WHERE state = 'open' OR (state = 'closed' AND ends_at > :since)"
        ),
        {"since": now - timedelta(hours=1)},
    )
    return {row[0]: row[1] for row in rows}


async def close_all(session: AsyncSession, room_id: UUID, now: datetime) -> None:
    """The room ends, and its sales with it."""
    open_sales = await session.exec(
        select(FlashSale)
        .where(FlashSale.room_id == room_id, col(FlashSale.state) != "closed")
        .with_for_update()
    )
    for sale in open_sales.all():
        await close(session, sale, "room_ended", now)
