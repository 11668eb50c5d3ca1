"""Money going back: booked here, asked of the provider by the worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.principal import Principal
from server.kit.problems import Conflict, Forbidden, Invalid
from server.orders import reading, rules
from server.orders.facts import OrderRefunded, SoldLine
from server.orders.models import Order, OrderEvent, OrderLine, OrderRefundLine
from server.orders.rules import WrongStatus
from server.payments import service as payments
from server.payments.models import Payment, Refund
from server.stock import returning
from server.stock.service import Taking


class LineUnits(msgspec.Struct, frozen=True):
    line_id: UUID
    quantity: int


class TooManyUnits(Conflict):
    """`left` has how many units of each line in question were not refunded yet."""

    slug, title = "too-many-units", "More units than were bought and not refunded yet"


async def refund(
    session: AsyncSession,
    staff: Principal,
    order_id: UUID,
    amount_minor: int | None,
    key: str,
    reason: str,
    now: datetime,
    *,
    lines: Sequence[LineUnits] = (),
    goods_back: bool = False,
) -> UUID:
    """Book money going back; the worker asks the provider. The same key books once. When all of it went back the order
    closes.

    Without `lines`, what is due back anyway goes first. With them the amount is their price unless a smaller one is
    given, and never more than what the order has left. Units that never left are free again; units that did, only when
    `goods_back` says so.

    Raises `RefundTooLarge`, `TooManyUnits`, `WrongStatus` (409), `KeyReused`, `Invalid` (422: a line of another order),
    `Forbidden`, `NotFound`.
    """
    if staff.role not in rules.REFUNDS:
        raise Forbidden
    order = await reading.seen(session, staff, order_id, lock=True)
    if earlier := await _earlier(session, order_id, key, amount_minor, lines):
        return earlier
    own = await lines_of(session, order_id)
    units = units_of(own, lines)
    amount = _amount(order, units, amount_minor)
    due = 0 if units else min(order.refund_due_minor, amount)
    closed = order.status == "paid" and order.goods_refunded_minor + amount - due == order.amount_minor
    if goods_back and not (units or closed):
        raise Invalid(errors=[{"field": "goods_back", "message": "name the lines that came back"}])
    booked = (await payments.refund(session, "order", order_id, amount, key, reason))[0]
    order.refunded_minor += amount  # the row is locked, and its lines with it
    order.refund_due_minor -= due
    order.goods_refunded_minor += amount - due
    for line, quantity in units:
        line.refunded += quantity
        session.add(OrderRefundLine(refund_id=booked.id, line_id=line.id, quantity=quantity))
    returned = await _take_back(session, order, own, units, booked.id, closed=closed, goods_back=goods_back)
    if closed:
        order.status = "closed"
    if order.fulfilment not in rules.HANDED_OVER and (closed or rules.nothing_left(own.values())):
        order.fulfilment = "none"
    session.add(
        OrderEvent(
            order_id=order.id, kind="refunded", at=now, note=reason, actor_id=staff.id, amount_minor=amount
        )
    )
    await tell(
        session,
        order,
        booked.id,
        amount,
        closed=closed,
        lines=[SoldLine(sku_id=line.sku_id, title=line.title, quantity=n) for line, n in units],
        returned=returned,
    )
    return booked.id


async def tell(session: AsyncSession, order: Order, refund_id: UUID, amount_minor: int, **more: Any) -> None:
    """That money of the order goes back, as its row has it by now. `more`: fields of `OrderRefunded`."""
    await session.flush()
    await record(
        session,
        OrderRefunded(
            brand_id=order.brand_id,
            order_id=order.id,
            number=order.number,
            refund_id=refund_id,
            member_id=order.member_id,
            name=await reading.buyer_name(session, order.member_id),
            key=order.key,
            room_id=order.room_id,
            sale_id=order.sale_id,
            store_id=order.store_id,
            guide_id=order.guide_id,
            amount_minor=amount_minor,
            refunded_minor=order.goods_refunded_minor,
            order_amount_minor=order.amount_minor,
            **more,
        ),
    )


async def lines_of(session: AsyncSession, order_id: UUID) -> dict[UUID, OrderLine]:
    asked = select(OrderLine).where(OrderLine.order_id == order_id).order_by(col(OrderLine.id))
    return {line.id: line for line in (await session.exec(asked)).all()}


def units_of(own: Mapping[UUID, OrderLine], asked: Sequence[LineUnits]) -> list[tuple[OrderLine, int]]:
    """The order's lines that are meant. Raises `Invalid` (422: not of this order, or twice), `TooManyUnits` (409)."""
    ids = [line.line_id for line in asked]
    if len(set(ids)) < len(ids) or not set(ids) <= set(own):
        raise Invalid(errors=[{"field": "lines", "message": "lines of this order, each once"}])
    left = {line.line_id: own[line.line_id].quantity - own[line.line_id].refunded for line in asked}
    if any(line.quantity > left[line.line_id] for line in asked):
        raise TooManyUnits(left={str(line_id): units for line_id, units in left.items()})
    return [(own[line.line_id], line.quantity) for line in asked]


def _amount(order: Order, units: Sequence[tuple[OrderLine, int]], amount_minor: int | None) -> int:
    """What goes back. Raises `RefundTooLarge`, `WrongStatus` (409), `Invalid` (422: neither amount nor lines)."""
    if units:
        if order.status != "paid":
            raise WrongStatus(order_status=order.status)
        most = min(rules.worth(units), order.amount_minor - order.goods_refunded_minor)
    else:
        if amount_minor is None:
            raise Invalid(errors=[{"field": "amount_minor", "message": "an amount, or lines"}])
        most = order.paid_minor - order.refunded_minor
    amount = most if amount_minor is None else amount_minor
    if amount > most or not amount:
        raise payments.RefundTooLarge(refundable_minor=most)
    return amount


async def _take_back(
    session: AsyncSession,
    order: Order,
    own: Mapping[UUID, OrderLine],
    units: Sequence[tuple[OrderLine, int]],
    refund_id: UUID,
    *,
    closed: bool,
    goods_back: bool,
) -> int:
    """How many units are free again: none of what left the shop, unless they came back."""
    at_hand = order.fulfilment not in rules.HANDED_OVER
    if closed and (at_hand or (goods_back and not units)):
        back = [(line, line.quantity - line.returned) for line in own.values()]
    elif at_hand or goods_back:
        back = [(line, min(quantity, line.quantity - line.returned)) for line, quantity in units]
    else:
        back = []
    for line, quantity in back:
        line.returned += quantity
    takings = [Taking(line.sku_id, quantity) for line, quantity in back if quantity]
    await returning.take_back(session, order.hold_id, takings, refund_id)
    return sum(taking.quantity for taking in takings)


async def _earlier(
    session: AsyncSession, order_id: UUID, key: str, amount_minor: int | None, lines: Sequence[LineUnits]
) -> UUID | None:
    """The first part of what was booked under this key, over however many payments. Raises `KeyReused` (422)."""
    asked = select(Refund).join(Payment).where(Payment.payable_id == order_id, Refund.key == key)
    booked = (await session.exec(asked.order_by(col(Refund.id)))).all()
    if not booked:
        return None
    of_lines = select(OrderRefundLine).where(OrderRefundLine.refund_id == booked[0].id)
    before = {LineUnits(row.line_id, row.quantity) for row in (await session.exec(of_lines)).all()}
    amount = sum(part.amount_minor for part in booked)
    if before != set(lines) or (amount_minor is not None and amount_minor != amount):
        raise KeyReused
    return booked[0].id
