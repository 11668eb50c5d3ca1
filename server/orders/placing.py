"""Orders of ordinary products, placed at shelf prices; their units are held until the payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import clean_lines
from server.kit.clock import SHOP_ZONE
from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.ids import readable_code, uuid7
from server.kit.principal import Principal
from server.kit.problems import Conflict, Invalid
from server.members import service as members
from server.members.audience import must_take
from server.orders import pricing
from server.orders.facts import HeldOrder, OrdersHeld
from server.orders.models import Order, OrderEvent, OrderLine
from server.orders.pricing import Price, Wanted
from server.stock import service as stock
from server.stock.rules import Pool, pools_of
from server.stock.service import OutOfStock, Taking

HOLD_FOR = timedelta(minutes=15)
"""How long an ordinary order may wait for its payment; a flash sale sets its own."""


MOST_WAITING = 5
"""Ordinary orders of one member that may wait for their payment at once: a shelf is not held by one phone."""


class TooManyUnpaid(Conflict):
    """`most` may wait for their payment at once."""

    slug, title = "too-many-unpaid-orders", "Pay or cancel what you have ordered first"


class PriceChanged(Conflict):
    """`prices` has the new ones in minor units, by SKU."""

    slug, title = "price-changed", "The price is another now"


def new_number(now: datetime) -> str:
    """Read aloud at a counter: the shop's day and ten letters."""
    return f"{now.astimezone(SHOP_ZONE):%y%m%d}{readable_code(10)}"


class Carried(msgspec.Struct, frozen=True):
    """Who carries the buyer."""

    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None


class Placed(msgspec.Struct):
    hold_id: UUID
    order_id: UUID
    pay_by: datetime
    amount_minor: int


async def place(
    session: AsyncSession,
    member: Principal,
    room_id: UUID,
    lines: Sequence[Taking],
    key: str,
    asked: bytes,
    now: datetime,
    seen: Mapping[UUID, int] | None = None,
    note: str = "",
) -> Placed:
    """An order of ordinary products at shelf prices: from what is set aside for the room, else from the
    carrying store's pool, else from headquarters'.

    `seen` are the prices in minor units that the buyer was shown. The credit stays with the store either way. The same
    key gives the same order. Raises `OutOfStock`, `PriceChanged`, `TooManyUnpaid` (409), `KeyReused` (422), `Invalid`
    (422: not on this room's shelf), and the refusals of the room's audience (403, 404).
    """
    member_id = await _one_at_a_time(session, member)
    if earlier := await _earlier(session, member_id, key, asked):
        return earlier
    await must_take(session, room_id, member_id)
    prices = await pricing.on_shelf(session, member.brand_id, room_id, [line.sku_id for line in lines])
    carried = Carried(*await pricing.carriers(session, member_id, room_id))
    return await _order(
        session, member, member_id, room_id, carried, prices, lines, key, asked, now, seen or {}, note
    )


async def place_at_shelf(
    session: AsyncSession,
    member: Principal,
    product_id: UUID,
    carried: Carried,
    lines: Sequence[Taking],
    key: str,
    asked: bytes,
    now: datetime,
    seen: Mapping[UUID, int] | None = None,
    note: str = "",
) -> Placed:
    """The same without a room: of a product whose code stands on a store's shelf, and for that store. Raises what
    `place` raises but for a room's refusals."""
    member_id = await _one_at_a_time(session, member)
    if earlier := await _earlier(session, member_id, key, asked):
        return earlier
    prices = await pricing.of_product(session, member.brand_id, product_id)
    return await _order(
        session, member, member_id, None, carried, prices, lines, key, asked, now, seen or {}, note
    )


async def _one_at_a_time(session: AsyncSession, member: Principal) -> UUID:
    """The present member, whose orders are placed one after the other."""
    member_id = await members.present_id(session, member.id)
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"order:{member_id}"}
    )
    return member_id


async def _order(
    session: AsyncSession,
    member: Principal,
    member_id: UUID,
    room_id: UUID | None,
    carried: Carried,
    prices: Mapping[UUID, Price],
    lines: Sequence[Taking],
    key: str,
    asked: bytes,
    now: datetime,
    seen: Mapping[UUID, int],
    note: str,
) -> Placed:
    await _must_have_paid(session, member_id)
    _must_be_sold(prices, lines)
    _must_be_as_seen(prices, seen)
    order = Order(
        brand_id=member.brand_id,
        room_id=room_id,
        store_id=carried.store_id,
        guide_id=carried.guide_id,
        link_id=carried.link_id,
        member_id=member_id,
        hold_id=await _hold(
            session, pools_of(member.brand_id, carried.store_id, room_id, carried.guide_id), lines
        ),
        key=key,
        request_hash=asked,
        number=new_number(now),
        note=clean_lines(note),
        amount_minor=pricing.sums(prices, [Wanted(line.sku_id, line.quantity) for line in lines]).total_minor,
        pay_by=(now + HOLD_FOR).replace(microsecond=0),
        created_at=now,
    )
    session.add(order)
    await session.flush()
    own = [_line(order.id, line.quantity, prices[line.sku_id]) for line in lines]
    session.add_all(own)
    session.add(OrderEvent(order_id=order.id, kind="held", at=now))
    await record(session, _held(order, own, member.name))
    return _placed(order)


def _line(order_id: UUID, quantity: int, price: Price) -> OrderLine:
    return OrderLine(
        order_id=order_id,
        sku_id=price.sku_id,
        title=price.title,
        image=price.image,
        quantity=quantity,
        price_minor=price.price_minor,
    )


def _placed(order: Order) -> Placed:
    return Placed(order.hold_id, order.id, order.pay_by, order.amount_minor)


def _held(order: Order, lines: Sequence[OrderLine], name: str) -> OrdersHeld:
    held = HeldOrder(
        order_id=order.id,
        hold_id=order.hold_id,
        member_id=order.member_id,
        number=order.number,
        name=name,
        title=lines[0].title,
        quantity=sum(line.quantity for line in lines),
        amount_minor=order.amount_minor,
        pay_by=order.pay_by,
        store_id=order.store_id,
        guide_id=order.guide_id,
    )
    return OrdersHeld(brand_id=order.brand_id, room_id=order.room_id, orders=[held])


async def _must_have_paid(session: AsyncSession, member_id: UUID) -> None:
    """Orders of one member are placed one after the other, so that the count holds."""
    waiting = await session.execute(
        text(
            "SELECT count(*) FROM orders "
            "WHERE member_id = :member_id AND sale_id IS NULL AND status = 'awaiting_payment'"
        ),
        {"member_id": member_id},
    )
    if waiting.scalar_one() >= MOST_WAITING:
        raise TooManyUnpaid(most=MOST_WAITING)


async def _hold(session: AsyncSession, pools: Sequence[tuple[Pool, UUID]], lines: Sequence[Taking]) -> UUID:
    """All lines from the first pool that has them. Raises `OutOfStock` (409)."""
    hold_id = uuid7()
    for pool, pool_id in pools:
        if await stock.hold(session, pool, pool_id, lines, hold_id):
            return hold_id
    left = await stock.free(session, [line.sku_id for line in lines], pools)
    short = {str(line.sku_id): left[line.sku_id] for line in lines if left[line.sku_id] < line.quantity}
    short = short or {str(sku): free for sku, free in left.items()}  # enough of each, but in no one pool
    raise OutOfStock(left=sum(short.values()), lines=short)


async def _earlier(session: AsyncSession, member_id: UUID, key: str, asked: bytes) -> Placed | None:
    order = (await session.exec(select(Order).where(Order.member_id == member_id, Order.key == key))).first()
    if order is None:
        return None
    if order.request_hash != asked:
        raise KeyReused
    return _placed(order)


def _must_be_sold(prices: Mapping[UUID, Price], lines: Sequence[Taking]) -> None:
    if missing := [line.sku_id for line in lines if line.sku_id not in prices]:
        raise Invalid(errors=[{"field": "sku_id", "message": f"{sku} is not sold here"} for sku in missing])


def _must_be_as_seen(prices: Mapping[UUID, Price], seen: Mapping[UUID, int]) -> None:
    if other := {str(sku): prices[sku].price_minor for sku in seen if prices[sku].price_minor != seen[sku]}:
        raise PriceChanged(prices=other)
