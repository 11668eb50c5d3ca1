"""A sale is made: its own pool of units, and quotas of stores, allotted from headquarters' stock."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import service as catalog
from server.flash_sales.kinds.terms import Offer
from server.flash_sales.models import FlashSale, FlashSaleLine, FlashSaleQuota
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.problems import Conflict, Invalid, NotFound
from server.stock import service as stock
from server.stock.rules import Pool
from server.stores import service as stores


class RoomEnded(Conflict):
    """As rooms refuse it: `state` is what the room is in, `reason` why."""

    slug, title = "wrong-state", "The room's state does not allow this"


class NoShelf(Conflict):
    """A room of this kind sells nothing: no products, no pins, no flash sales."""

    slug, title = "no-shelf", "This session has no shelf: nothing is sold in it"


class Quota(msgspec.Struct, frozen=True):
    """Units of a SKU (of the sale's only one, where none is named) for the viewers that one store brought."""

    store_id: UUID
    units: int
    sku_id: UUID | None = None


class NewSale(msgspec.Struct, frozen=True, kw_only=True):
    """`offers` are as `kinds` makes them; their stock is what is there for everybody, quotas come on top."""

    offers: Sequence[Offer]
    kind: str = "flash_price"
    title: str = ""
    limit_per_buyer: int = 1
    hold_seconds: int = 300
    duration_seconds: int = 300
    quotas: Sequence[Quota] = ()
    own_quota_only: bool = False


async def must_be_on(session: AsyncSession, room_id: UUID) -> None:
    """The room sells and has not ended, and that stays so until this transaction ends. To be asked before a sale that
    others see is locked, since the end of a room locks the room and then its sales. Raises `RoomEnded`, `NoShelf`
    (409), `NotFound`."""
    asked = "SELECT state, CAST(shows->'shelf' AS boolean) AS shelf FROM room WHERE id = :id FOR SHARE"
    room = (await session.execute(text(asked), {"id": room_id})).one_or_none()
    if room is None:
        raise NotFound
    if not room.shelf:
        raise NoShelf
    if room.state == "ended":
        raise RoomEnded(state=room.state, reason="room-ended")


async def create(
    session: AsyncSession,
    staff: Principal,
    room_id: UUID,
    new: NewSale,
    *,
    key: str | None = None,
    asked: bytes | None = None,
) -> FlashSale:
    """A scheduled sale with its own pools, allotted from headquarters'. The same key gives the same sale, as it is by
    then; `asked` is the hash of what came with it.

    Raises `OutOfStock`, `RoomEnded`, `NoShelf` (409), `KeyReused`, `Invalid` (422), `NotFound` for another brand's
    store.
    """
    skus = [offer.sku_id for offer in new.offers]
    if len(set(skus)) < len(skus):
        raise Invalid(errors=[{"field": "sku_id", "message": "each product once"}])
    lines = await catalog.lines(session, staff.brand_id, skus)
    if any(sku not in lines for sku in skus):
        raise Invalid(errors=[{"field": "sku_id", "message": "no such product"}])
    wanted = FlashSale(
        id=uuid5(staff.id, key) if key else uuid7(),
        brand_id=staff.brand_id,
        room_id=room_id,
        title=new.title or lines[skus[0]].title,
        kind=new.kind,
        duration_seconds=new.duration_seconds,
        limit_per_buyer=new.limit_per_buyer,
        hold_seconds=new.hold_seconds,
        own_quota_only=new.own_quota_only,
        request_hash=asked,
    )
    made = await session.execute(insert(FlashSale).values(**wanted.model_dump()).on_conflict_do_nothing())
    sale = (await session.exec(select(FlashSale).where(FlashSale.id == wanted.id))).one()
    if made.rowcount:  # type: ignore[attr-defined]
        await must_be_on(session, room_id)
        for position, offer in enumerate(new.offers):
            await _add_line(session, sale, lines[offer.sku_id], offer, position)
        for quota in new.quotas:
            await _add_quota(session, sale, quota, new.offers)
        await session.flush()
    elif sale.request_hash != asked:
        raise KeyReused
    return sale


async def _add_line(
    session: AsyncSession, sale: FlashSale, line: catalog.SkuLine, offer: Offer, position: int
) -> None:
    balance_id = await stock.balance_of(session, sale.brand_id, line.sku_id, Pool.SALE, sale.id)
    usual = None if offer.gift else max(line.price_minor, offer.then_minor or 0)
    session.add(
        FlashSaleLine(
            sale_id=sale.id,
            sku_id=line.sku_id,
            balance_id=balance_id,
            product_id=line.product_id,
            title=line.title,
            image=line.image,
            price_minor=offer.price_minor,
            was_minor=usual if usual and usual > offer.price_minor else None,
            position=position,
            gift=offer.gift,
            per_unit=offer.per_unit,
            first_units=offer.first_units,
            then_minor=offer.then_minor,
        )
    )
    await allot(session, sale, line.sku_id, offer.stock, sale.id)


async def _add_quota(session: AsyncSession, sale: FlashSale, quota: Quota, offers: Sequence[Offer]) -> None:
    await stores.open_store(session, sale.brand_id, quota.store_id)
    sold = [offer.sku_id for offer in offers if not offer.gift]
    sku_id = quota.sku_id or sold[0]
    if sku_id not in sold or (quota.sku_id is None and len(sold) > 1) or len(sold) < len(offers):
        raise Invalid(
            errors=[{"field": "quotas", "message": "a quota is of one product of a sale without gifts"}]
        )
    pool_id = uuid5(sale.id, str(quota.store_id))
    balance_id = await stock.balance_of(session, sale.brand_id, sku_id, Pool.SALE, pool_id)
    session.add(
        FlashSaleQuota(sale_id=sale.id, sku_id=sku_id, store_id=quota.store_id, balance_id=balance_id)
    )
    await stock.move(
        session,
        sale.brand_id,
        sku_id,
        (Pool.HEADQUARTERS, sale.brand_id),
        (Pool.SALE, pool_id),
        quota.units,
        uuid5(sale.id, f"{quota.store_id}:{sku_id}"),
    )


async def allot(session: AsyncSession, sale: FlashSale, sku_id: UUID, quantity: int, key: UUID) -> None:
    """Raises `OutOfStock` (409)."""
    source, target = (Pool.HEADQUARTERS, sale.brand_id), (Pool.SALE, sale.id)
    await stock.move(session, sale.brand_id, sku_id, source, target, quantity, key)
