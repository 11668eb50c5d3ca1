"""What a store and its guides see: arrivals, and figures that add up to the order ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import credits
from server.attribution.credits import CreditView
from server.attribution.models import Visit
from server.attribution.queries import PAST_ALL
from server.attribution.rules import Figures, GuideName, StoreName, ranking, tags
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import INVITES, OUTSIDE_GUIDES, Principal
from server.kit.problems import Forbidden, NotFound
from server.orders import service as orders
from server.orders.service import OrderView


class FiguresView(msgspec.Struct, kw_only=True):
    """`new_members`: visits that were the member's first of all rooms of the brand."""

    visits: int
    new_members: int
    orders: int
    amount_minor: int
    reversed_minor: int
    net_minor: int


class GuideLine(FiguresView, kw_only=True):
    rank: int
    guide: GuideName


class Board(msgspec.Struct):
    """`guides` by rank; `unguided` is what came to the store by no guide; `totals` is the sum of all."""

    store: StoreName
    guides: list[GuideLine]
    unguided: FiguresView
    totals: FiguresView


class OutsideBoard(msgspec.Struct):
    """Guides from outside by rank; `totals` is their sum."""

    guides: list[GuideLine]
    totals: FiguresView


class ArrivalView(msgspec.Struct, kw_only=True):
    """`orders` and `amount_minor`: what the viewer paid for, ever; `favourite` is the product that they bought most of,
    by the title it was last sold under."""

    arrival_id: UUID
    member_id: UUID
    name: str
    room_id: UUID
    guide_id: UUID | None
    guide: GuideName | None
    orders: int
    amount_minor: int
    tags: list[str]
    favourite: str | None
    at: datetime


class GuideTotals(msgspec.Struct, kw_only=True):
    """`credited_minor` is `amount_minor` less what refunds took back."""

    visits: int
    orders: int
    amount_minor: int
    credited_minor: int


class GuidePage(msgspec.Struct, kw_only=True):
    store: StoreName | None
    guide: GuideName
    arrivals: list[ArrivalView]
    credits: list[CreditView]
    orders: list[OrderView]
    totals: GuideTotals


async def scoped_store(session: AsyncSession, staff: Principal, store_id: UUID) -> StoreName:
    """The store, for its own manager and headquarters; `NotFound` for everybody else."""
    row = (
        await session.execute(text("SELECT brand_id, name FROM store WHERE id = :id"), {"id": store_id})
    ).first()
    if row is None:
        raise NotFound
    staff.must_see_store(row.brand_id, store_id)
    return StoreName(store_id, row.name)


_FIGURES = """
    SELECT guide_id, sum(visits)::int AS visits, sum(new_members)::int AS new_members, sum(orders)::int AS orders,
           sum(amount_minor)::bigint AS amount_minor, sum(reversed_minor)::bigint AS reversed_minor
    FROM board_line WHERE {whose} AND (CAST(:room_id AS uuid) IS NULL OR room_id = :room_id) GROUP BY guide_id
"""


async def _figures(
    session: AsyncSession, whose: str, owner_id: UUID, room_id: UUID | None
) -> dict[UUID | None, Figures]:
    rows = await session.execute(
        text(_FIGURES.format(whose=whose)), {"owner_id": owner_id, "room_id": room_id}
    )
    return {
        row.guide_id: Figures(
            visits=row.visits,
            new_members=row.new_members,
            orders=row.orders,
            amount_minor=row.amount_minor,
            reversed_minor=row.reversed_minor,
        )
        for row in rows
    }


async def store_board(session: AsyncSession, store: StoreName, room_id: UUID | None = None) -> Board:
    """Every guide of the store, and former ones who earned for it; of one room, or of all."""
    figures = await _figures(session, "store_id = :owner_id", store.store_id, room_id)
    rows = await session.execute(
        text(
            """
            SELECT id, name FROM account
            WHERE (store_id = :store_id AND role = 'guide' AND disabled_at IS NULL)
               OR id = ANY(CAST(:earned AS uuid[]))
            """
        ),
        {"store_id": store.store_id, "earned": [guide for guide in figures if guide]},
    )
    guides = {GuideName(row.id, row.name): figures.get(row.id, Figures()) for row in rows}
    return Board(
        store=store,
        guides=[GuideLine(rank=row.rank, guide=row.guide, **_fields(row.figures)) for row in ranking(guides)],
        unguided=FiguresView(**_fields(figures.get(None, Figures()))),
        totals=FiguresView(**_fields(sum(figures.values(), Figures()))),
    )


async def outside_board(session: AsyncSession, brand_id: UUID, room_id: UUID | None = None) -> OutsideBoard:
    """Every guide from outside, and former ones who earned without a store; of one room, or of all."""
    whose = "brand_id = :owner_id AND store_id IS NULL AND guide_id IS NOT NULL"
    figures = await _figures(session, whose, brand_id, room_id)
    rows = await session.execute(
        text(
            """
            SELECT id, name FROM account
            WHERE (brand_id = :brand_id AND role = ANY(CAST(:roles AS text[])) AND disabled_at IS NULL)
               OR id = ANY(CAST(:earned AS uuid[]))
            """
        ),
        {"brand_id": brand_id, "roles": [role.value for role in OUTSIDE_GUIDES], "earned": list(figures)},
    )
    guides = {GuideName(row.id, row.name): figures.get(row.id, Figures()) for row in rows}
    return OutsideBoard(
        guides=[GuideLine(rank=row.rank, guide=row.guide, **_fields(row.figures)) for row in ranking(guides)],
        totals=FiguresView(**_fields(sum(figures.values(), Figures()))),
    )


def _fields(figures: Figures) -> dict[str, int]:
    return {**msgspec.structs.asdict(figures), "net_minor": figures.net_minor}


_ARRIVALS = text(
    """
    SELECT v.id, v.member_id, m.name, v.room_id, v.guide_id, g.name AS guide_name, v.entered_at,
           p.orders, p.amount_minor, e.visits AS earlier_visits, f.title AS favourite
    FROM visit v
    JOIN member m ON m.id = v.member_id
    LEFT JOIN account g ON g.id = v.guide_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS orders, coalesce(sum(o.amount_minor), 0)::bigint AS amount_minor
        FROM orders o WHERE o.member_id = v.member_id AND o.paid_at IS NOT NULL) p
    CROSS JOIN LATERAL (
        SELECT count(*) AS visits FROM visit x
        WHERE x.member_id = v.member_id AND x.entered_at < v.entered_at) e
    LEFT JOIN LATERAL (
        SELECT (array_agg(l.title ORDER BY o.paid_at DESC))[1] AS title
        FROM orders o JOIN order_line l ON l.order_id = o.id JOIN sku k ON k.id = l.sku_id
        WHERE o.member_id = v.member_id AND o.paid_at IS NOT NULL
        GROUP BY k.product_id ORDER BY sum(l.quantity) DESC, max(o.paid_at) DESC LIMIT 1) f ON p.orders > 0
    WHERE v.id = ANY(CAST(:ids AS uuid[])) ORDER BY v.id DESC
    """
)


async def arrivals(
    session: AsyncSession, whose: ColumnElement[bool], cursor: str | None = None
) -> Page[ArrivalView]:
    """`whose` is a condition on visits. Newest first."""
    wanted = select(Visit.id).where(whose, col(Visit.id) < (before(cursor) or PAST_ALL))
    ids = (await session.exec(wanted.order_by(col(Visit.id).desc()).limit(PAGE + 1))).all()
    return page(await arrivals_of(session, ids), lambda view: view, lambda view: view.arrival_id)


async def arrivals_of(session: AsyncSession, visit_ids: Sequence[UUID]) -> list[ArrivalView]:
    """Newest first."""
    rows = await session.execute(_ARRIVALS, {"ids": list(visit_ids)})
    return [
        ArrivalView(
            arrival_id=row.id,
            member_id=row.member_id,
            name=row.name,
            room_id=row.room_id,
            guide_id=row.guide_id,
            guide=GuideName(row.guide_id, row.guide_name) if row.guide_id else None,
            orders=row.orders,
            amount_minor=row.amount_minor,
            tags=tags(row.orders, row.earlier_visits),
            favourite=row.favourite,
            at=row.entered_at,
        )
        for row in rows
    ]


async def store_orders(
    session: AsyncSession, staff: Principal, store_id: UUID, cursor: str | None
) -> Page[OrderView]:
    """Those that the store carried, for staff who may see it."""
    return await orders.listing(session, staff, orders.Filter(store_id=store_id), cursor)


async def guide_page(session: AsyncSession, guide: Principal) -> GuidePage:
    """A guide's own page, with a store or from outside; a manager who invites has one too. Raises `Forbidden` (403)."""
    if guide.role not in INVITES:
        raise Forbidden("Guides and store managers have a page of their own")
    store = None
    if guide.store_id:
        row = await session.execute(text("SELECT name FROM store WHERE id = :id"), {"id": guide.store_id})
        store = StoreName(guide.store_id, row.scalar_one())
    own = (await _figures(session, "guide_id = :owner_id", guide.id, None)).get(guide.id, Figures())
    earned = [credits.as_seen_by(guide, one) for one in (await credits.of_guide(session, guide.id)).items]
    return GuidePage(
        store=store,
        guide=GuideName(guide.id, guide.name),
        arrivals=(await arrivals(session, col(Visit.guide_id) == guide.id)).items,
        credits=earned,
        orders=await orders.views(session, guide, [credit.order_id for credit in earned]),
        totals=GuideTotals(
            visits=own.visits,
            orders=own.orders,
            amount_minor=own.amount_minor,
            credited_minor=own.net_minor,
        ),
    )
