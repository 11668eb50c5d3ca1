"""Orders found and shown: to their buyer, to staff in scope, to other features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import or_, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import RUNS_ROOMS, Principal, Role
from server.kit.problems import Forbidden, NotFound
from server.members import service as members
from server.members.models import Member
from server.orders import rules, views
from server.orders.models import Order
from server.orders.views import OrderView


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
    return (await views.load(session, viewer, [order_id]))[0]


async def listing(
    session: AsyncSession,
    viewer: Principal,
    *,
    status: str | None,
    fulfilment: str | None,
    room_id: UUID | None,
    query: str | None,
    cursor: str | None,
    store_id: UUID | None = None,
) -> Page[OrderView]:
    """A member's own orders; staff's in scope; newest first. A host sees those of a room that a host may run.

    `query` is looked for in numbers, names and phone numbers; who may not see a phone number finds it only whole.
    """
    if viewer.kind == "staff" and not (viewer.is_headquarters or viewer.role is Role.MANAGER):
        await _must_host(session, viewer, room_id)
    wanted = select(Order.id).order_by(col(Order.id).desc()).limit(PAGE + 1)
    if viewer.kind == "staff":
        wanted = wanted.where(Order.brand_id == viewer.brand_id)
    else:
        wanted = wanted.where(Order.member_id == viewer.id)
    if viewer.role is Role.MANAGER:
        wanted = wanted.where(Order.store_id == viewer.store_id)
    asked = {"status": status, "fulfilment": fulfilment, "room_id": room_id, "store_id": store_id}
    wanted = wanted.filter_by(**{column: value for column, value in asked.items() if value})
    if query:
        found = (col(column).icontains(query, autoescape=True) for column in (Order.number, Member.name))
        wanted = wanted.join(Member).where(or_(*found, members.by_phone(viewer, query)))
    if last := before(cursor):
        wanted = wanted.where(Order.id < last)
    orders = await views.load(session, viewer, (await session.exec(wanted)).all())
    return page(orders, lambda view: view, lambda view: view.order_id)


async def _must_host(session: AsyncSession, viewer: Principal, room_id: UUID | None) -> None:
    """Raises `Forbidden`."""
    row = await session.execute(text("SELECT brand_id, store_id FROM room WHERE id = :id"), {"id": room_id})
    room = row.first()
    if room is None or viewer.role not in RUNS_ROOMS or not viewer.may_run_room(*room):
        raise Forbidden


async def open_holds(session: AsyncSession, asked: Sequence[tuple[UUID, UUID]]) -> list[list[dict[str, Any]]]:
    """For each (room, member) what is held and not paid yet, as the protocol's `Hold`."""
    holds: dict[tuple[UUID, UUID], list[dict[str, Any]]] = {pair: [] for pair in asked}
    rows = (
        await session.execute(
            text(
                """
                SELECT o.room_id, o.member_id, o.hold_id, o.id AS order_id, o.sale_id, o.amount_minor, o.pay_by,
                       (SELECT sum(l.quantity)::int FROM order_line l WHERE l.order_id = o.id) AS quantity
                FROM orders o
                WHERE o.status = 'awaiting_payment' AND (o.room_id, o.member_id) IN (
                    SELECT * FROM unnest(CAST(:rooms AS uuid[]), CAST(:members AS uuid[])))
                ORDER BY o.id
                """
            ),
            {"rooms": [room for room, _ in asked], "members": [member for _, member in asked]},
        )
    ).mappings()
    for row in rows:
        hold = dict(row)
        holds[hold.pop("room_id"), hold.pop("member_id")].append(msgspec.to_builtins(hold))
    return [holds[pair] for pair in asked]


async def buyer_name(session: AsyncSession, member_id: UUID) -> str:
    return (await session.exec(select(Member.name).where(Member.id == member_id))).one()
