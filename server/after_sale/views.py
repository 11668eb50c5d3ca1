"""How a case is shown: to its buyer, to staff; and the staff's list of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.after_sale import rules
from server.after_sale.models import AfterSale
from server.catalog.service import image_url
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, NotFound
from server.orders import service as orders


class CaseLine(msgspec.Struct):
    line_id: UUID
    title: str
    quantity: int


class CaseStep(msgspec.Struct):
    """`by` is who of the staff did it, for staff."""

    kind: str
    at: datetime
    note: str = ""
    by: str | None = None


class Place(msgspec.Struct):
    name: str
    phone: str
    address: str


class Parcel(msgspec.Struct):
    carrier: str
    tracking_number: str


class CaseView(msgspec.Struct):
    """`due_at`: until when whoever's turn it is should act. `may_decide` says whether this viewer may; then
    `suggested` is where goods were sent back to last, or the store."""

    case_id: UUID
    order_id: UUID
    number: str
    kind: str
    reason: str
    words: str
    pictures: list[str]
    lines: list[CaseLine]
    amount_minor: int
    state: str
    due_at: datetime | None
    return_to: Place | None
    parcel: Parcel | None
    created_at: datetime
    history: list[CaseStep]
    buyer: str | None
    may_decide: bool
    suggested: Place | None


_VIEWS = text(
    """
    SELECT a.id AS case_id, a.order_id, o.number, a.kind, a.reason, a.words, a.pictures, a.amount_minor, a.state,
           a.due_at, a.return_to, a.parcel, a.created_at, m.name AS buyer, a.store_id, h.history, l.lines,
           coalesce((SELECT b.return_to FROM after_sale b
                     WHERE b.brand_id = a.brand_id AND b.store_id IS NOT DISTINCT FROM a.store_id
                       AND b.return_to IS NOT NULL ORDER BY b.id DESC LIMIT 1),
                    jsonb_build_object('name', s.name, 'phone', '', 'address', s.address)) AS suggested
    FROM after_sale a
    JOIN orders o ON o.id = a.order_id
    JOIN member m ON m.id = a.member_id
    LEFT JOIN store s ON s.id = a.store_id
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('kind', e.kind, 'at', e.at, 'note', e.note, 'by', c.name)
                        ORDER BY e.at, e.id), '[]') AS history
        FROM after_sale_event e LEFT JOIN account c ON c.id = e.actor_id WHERE e.case_id = a.id) h
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('line_id', i.id, 'title', i.title,
                        'quantity', x.quantity) ORDER BY i.id), '[]') AS lines
        FROM jsonb_to_recordset(a.lines) AS x(line_id uuid, quantity int)
        JOIN order_line i ON i.id = x.line_id) l
    WHERE a.id = ANY(CAST(:ids AS uuid[])) ORDER BY a.id DESC
    """
)


async def load(session: AsyncSession, viewer: Principal, case_ids: Sequence[UUID]) -> list[CaseView]:
    """Newest first. Whether the viewer may see these cases is the caller's to know."""
    rows = (await session.execute(_VIEWS, {"ids": list(case_ids)})).mappings()
    return [_view(viewer, dict(row)) for row in rows]


def _view(viewer: Principal, row: dict[str, Any]) -> CaseView:
    may_decide = rules.decides(viewer) and viewer.may_see_store(viewer.brand_id, row["store_id"])
    suggested = row["suggested"] if may_decide and row["suggested"]["name"] is not None else None
    row |= {"may_decide": may_decide, "suggested": suggested}
    row["pictures"] = [image_url(sha256) for sha256 in row["pictures"]]
    view = msgspec.convert(row, CaseView, strict=False)
    if viewer.kind == "member":
        view.buyer = None
        for step in view.history:
            step.by = None
    return view


async def show(session: AsyncSession, viewer: Principal, case_id: UUID) -> CaseView:
    """For the buyer, headquarters and the carrying store's manager. Raises `NotFound`."""
    asked = select(AfterSale.order_id).where(AfterSale.id == case_id)
    order_id = (await session.exec(asked)).first()
    if order_id is None:
        raise NotFound
    await orders.seen(session, viewer, order_id)
    return (await load(session, viewer, [case_id]))[0]


async def of_order(session: AsyncSession, viewer: Principal, order_id: UUID) -> list[CaseView]:
    """Newest first. Raises `NotFound`."""
    await orders.seen(session, viewer, order_id)
    asked = select(AfterSale.id).where(AfterSale.order_id == order_id)
    return await load(session, viewer, (await session.exec(asked)).all())


async def listing(
    session: AsyncSession, staff: Principal, state: str | None, cursor: str | None
) -> Page[CaseView]:
    """The brand's for headquarters, the own store's for a manager; newest first. `open` is all that are not over.
    Raises `Forbidden` (403)."""
    if not (staff.is_headquarters or staff.role is Role.MANAGER):
        raise Forbidden
    wanted = select(AfterSale.id).where(AfterSale.brand_id == staff.brand_id)
    if not staff.is_headquarters:
        wanted = wanted.where(AfterSale.store_id == staff.store_id)
    if state:
        wanted = wanted.where(col(AfterSale.state).in_(rules.OPEN if state == "open" else [state]))
    if last := before(cursor):
        wanted = wanted.where(AfterSale.id < last)
    ids = (await session.exec(wanted.order_by(col(AfterSale.id).desc()).limit(PAGE + 1))).all()
    return page(await load(session, staff, ids), lambda view: view, lambda view: view.case_id)
