"""More time for an order that waits for its payment. The row alone says until when; whoever ends it reads the row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.principal import Principal
from server.kit.problems import Conflict, NotFound
from server.orders import reading, rules
from server.orders.facts import HoldExtended
from server.orders.models import Order, OrderEvent
from server.orders.rules import WrongStatus
from server.payments import service as payments

MOST_LISTED = 100


class HoldOver(WrongStatus):
    """The buyer does not wait any more. `reason`: hold-paid, hold-lapsed, hold-cancelled."""


class HoldLongEnough(Conflict):
    """`most_seconds` is what could still be added now."""

    slug, title = "hold-long-enough", "A hold may not wait that long from now"


class WaitingHold(msgspec.Struct):
    """A hold whose buyer has not paid yet. `extended_seconds`: how much longer it waits than it was to. `releasable`:
    whether the caller may call it off (`POST /api/orders/{order}/cancel`)."""

    hold_id: UUID
    order_id: UUID
    number: str
    name: str
    quantity: int
    amount_minor: int
    pay_by: datetime
    extended_seconds: int
    releasable: bool


async def extend(
    session: AsyncSession, staff: Principal, order_id: UUID, seconds: int, key: str, now: datetime
) -> WaitingHold:
    """By whoever may run sales in the order's room; the same key adds once. Whoever ends the order at this moment has
    its row: one of both comes first, and the other sees what it did.

    Raises `NotFound`, `Forbidden` (403), `HoldOver`, `HoldLongEnough` (409), `KeyReused` (422).
    """
    order = (await session.exec(select(Order).where(Order.id == order_id).with_for_update())).first()
    if order is None:
        raise NotFound
    await reading.must_run_room(session, staff, order.room_id)
    step_id, note = uuid5(order.id, f"extended:{staff.id}:{key}"), rules.added(seconds)
    if known := await session.get(OrderEvent, step_id):
        if known.note != note:
            raise KeyReused
    else:
        _must_wait(order, seconds, now)
        order.pay_by += timedelta(seconds=seconds)
        step = OrderEvent(
            id=step_id, order_id=order.id, kind="extended", at=now, note=note, actor_id=staff.id
        )
        session.add(step)
        await session.flush()
        await payments.extend(session, "order", order.id, order.pay_by)
        await record(session, await _fact(session, order, seconds))
    return (await _load(session, staff, [order.id]))[0]


def _must_wait(order: Order, seconds: int, now: datetime) -> None:
    if reason := rules.why_over(order.status, order.pay_by, now):
        raise HoldOver(order_status=order.status, reason=reason)
    most = rules.most_seconds(order.pay_by, now)
    if seconds > most:
        raise HoldLongEnough(most_seconds=most)


async def _fact(session: AsyncSession, order: Order, seconds: int) -> HoldExtended:
    return HoldExtended(
        brand_id=order.brand_id,
        order_id=order.id,
        hold_id=order.hold_id,
        number=order.number,
        member_id=order.member_id,
        name=await reading.buyer_name(session, order.member_id),
        room_id=order.room_id,
        sale_id=order.sale_id,
        seconds=seconds,
        pay_by=order.pay_by,
    )


async def waiting(session: AsyncSession, staff: Principal, sale_id: UUID, now: datetime) -> list[WaitingHold]:
    """Of a sale, the first to lapse first, at most `MOST_LISTED`."""
    due = await session.execute(_WAITING, {"sale_id": sale_id, "now": now, "most": MOST_LISTED})
    return await _load(session, staff, due.scalars().all())


_WAITING = text(
    """
    SELECT id FROM orders WHERE status = 'awaiting_payment' AND pay_by > :now AND sale_id = :sale_id
    ORDER BY pay_by LIMIT :most
    """
)
_ROWS = text(
    """
    SELECT o.hold_id, o.id AS order_id, o.number, m.name, o.amount_minor, o.pay_by, o.brand_id, o.store_id,
           (SELECT sum(l.quantity)::int FROM order_line l WHERE l.order_id = o.id AND NOT l.gift) AS quantity,
           (SELECT array_agg(e.note) FROM order_event e WHERE e.order_id = o.id AND e.kind = 'extended') AS notes
    FROM orders o JOIN member m ON m.id = o.member_id
    WHERE o.id = ANY(CAST(:ids AS uuid[])) ORDER BY o.pay_by, o.id
    """
)


async def _load(session: AsyncSession, staff: Principal, order_ids: Sequence[UUID]) -> list[WaitingHold]:
    holds = []
    for row in (await session.execute(_ROWS, {"ids": list(order_ids)})).mappings():
        fields = dict(row)
        brand_id, store_id, notes = (fields.pop(name) for name in ("brand_id", "store_id", "notes"))
        holds.append(
            WaitingHold(
                **fields,
                extended_seconds=sum(rules.seconds_of(note) for note in notes or ()),
                releasable=rules.may_cancel(staff, brand_id, store_id),
            )
        )
    return holds
