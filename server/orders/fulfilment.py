"""Handing over what was paid: to an address, or at a store's counter."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import wrong
from server.kit.facts import record
from server.kit.principal import Principal
from server.kit.problems import NotFound, Problem
from server.members import addresses
from server.orders import reading, rules
from server.orders.facts import OrderFulfilled
from server.orders.models import Order, OrderEvent, OrderLine
from server.orders.rules import WrongStatus
from server.stores import service as stores


class WrongPickUpCode(Problem):
    status, slug, title = 409, "wrong-pick-up-code", "No order waits under this pick-up code"


class PickUpAt(msgspec.Struct, frozen=True):
    """`note` is what the store says about it."""

    store_id: UUID
    name: str
    address: str
    note: str


async def set_delivery(
    session: AsyncSession, member: Principal, order_id: UUID, delivery: dict[str, Any], now: datetime
) -> None:
    """Where it goes: an address typed or of the member's book (the order keeps its own copy), or one of
    `pick_up_at`. Until it is on its way.

    Raises `WrongStatus` (409), `NotFound`, `Invalid` (422).
    """
    order = await reading.own(session, member, order_id, lock=True)
    if order.status not in {"awaiting_payment", "paid"} or order.fulfilment in rules.HANDED_OVER:
        raise WrongStatus(order_status=order.status)
    await _must_have_units(session, order)
    if delivery["method"] == "address":
        book = await addresses.use(session, order.member_id, UUID(delivery["address_id"]), now)
        delivery = {"method": "delivery", **book.label(), "note": delivery["note"]}
    if delivery["method"] == "pick_up":
        offered = await _offered(session, order, UUID(delivery["store_id"]))
        if not offered:
            raise wrong("store_id", "no open store of this brand where the order can be picked up")
        delivery = {**delivery, "store_name": offered[0].name, "store_address": offered[0].address}
        if order.pick_up_code is None:
            await _draw_code(session, order.id)
    order.delivery = delivery
    if order.status == "paid":
        order.fulfilment = "to_pick_up" if delivery["method"] == "pick_up" else "to_ship"
    await session.flush()


async def pick_up_at(session: AsyncSession, member: Principal, order_id: UUID) -> Sequence[PickUpAt]:
    """Open stores of the brand, the carrying one first. Where a store says that it hands over nothing of the room's
    show, it isn't among them; where the carrying store says so, none is. Raises `NotFound`."""
    return await _offered(session, await reading.own(session, member, order_id))


_OFFERED = text(
    """
    SELECT s.id, s.name, s.address, coalesce(c.pick_up_note, '')
    FROM store s LEFT JOIN carrying c ON c.room_id = CAST(:room_id AS uuid) AND c.store_id = s.id
    WHERE s.brand_id = :brand_id AND s.closed_at IS NULL AND coalesce(c.pick_up, true)
      AND (CAST(:store_id AS uuid) IS NULL OR s.id = :store_id)
      AND NOT EXISTS (SELECT 1 FROM carrying o
                      WHERE o.room_id = :room_id AND o.store_id = CAST(:own_id AS uuid) AND NOT o.pick_up)
    ORDER BY s.id IS DISTINCT FROM :own_id, s.name, s.id
    """
)


async def _offered(session: AsyncSession, order: Order, store_id: UUID | None = None) -> Sequence[PickUpAt]:
    """All, or one where it is among them."""
    asked = {
        "brand_id": order.brand_id,
        "room_id": order.room_id,
        "own_id": order.store_id,
        "store_id": store_id,
    }
    return [PickUpAt(*row) for row in await session.execute(_OFFERED, asked)]


async def _must_have_units(session: AsyncSession, order: Order) -> None:
    """Raises `WrongStatus` (409) where all units were refunded."""
    lines = await session.exec(select(OrderLine).where(OrderLine.order_id == order.id))
    if rules.nothing_left(lines.all()):
        raise WrongStatus(order_status=order.status, fulfilment=order.fulfilment)


async def _draw_code(session: AsyncSession, order_id: UUID) -> None:
    """A code that no other order of the brand waits under; one that is taken is drawn anew."""
    for _ in range(5):
        code = f"{secrets.randbelow(10**8):08d}"
        try:
            async with session.begin_nested():
                await session.execute(
                    update(Order).where(col(Order.id) == order_id).values(pick_up_code=code)
                )
                return
        except IntegrityError:
            continue
    raise RuntimeError("no free pick-up code in five tries")


def _as_drawn(code: str) -> str:
    """As it was drawn, from what was typed: a Chinese keyboard may send full-width digits."""
    return unicodedata.normalize("NFKC", code).strip()


async def ship(
    session: AsyncSession,
    staff: Principal,
    order_id: UUID,
    carrier: str,
    tracking_number: str,
    now: datetime,
) -> None:
    """Raises `WrongStatus` (409) unless it is paid and not yet handed over."""
    order = await _to_fulfil(session, staff, order_id)
    if order.fulfilment not in {"none", "to_ship"}:
        raise WrongStatus(order_status=order.status, fulfilment=order.fulfilment)
    await _must_have_units(session, order)
    order.delivery = {
        **(order.delivery or {"method": "delivery"}),
        "carrier": carrier,
        "tracking_number": tracking_number,
    }
    await _hand_over(session, staff, order, "shipped", now, carrier, tracking_number)


async def pick_up(session: AsyncSession, staff: Principal, order_id: UUID, code: str, now: datetime) -> None:
    """Raises `WrongPickUpCode` (409), `WrongStatus` (409)."""
    order = await _to_fulfil(session, staff, order_id)
    if order.fulfilment != "to_pick_up":
        raise WrongStatus(order_status=order.status, fulfilment=order.fulfilment)
    if not secrets.compare_digest((order.pick_up_code or "").encode(), _as_drawn(code).encode()):
        raise WrongPickUpCode
    await _hand_over(session, staff, order, "picked_up", now)


async def pick_up_by_code(
    session: AsyncSession, staff: Principal, store_id: UUID, code: str, now: datetime
) -> UUID:
    """The code typed at a store's counter finds its order. Raises `WrongPickUpCode` (409), `NotFound` for another
    brand's store."""
    await stores.of_brand(session, staff.brand_id, store_id)
    found = await session.execute(
        text(
            "SELECT id FROM orders WHERE brand_id = :brand_id AND pick_up_code = :code AND status = 'paid' "
            "AND fulfilment = 'to_pick_up' AND delivery->>'store_id' = :store_id"
        ),
        {"brand_id": staff.brand_id, "code": _as_drawn(code), "store_id": str(store_id)},
    )
    order_id = found.scalar()
    if order_id is None:
        raise WrongPickUpCode
    await pick_up(session, staff, order_id, code, now)
    return UUID(str(order_id))


async def _hand_over(
    session: AsyncSession,
    staff: Principal,
    order: Order,
    step: Any,
    now: datetime,
    carrier: str = "",
    tracking_number: str = "",
) -> None:
    order.fulfilment = step
    note = f"{carrier} {tracking_number}".strip()
    session.add(OrderEvent(order_id=order.id, kind=step, at=now, note=note, actor_id=staff.id))
    await session.flush()
    await record(
        session,
        OrderFulfilled(
            brand_id=order.brand_id,
            order_id=order.id,
            number=order.number,
            member_id=order.member_id,
            store_id=order.store_id,
            room_id=order.room_id,
            step=step,
            carrier=carrier,
            tracking_number=tracking_number,
        ),
    )


async def _to_fulfil(session: AsyncSession, staff: Principal, order_id: UUID) -> Order:
    order = (await session.exec(select(Order).where(Order.id == order_id).with_for_update())).first()
    if order is None or order.brand_id != staff.brand_id:
        raise NotFound
    if not rules.may_fulfil(staff, order.brand_id, rules.stores_of(order.store_id, order.delivery)):
        raise NotFound
    if order.status != "paid":
        raise WrongStatus(order_status=order.status)
    return order
