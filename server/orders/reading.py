"""Orders found and shown: to their buyer, to staff in scope, to other features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, or_, text, union
from sqlalchemy import select as sql_select
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from server.kit.clock import day_begins
from server.kit.ids import first_id
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


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to. `since` and `until` are days of the shop, both included. `query` is the beginning of
    an order's number, a part of a buyer's name, or a phone number (whole for who may not see numbers)."""

    status: str | None = None
    fulfilment: str | None = None
    refund_due: bool = False
    room_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    since: date | None = None
    until: date | None = None
    query: str = ""


TABS: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    "awaiting_payment": {"status": "awaiting_payment"},
    "to_ship": {"fulfilment": "to_ship"},
    "to_pick_up": {"fulfilment": "to_pick_up"},
    "shipped": {"fulfilment": "shipped"},
    "picked_up": {"fulfilment": "picked_up"},
    "closed": {"status": "closed"},
    "refund_due": {"refund_due": True},
}
"""The lists that staff look through, and what each narrows the filter to."""

MOST_COUNTED = 1_000
"""A tab's count goes no further, so that it costs the same however many orders there were."""

MOST_NAMED = 1_000
"""Members whose orders a search for a name looks through, the newest."""


async def listing(
    session: AsyncSession, viewer: Principal, asked: Filter, cursor: str | None = None
) -> Page[OrderView]:
    """A member's own orders; staff's in scope; newest first. A host sees those of a room that a host may run."""
    wanted = await wanted_ids(session, viewer, asked)
    if last := before(cursor):
        wanted = wanted.where(Order.id < last)
    ids = (await session.exec(wanted.order_by(col(Order.id).desc()).limit(PAGE + 1))).all()
    orders = await views.load(session, viewer, ids)
    return page(orders, lambda view: view, lambda view: view.order_id)


async def counts(session: AsyncSession, staff: Principal, asked: Filter) -> dict[str, int]:
    """Orders of each tab, counted up to `MOST_COUNTED`."""
    columns = []
    for tab, narrowed in TABS.items():
        only = {"status": None, "fulfilment": None, "refund_due": False, **narrowed}
        wanted = await wanted_ids(session, staff, msgspec.structs.replace(asked, **only))
        some = wanted.limit(MOST_COUNTED).subquery()
        columns.append(select(func.count()).select_from(some).scalar_subquery().label(tab))
    row = (await session.execute(sql_select(*columns))).one()
    return dict(row._mapping)


async def wanted_ids(session: AsyncSession, viewer: Principal, asked: Filter) -> SelectOfScalar[UUID]:
    """Ids of what this viewer may see of the filter, unordered. Raises `Forbidden` (403)."""
    if viewer.kind == "staff" and not (viewer.is_headquarters or viewer.role is Role.MANAGER):
        await _must_host(session, viewer, asked.room_id)
    wanted = select(Order.id)
    if viewer.kind == "staff":
        wanted = wanted.where(Order.brand_id == viewer.brand_id)
    else:
        wanted = wanted.where(Order.member_id == viewer.id)
    if viewer.role is Role.MANAGER:
        wanted = wanted.where(Order.store_id == viewer.store_id)
    same = ("status", "fulfilment", "room_id", "store_id", "guide_id")
    wanted = wanted.filter_by(**{column: value for column in same if (value := getattr(asked, column))})
    if asked.refund_due:
        wanted = wanted.where(Order.refund_due_minor > 0)
    if asked.since:  # ids are in the order of time
        wanted = wanted.where(Order.id >= first_id(day_begins(asked.since)))
    if asked.until:
        wanted = wanted.where(Order.id < first_id(day_begins(asked.until + timedelta(days=1))))
    if words := asked.query.strip():
        wanted = wanted.where(col(Order.id).in_(_found(viewer, words)))
    return wanted


def _found(viewer: Principal, words: str) -> Any:
    """Orders that these words mean, each way by an index of its own."""
    number = words.upper()
    by_number = select(Order.id).where(col(Order.number).between(number, number + "Z" * 16))
    named = or_(col(Member.name).icontains(words, autoescape=True), members.by_phone(viewer, words))
    buyers = select(Member.id).where(Member.brand_id == viewer.brand_id, named)
    newest = buyers.order_by(col(Member.id).desc()).limit(MOST_NAMED)
    return union(by_number, select(Order.id).where(col(Order.member_id).in_(newest)))


async def _must_host(session: AsyncSession, viewer: Principal, room_id: UUID | None) -> None:
    """Raises `Forbidden`."""
    row = await session.execute(text("SELECT brand_id, store_id FROM room WHERE id = :id"), {"id": room_id})
    room = row.first()
    if room is None or viewer.role not in RUNS_ROOMS or not viewer.may_run_room(*room):
        raise Forbidden


async def must_run_room(session: AsyncSession, staff: Principal, room_id: UUID | None) -> None:
    """Whoever may run sales there: a store's own people in its own room, too. Raises `NotFound`, `Forbidden`."""
    row = await session.execute(text("SELECT brand_id, store_id FROM room WHERE id = :id"), {"id": room_id})
    room = row.first()
    if room is None or room[0] != staff.brand_id:
        raise NotFound
    if not staff.may_run_room(*room):
        raise Forbidden if staff.is_headquarters or staff.role is Role.HOST else NotFound


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
