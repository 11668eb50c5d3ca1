"""Orders: placed, paid, released, refunded, fulfilled. Money and status change in conditional updates only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows
from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.ids import readable_code, uuid7
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import RUNS_ROOMS, Principal, Role
from server.kit.problems import Conflict, Forbidden, Invalid, NotFound, Problem
from server.kit.settings import Settings
from server.orders import rules, views
from server.orders.facts import (
    HeldOrder,
    OrderPaid,
    OrderRefunded,
    OrdersHeld,
    OrdersReleased,
    ReleasedOrder,
    SoldLine,
)
from server.orders.models import Order, OrderEvent, OrderLine
from server.orders.views import OrderView
from server.payments import service as payments
from server.payments.models import Payment
from server.stock import service as stock
from server.stock.rules import Pool
from server.stock.service import OutOfStock, Taking

HOLD_FOR = timedelta(minutes=15)
"""How long an ordinary order may wait for its payment; a flash sale sets its own."""


class WrongStatus(Conflict):
    """`order_status` is what the order is in."""

    slug, title = "wrong-status", "The order's status does not allow this"


class PaymentTooLate(Problem):
    status, slug, title = 410, "payment-too-late", "The time to pay is over; the units went back"


def new_number(now: datetime) -> str:
    """Read aloud at a counter: the day and ten letters."""
    return f"{now:%y%m%d}{readable_code(10)}"


# Placing


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
) -> Placed:
    """An order of ordinary products at shelf prices: from the carrying store's pool, else from headquarters'.

    The credit stays with the store either way. The same key gives the same order. Raises `OutOfStock` (409),
    `KeyReused` (422), `Invalid` (422: not on this room's shelf).
    """
    if earlier := await _earlier(session, member.id, key, asked):
        return earlier
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"{member.id}:{key}"}
    )
    if earlier := await _earlier(session, member.id, key, asked):
        return earlier
    prices = await _shelf_prices(session, member.brand_id, room_id, [line.sku_id for line in lines])
    carried = await session.execute(
        text(
            "SELECT coalesce(v.store_id, r.store_id), v.guide_id, v.link_id FROM room r "
            "LEFT JOIN visit v ON v.room_id = r.id AND v.member_id = :member_id WHERE r.id = :room_id"
        ),
        {"room_id": room_id, "member_id": member.id},
    )
    store_id, guide_id, link_id = carried.one()
    hold_id = uuid7()
    pools = [(Pool.STORE, store_id)] if store_id else []
    for pool, pool_id in [*pools, (Pool.HEADQUARTERS, member.brand_id)]:
        if await stock.hold(session, pool, pool_id, lines, hold_id):
            break
    else:
        left = await stock.free(
            session, [line.sku_id for line in lines], [*pools, (Pool.HEADQUARTERS, member.brand_id)]
        )
        raise OutOfStock(left={str(sku): free for sku, free in left.items()})
    order = Order(
        brand_id=member.brand_id,
        room_id=room_id,
        store_id=store_id,
        guide_id=guide_id,
        link_id=link_id,
        member_id=member.id,
        hold_id=hold_id,
        key=key,
        request_hash=asked,
        number=new_number(now),
        amount_minor=sum(prices[line.sku_id].price_minor * line.quantity for line in lines),
        pay_by=(now + HOLD_FOR).replace(microsecond=0),
        created_at=now,
    )
    session.add(order)
    await session.flush()
    session.add_all(
        OrderLine(
            order_id=order.id,
            sku_id=line.sku_id,
            title=prices[line.sku_id].title,
            image=prices[line.sku_id].image,
            quantity=line.quantity,
            price_minor=prices[line.sku_id].price_minor,
        )
        for line in lines
    )
    session.add(OrderEvent(order_id=order.id, kind="held", at=now))
    await record(
        session,
        OrdersHeld(
            brand_id=order.brand_id,
            room_id=room_id,
            orders=[
                HeldOrder(
                    order_id=order.id,
                    hold_id=hold_id,
                    member_id=member.id,
                    number=order.number,
                    name=member.name,
                    title=prices[lines[0].sku_id].title,
                    quantity=sum(line.quantity for line in lines),
                    amount_minor=order.amount_minor,
                    pay_by=order.pay_by,
                    store_id=store_id,
                    guide_id=guide_id,
                )
            ],
        ),
    )
    return Placed(hold_id, order.id, order.pay_by, order.amount_minor)


async def _earlier(session: AsyncSession, member_id: UUID, key: str, asked: bytes) -> Placed | None:
    order = (await session.exec(select(Order).where(Order.member_id == member_id, Order.key == key))).first()
    if order is None:
        return None
    if order.request_hash != asked:
        raise KeyReused
    return Placed(order.hold_id, order.id, order.pay_by, order.amount_minor)


class _Price(msgspec.Struct):
    sku_id: UUID
    title: str
    image: str | None
    price_minor: int


async def _shelf_prices(
    session: AsyncSession, brand_id: UUID, room_id: UUID, sku_ids: Sequence[UUID]
) -> dict[UUID, _Price]:
    """Prices are the server's. Only what stands on the shelf of a room that is on can be bought there."""
    rows = await session.execute(
        text(
            """
            SELECT k.id, p.title || CASE WHEN k.title <> '' THEN ' · ' || k.title ELSE '' END, p.image, k.price_minor
            FROM sku k JOIN product p ON p.id = k.product_id
            JOIN shelf_item i ON i.product_id = p.id AND i.room_id = :room_id
            JOIN room r ON r.id = i.room_id AND r.state IN ('warming', 'live', 'paused')
            WHERE k.brand_id = :brand_id AND k.id = ANY(CAST(:skus AS uuid[]))
            """
        ),
        {"brand_id": brand_id, "room_id": room_id, "skus": list(sku_ids)},
    )
    found = {row[0]: _Price(*row) for row in rows}
    if missing := [sku for sku in sku_ids if sku not in found]:
        raise Invalid(
            errors=[{"field": "sku_id", "message": f"{sku} is not sold in this room"} for sku in missing]
        )
    return found


# Paying


async def start_payment(
    session: AsyncSession,
    settings: Settings,
    member: Principal,
    order_id: UUID,
    provider: str,
    return_url: str,
    now: datetime,
) -> Payment:
    """Raises `NotFound`, `PaymentTooLate` (410), `WrongStatus` (409)."""
    order = await own(session, member, order_id)
    if order.status == "expired" or (order.status == "awaiting_payment" and order.pay_by <= now):
        raise PaymentTooLate
    if order.status != "awaiting_payment":
        raise WrongStatus(order_status=order.status)
    title = (await session.exec(select(OrderLine.title).where(OrderLine.order_id == order.id).limit(1))).one()
    return await payments.create(
        session,
        settings,
        brand_id=order.brand_id,
        member_id=member.id,
        payable="order",
        payable_id=order.id,
        provider=provider,
        amount_minor=order.amount_minor,
        title=title,
        return_url=return_url,
    )


async def book_payment(session: AsyncSession, order_id: UUID, amount_minor: int, now: datetime) -> None:
    """Money for an order came in: it is paid if it still waited, else the money is due back."""
    order = (
        await session.exec(
            update(Order)
            .where(col(Order.id) == order_id, col(Order.status) == "awaiting_payment")
            .values(
                status="paid",
                paid_at=now,
                paid_minor=Order.paid_minor + amount_minor,
                fulfilment=text(
                    "CASE delivery->>'method' WHEN 'delivery' THEN 'to_ship' WHEN 'pick_up' THEN 'to_pick_up' "
                    "ELSE 'none' END"
                ),
            )
            .returning(Order)
        )
    ).scalar_one_or_none()
    if order is None:
        await session.execute(
            update(Order)
            .where(col(Order.id) == order_id)
            .values(
                paid_minor=Order.paid_minor + amount_minor,
                refund_due_minor=Order.refund_due_minor + amount_minor,
            )
        )
        session.add(OrderEvent(order_id=order_id, kind="paid_too_late", at=now))
        return
    await stock.sell(session, [order.hold_id])
    session.add(OrderEvent(order_id=order.id, kind="paid", at=now))
    lines = (await session.exec(select(OrderLine).where(OrderLine.order_id == order.id))).all()
    await session.flush()
    await record(
        session,
        OrderPaid(
            brand_id=order.brand_id,
            order_id=order.id,
            number=order.number,
            member_id=order.member_id,
            name=await _member_name(session, order.member_id),
            room_id=order.room_id,
            sale_id=order.sale_id,
            store_id=order.store_id,
            guide_id=order.guide_id,
            link_id=order.link_id,
            amount_minor=order.amount_minor,
            lines=[SoldLine(sku_id=x.sku_id, title=x.title, quantity=x.quantity) for x in lines],
        ),
    )


async def _member_name(session: AsyncSession, member_id: UUID) -> str:
    row = await session.execute(text("SELECT name FROM member WHERE id = :id"), {"id": member_id})
    return str(row.scalar_one())


# Releasing


async def expire_due(session: AsyncSession, now: datetime, limit: int = 500) -> int:
    """Orders whose time to pay is over: the row first, then the units; the gate follows the fact. Two sweepers
    never take the same order."""
    return await _release(
        session,
        now,
        "expired",
        "o.status = 'awaiting_payment' AND o.pay_by < :now ORDER BY o.pay_by LIMIT :limit FOR UPDATE SKIP LOCKED",
        {"limit": limit},
    )


async def cancel(session: AsyncSession, viewer: Principal, order_id: UUID, now: datetime) -> None:
    """By its buyer, or staff in scope, while it waits for payment. Raises `WrongStatus` (409)."""
    order = await seen(session, viewer, order_id)
    done = await _release(
        session,
        now,
        "cancelled",
        "o.id = :order_id AND o.status = 'awaiting_payment' FOR UPDATE",
        {"order_id": order_id},
    )
    if not done:
        await session.refresh(order)
        raise WrongStatus(order_status=order.status)


async def _release(
    session: AsyncSession, now: datetime, reason: Any, which: str, values: dict[str, Any]
) -> int:
    rows = (
        await session.execute(
            text(
                f"""
                WITH due AS (SELECT o.id FROM orders o WHERE {which}),
                ended AS (UPDATE orders o SET status = :reason FROM due WHERE o.id = due.id RETURNING o.*),
                told AS (INSERT INTO order_event (id, order_id, kind, at, note)
                         SELECT uuidv7(), id, :reason, :now, '' FROM ended)
                SELECT e.brand_id, e.id AS order_id, e.hold_id, e.member_id, e.key, e.room_id, e.sale_id,
                       (SELECT sum(l.quantity)::int FROM order_line l WHERE l.order_id = e.id) AS quantity
                FROM ended e
                """  # noqa: S608  the condition is this module's own
            ),
            {"now": now, "reason": reason, **values},
        )
    ).mappings()
    by_brand: dict[UUID, list[ReleasedOrder]] = defaultdict(list)
    for row in rows:
        fields = dict(row)
        by_brand[fields.pop("brand_id")].append(ReleasedOrder(**fields))
    released = [order for orders in by_brand.values() for order in orders]
    if released:
        await stock.release(session, [order.hold_id for order in released])
        await record(
            session,
            *(
                OrdersReleased(brand_id=brand, reason=reason, orders=orders)
                for brand, orders in by_brand.items()
            ),
        )
    return len(released)


# Refunding


class NothingToRefund(Conflict):
    """`refundable_minor` is the most that can go back now."""

    slug, title = "refund-too-large", "More than what was paid and not refunded yet"


async def refund(
    session: AsyncSession,
    staff: Principal,
    order_id: UUID,
    amount_minor: int,
    key: str,
    reason: str,
    now: datetime,
) -> UUID:
    """Book money going back; the worker asks the provider. What is due back anyway goes first. The same key books
    once. When all of it went back the order closes, and goods that never left are free again.

    Raises `NothingToRefund` (409), `Forbidden`, `NotFound`.
    """
    if staff.role not in {Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.MANAGER}:
        raise Forbidden
    order = await seen(session, staff, order_id, lock=True)
    again = await session.execute(
        text(
            "SELECT r.id FROM refund r JOIN payment p ON p.id = r.payment_id "
            "WHERE p.payable_id = :order_id AND r.key = :key LIMIT 1"
        ),
        {"order_id": order_id, "key": key},
    )
    if (earlier := again.scalar()) is not None:
        return UUID(str(earlier))
    refundable = order.paid_minor - order.refunded_minor
    if amount_minor > refundable:
        raise NothingToRefund(refundable_minor=refundable)
    booked = await payments.refund(session, "order", order_id, amount_minor, key, reason)
    was_paid = order.status == "paid"
    due = min(order.refund_due_minor, amount_minor)
    order.refunded_minor += amount_minor  # the row is locked
    order.refund_due_minor -= due
    order.goods_refunded_minor += amount_minor - due
    closed = was_paid and order.goods_refunded_minor == order.amount_minor
    if closed:
        order.status = "closed"
        if order.fulfilment in {"none", "to_ship", "to_pick_up"}:
            order.fulfilment = "none"
            await stock.take_back(session, order.hold_id)
    session.add(OrderEvent(order_id=order.id, kind="refunded", at=now, note=reason, actor_id=staff.id))
    await session.flush()
    await record(
        session,
        OrderRefunded(
            brand_id=order.brand_id,
            order_id=order.id,
            number=order.number,
            refund_id=booked[0].id,
            member_id=order.member_id,
            name=await _member_name(session, order.member_id),
            key=order.key,
            room_id=order.room_id,
            sale_id=order.sale_id,
            store_id=order.store_id,
            guide_id=order.guide_id,
            amount_minor=amount_minor,
            refunded_minor=order.goods_refunded_minor,
            order_amount_minor=order.amount_minor,
            closed=closed,
        ),
    )
    return booked[0].id


# Reading


async def own(session: AsyncSession, member: Principal, order_id: UUID, *, lock: bool = False) -> Order:
    query = select(Order).where(Order.id == order_id, Order.member_id == member.id)
    order = (await session.exec(query.with_for_update() if lock else query)).first()
    if order is None:
        raise NotFound
    return order


async def seen(session: AsyncSession, viewer: Principal, order_id: UUID, *, lock: bool = False) -> Order:
    """The order, if this viewer may see it. Raises `NotFound`."""
    query = select(Order).where(Order.id == order_id)
    order = (await session.exec(query.with_for_update() if lock else query)).first()
    if order is None or not rules.may_see(viewer, order.brand_id, order.store_id, order.member_id):
        raise NotFound
    return order


async def show(session: AsyncSession, viewer: Principal, order_id: UUID) -> OrderView:
    await seen(session, viewer, order_id)
    return (await views.load(session, "WHERE o.id = :id", {"id": order_id}, staff=viewer.kind == "staff"))[0]


async def listing(
    session: AsyncSession,
    viewer: Principal,
    *,
    status: str | None,
    fulfilment: str | None,
    room_id: UUID | None,
    query: str | None,
    cursor: str | None,
) -> Page[OrderView]:
    """A member's own orders; staff's in scope; newest first."""
    runs_the_room = viewer.role in RUNS_ROOMS and room_id is not None
    if viewer.kind == "staff" and not (
        viewer.is_headquarters or viewer.role is Role.MANAGER or runs_the_room
    ):
        raise Forbidden
    conditions = {
        "o.member_id = :viewer": viewer.kind == "member",
        "o.brand_id = :brand_id": viewer.kind == "staff",
        "o.store_id = :store_id": viewer.role is Role.MANAGER,
        "o.status = :status": status,
        "o.fulfilment = :fulfilment": fulfilment,
        "o.room_id = :room_id": room_id,
        "(o.number ILIKE :query OR m.name ILIKE :query OR m.phone ILIKE :query)": query,
        "o.id < :before": cursor,
    }
    where = " AND ".join(condition for condition, wanted in conditions.items() if wanted)
    found = await views.load(
        session,
        f"WHERE {where} ORDER BY o.id DESC LIMIT {PAGE + 1}",
        {
            "viewer": viewer.id,
            "brand_id": viewer.brand_id,
            "store_id": viewer.store_id,
            "status": status,
            "fulfilment": fulfilment,
            "room_id": room_id,
            "query": f"%{query}%",
            "before": before(cursor),
        },
        staff=viewer.kind == "staff",
    )
    if viewer.role is Role.HOST:
        for view in found:
            view.hide_contact()
    return page(found, lambda view: view, lambda view: view.order_id)


async def open_holds(session: AsyncSession, room_id: UUID, member_id: UUID) -> list[dict[str, Any]]:
    """What a member holds in a room and has not paid yet, as the protocol's `Hold`."""
    rows = (
        await session.execute(
            text(
                """
                SELECT o.hold_id, o.id AS order_id, o.sale_id, o.amount_minor, o.pay_by,
                       (SELECT sum(l.quantity)::int FROM order_line l WHERE l.order_id = o.id) AS quantity
                FROM orders o
                WHERE o.member_id = :member_id AND o.room_id = :room_id AND o.status = 'awaiting_payment'
                ORDER BY o.id
                """
            ),
            {"room_id": room_id, "member_id": member_id},
        )
    ).mappings()
    return [msgspec.to_builtins(dict(row)) for row in rows]


# Checking

VERIFY = {
    "orders_amount_equals_lines": """
        SELECT o.id::text, o.amount_minor, sum(l.quantity * l.price_minor)::bigint AS lines_minor
        FROM orders o LEFT JOIN order_line l ON l.order_id = o.id GROUP BY o.id
        HAVING o.amount_minor IS DISTINCT FROM sum(l.quantity * l.price_minor)""",
    "orders_paid_equals_payments": """
        SELECT o.id::text, o.paid_minor, coalesce(sum(p.amount_minor), 0)::bigint AS payments_minor
        FROM orders o LEFT JOIN payment p
            ON p.payable = 'order' AND p.payable_id = o.id AND p.status = 'succeeded'
        GROUP BY o.id HAVING o.paid_minor <> coalesce(sum(p.amount_minor), 0)""",
    "orders_refunded_equals_refunds": """
        SELECT o.id::text, o.refunded_minor, coalesce(sum(p.refunded_minor), 0)::bigint AS refunds_minor
        FROM orders o LEFT JOIN payment p ON p.payable = 'order' AND p.payable_id = o.id
        GROUP BY o.id HAVING o.refunded_minor <> coalesce(sum(p.refunded_minor), 0)""",
    "orders_status_equals_holds": """
        SELECT o.id::text, o.status, h.state FROM orders o JOIN stock_hold h ON h.hold_id = o.hold_id
        WHERE h.state <> CASE WHEN o.status = 'awaiting_payment' THEN 'held'
                              WHEN o.status IN ('paid', 'closed') THEN 'sold' ELSE 'released' END""",
}
"""Queries that list broken rows."""


async def verify(session: AsyncSession) -> Broken:
    """Order invariants: check name → broken rows."""
    return await broken_rows(session, VERIFY)
