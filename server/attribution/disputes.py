"""Appeals about credits: a guide's words, headquarters' decision, and what the ledger does about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import bindings, credits, queries
from server.attribution.facts import CreditDisputed, DisputeDecided
from server.attribution.models import Credit, CreditDispute, DisputeDecision
from server.attribution.rules import GuideName, StoreName
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.paging import PAGE, before, page
from server.kit.principal import INVITES, OUTSIDE_GUIDES, Principal, Role
from server.kit.problems import Conflict, Forbidden, Invalid, NotFound

MOST_OPEN = 20
"""Open appeals of one guide."""


class DisputeOpen(Conflict):
    slug, title = "dispute-open", "You have appealed about this order already; headquarters will answer"


class TooManyDisputes(Conflict):
    slug, title = "too-many-disputes", "Too many of your appeals wait for an answer"


class DisputeDecidedAlready(Conflict):
    slug, title = "dispute-decided", "This appeal was decided already"


class SameCarrier(Conflict):
    slug, title = "same-carrier", "The credit is theirs already"


class Appeal(msgspec.Struct, forbid_unknown_fields=True):
    """About an order by its number (a credit that the guide should have had), or about one of the own credits."""

    words: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    order_number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    credit_id: UUID | None = None


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """A granted appeal gives the credit to `guide_id` and their store, or to `store_id` alone; to who appealed when
    neither is named."""

    granted: bool
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    guide_id: UUID | None = None
    store_id: UUID | None = None


class Credited(msgspec.Struct, frozen=True, kw_only=True):
    credit_id: UUID
    store: StoreName | None
    guide: GuideName | None
    amount_minor: int
    net_minor: int
    rule: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """`store` and `guide`: to whom a granted one gave the credit."""

    granted: bool
    reason: str
    store: StoreName | None
    guide: GuideName | None
    by: str
    at: datetime


class DisputeView(msgspec.Struct, frozen=True, kw_only=True):
    """`credit`: the one that stands now, for who may see it; a guide who asks by number learns nothing of it."""

    dispute_id: UUID
    order_id: UUID
    number: str
    store: StoreName | None
    guide: GuideName
    words: str
    at: datetime
    decision: Decision | None
    credit: Credited | None


class Disputes(msgspec.Struct, frozen=True, kw_only=True):
    """`open`: how many of those that the caller sees wait for a decision."""

    items: list[DisputeView]
    next: str | None
    open: int


# Appealing


async def appeal(session: AsyncSession, guide: Principal, asked: Appeal, now: datetime) -> DisputeView:
    """Raises `Forbidden` (who invites nobody), `NotFound` (no paid order of the brand, not the own credit),
    `Invalid`, `DisputeOpen`, `TooManyDisputes` (409)."""
    if guide.role not in INVITES:
        raise Forbidden
    words = asked.words.strip()
    if not words:
        raise Invalid(errors=[{"field": "words", "message": "say what is wrong"}])
    order_id, number = await _order_of(session, guide, asked)
    await credits.lock(session, order_id)
    for_order, in_all = (
        await session.execute(
            text(
                """
                SELECT count(*) FILTER (WHERE d.order_id = :order_id), count(*) FROM credit_dispute d
                WHERE d.by_id = :by_id
                  AND NOT EXISTS (SELECT 1 FROM dispute_decision x WHERE x.dispute_id = d.id)
                """
            ),
            {"order_id": order_id, "by_id": guide.id},
        )
    ).one()
    if for_order:
        raise DisputeOpen
    if in_all >= MOST_OPEN:
        raise TooManyDisputes(most=MOST_OPEN)
    row = CreditDispute(
        brand_id=guide.brand_id,
        order_id=order_id,
        by_id=guide.id,
        store_id=guide.store_id,
        words=words,
        at=now,
    )
    session.add(row)
    await session.flush()
    view = await show(session, guide, row.id)
    await record(
        session,
        CreditDisputed(
            brand_id=guide.brand_id,
            at=now,
            dispute_id=row.id,
            order_id=order_id,
            number=number,
            store=view.store,
            guide=view.guide,
        ),
    )
    return view


async def _order_of(session: AsyncSession, guide: Principal, asked: Appeal) -> tuple[UUID, str]:
    if (asked.order_number is None) == (asked.credit_id is None):
        raise Invalid(
            errors=[{"field": "order_number", "message": "an order's number or a credit, one of them"}]
        )
    row = (
        await session.execute(
            text(
                """
                SELECT o.id, o.number FROM credit c JOIN orders o ON o.id = c.order_id
                WHERE c.brand_id = :brand_id AND c.superseded_at IS NULL
                  AND (o.number = CAST(:number AS text)
                       OR (c.id = CAST(:credit_id AS uuid)
                           AND (c.guide_id = :by_id OR (:is_manager AND c.store_id = :store_id))))
                """
            ),
            {
                "brand_id": guide.brand_id,
                "number": asked.order_number.strip() if asked.order_number else None,
                "credit_id": asked.credit_id,
                "by_id": guide.id,
                "is_manager": guide.role is Role.MANAGER,
                "store_id": guide.store_id,
            },
        )
    ).first()
    if row is None:
        raise NotFound
    return row.id, row.number


# Deciding


async def decide(
    session: AsyncSession, staff: Principal, dispute_id: UUID, asked: Decide, now: datetime
) -> DisputeView:
    """Once. A granted appeal moves the credit: the one that stands is taken back in full and another is booked, in one
    transaction and in line with refunds. Raises `Forbidden`, `NotFound`, `Invalid`, `DisputeDecidedAlready`,
    `SameCarrier` (409)."""
    if staff.role not in bindings.DECIDES:
        raise Forbidden
    reason = asked.reason.strip()
    if not reason:
        raise Invalid(errors=[{"field": "reason", "message": "say why"}])
    dispute = await session.get(CreditDispute, dispute_id)
    if dispute is None or dispute.brand_id != staff.brand_id:
        raise NotFound
    store_id, guide_id = await _target(session, staff, dispute, asked) if asked.granted else (None, None)
    taken = await session.execute(
        insert(DisputeDecision)
        .values(
            id=uuid7(),
            dispute_id=dispute_id,
            granted=asked.granted,
            reason=reason,
            store_id=store_id,
            guide_id=guide_id,
            by_id=staff.id,
            at=now,
        )
        .on_conflict_do_nothing(index_elements=["dispute_id"])
        .returning(col(DisputeDecision.id))
    )
    if taken.scalar_one_or_none() is None:
        raise DisputeDecidedAlready
    old = await credits.lock(session, dispute.order_id)
    if old is None:
        raise NotFound
    if asked.granted:
        if (old.store_id, old.guide_id) == (store_id, guide_id):
            raise SameCarrier
        kept = {"dispute_id": str(dispute_id), "reason": reason, "by": staff.name, "replaces": str(old.id)}
        await credits.move(session, old, dispute_id, store_id, guide_id, kept, now)
    view = await show(session, staff, dispute_id)
    await record(session, _decided(view, old, asked.granted, store_id, now))
    return view


def _decided(
    view: DisputeView, old: Credit, granted: bool, to_store_id: UUID | None, now: datetime
) -> DisputeDecided:
    return DisputeDecided(
        brand_id=old.brand_id,
        at=now,
        dispute_id=view.dispute_id,
        order_id=view.order_id,
        number=view.number,
        granted=granted,
        store_id=view.store.store_id if view.store else None,
        from_store_id=old.store_id if granted else None,
        to_store_id=to_store_id,
    )


async def _target(
    session: AsyncSession, staff: Principal, dispute: CreditDispute, asked: Decide
) -> tuple[UUID | None, UUID | None]:
    if asked.guide_id is not None and asked.store_id is not None:
        raise Invalid(errors=[{"field": "store_id", "message": "a guide, or a store alone"}])
    if asked.guide_id is not None:
        return await bindings.store_of(session, staff.brand_id, asked.guide_id), asked.guide_id
    if asked.store_id is None:
        return dispute.store_id, dispute.by_id
    found = await session.execute(
        text("SELECT id FROM store WHERE id = :id AND brand_id = :brand_id"),
        {"id": asked.store_id, "brand_id": staff.brand_id},
    )
    if found.first() is None:
        raise NotFound
    return asked.store_id, None


# Reading

_VIEW = """
    SELECT d.id, d.order_id, o.number, d.store_id, s.name AS store_name, d.by_id, g.name AS guide_name, d.words, d.at,
           x.granted, x.reason, x.at AS decided_at, coalesce(a.name, '') AS decided_by, x.store_id AS to_store_id,
           ts.name AS to_store, x.guide_id AS to_guide_id, tg.name AS to_guide,
           c.id AS credit_id, c.store_id AS credit_store_id, cs.name AS credit_store, c.guide_id AS credit_guide_id,
           cg.name AS credit_guide, c.amount_minor, c.reversed_minor, c.rule
    FROM credit_dispute d JOIN orders o ON o.id = d.order_id
    LEFT JOIN store s ON s.id = d.store_id JOIN account g ON g.id = d.by_id
    LEFT JOIN dispute_decision x ON x.dispute_id = d.id LEFT JOIN account a ON a.id = x.by_id
    LEFT JOIN store ts ON ts.id = x.store_id LEFT JOIN account tg ON tg.id = x.guide_id
    LEFT JOIN credit c ON c.order_id = d.order_id AND c.superseded_at IS NULL
    LEFT JOIN store cs ON cs.id = c.store_id LEFT JOIN account cg ON cg.id = c.guide_id
"""


def _scope(staff: Principal) -> tuple[str, dict[str, Any]]:
    """A condition on disputes `d`: headquarters all of the brand, a manager those of the store, a guide the own ones.
    Raises `Forbidden`."""
    if staff.is_headquarters:
        return "d.brand_id = :brand_id", {"brand_id": staff.brand_id}
    if staff.role is Role.MANAGER and staff.store_id is not None:
        return "(d.store_id = :store_id OR d.by_id = :by_id)", {"store_id": staff.store_id, "by_id": staff.id}
    if staff.role is Role.GUIDE or staff.role in OUTSIDE_GUIDES:
        return "d.by_id = :by_id", {"by_id": staff.id}
    raise Forbidden


def _view(staff: Principal, row: Any) -> DisputeView:
    credit = None
    own = row.credit_guide_id == staff.id or (
        staff.role is Role.MANAGER and row.credit_store_id == staff.store_id
    )
    if row.credit_id is not None and (own or staff.is_headquarters):
        credit = Credited(
            credit_id=row.credit_id,
            store=_store(row.credit_store_id, row.credit_store),
            guide=_guide(row.credit_guide_id, row.credit_guide),
            amount_minor=row.amount_minor,
            net_minor=row.amount_minor - row.reversed_minor,
            rule=row.rule,
        )
    decision = None
    if row.granted is not None:
        decision = Decision(
            granted=row.granted,
            reason=row.reason,
            store=_store(row.to_store_id, row.to_store),
            guide=_guide(row.to_guide_id, row.to_guide),
            by=row.decided_by,
            at=row.decided_at,
        )
    return DisputeView(
        dispute_id=row.id,
        order_id=row.order_id,
        number=row.number,
        store=_store(row.store_id, row.store_name),
        guide=GuideName(row.by_id, row.guide_name),
        words=row.words,
        at=row.at,
        decision=decision,
        credit=credit,
    )


def _store(store_id: UUID | None, name: str | None) -> StoreName | None:
    return StoreName(store_id, name) if store_id and name is not None else None


def _guide(guide_id: UUID | None, name: str | None) -> GuideName | None:
    return GuideName(guide_id, name) if guide_id and name is not None else None


async def show(session: AsyncSession, staff: Principal, dispute_id: UUID) -> DisputeView:
    """Raises `NotFound`, `Forbidden`."""
    condition, values = _scope(staff)
    row = (
        await session.execute(
            text(f"{_VIEW} WHERE d.id = :id AND {condition}"),
            {"id": dispute_id, **values},
        )
    ).first()
    if row is None:
        raise NotFound
    return _view(staff, row)


async def of_order(session: AsyncSession, staff: Principal, order_id: UUID) -> Sequence[DisputeView]:
    """Those about one order that the caller sees, newest first."""
    condition, values = _scope(staff)
    rows = await session.execute(
        text(f"{_VIEW} WHERE d.order_id = :order_id AND {condition} ORDER BY d.id DESC"),
        {"order_id": order_id, **values},
    )
    return [_view(staff, row) for row in rows]


_OPEN = "NOT EXISTS (SELECT 1 FROM dispute_decision y WHERE y.dispute_id = d.id)"


async def listing(
    session: AsyncSession, staff: Principal, only_open: bool, cursor: str | None = None
) -> Disputes:
    """Newest first. Raises `Forbidden`."""
    condition, values = _scope(staff)
    waiting = f"AND {_OPEN}" if only_open else ""
    rows = await session.execute(
        text(
            f"""
            {_VIEW} WHERE {condition} {waiting} AND d.id < :before ORDER BY d.id DESC LIMIT {PAGE + 1}
            """
        ),
        {"before": before(cursor) or queries.PAST_ALL, **values},
    )
    shown = page(rows.all(), lambda row: _view(staff, row), lambda row: row.id)
    return Disputes(items=shown.items, next=shown.next, open=await count_open(session, staff))


async def count_open(session: AsyncSession, staff: Principal) -> int:
    condition, values = _scope(staff)
    counted = await session.execute(
        text(f"SELECT count(*) FROM credit_dispute d WHERE {condition} AND {_OPEN}"),  # noqa: S608
        values,
    )
    return int(counted.scalar_one())
