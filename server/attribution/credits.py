"""Credits: earned once for each paid order, reversed by refunds to the minor unit, never edited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import queries, rules
from server.attribution.facts import CreditEarned, CreditReversed
from server.attribution.models import Credit, CreditReversal
from server.attribution.rules import GuideName, StoreName
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.money import share
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import Principal, Role
from server.kit.problems import NotFound
from server.orders.facts import OrderPaid, OrderRefunded


class CreditView(msgspec.Struct, frozen=True, kw_only=True):
    """`why`: `touches` newest first, `chain` of inviters from the first on, `sums`, `window_days`."""

    credit_id: UUID
    order_id: UUID
    store: StoreName | None
    guide: GuideName | None
    amount_minor: int
    reversed_minor: int
    net_minor: int
    rule: str
    rule_version: int
    why: dict[str, Any]
    at: datetime


async def earn(session: AsyncSession, paid: OrderPaid) -> None:
    """Credit whoever carried the buyer at the claim. Told twice, also at once, it is one credit."""
    chain = await queries.chain(session, link_id=paid.link_id) if paid.link_id else []
    touches = await queries.touches(session, paid.member_id, paid.at - rules.WINDOW)
    rule = rules.rule_of(paid.store_id, paid.link_id)
    row = await session.execute(
        insert(Credit)
        .values(
            id=uuid7(),
            brand_id=paid.brand_id,
            order_id=paid.order_id,
            member_id=paid.member_id,
            room_id=paid.room_id,
            store_id=paid.store_id,
            guide_id=paid.guide_id,
            link_id=paid.link_id,
            rule=rule,
            rule_version=rules.RULES_VERSION,
            why=rules.why(paid.link_id, touches, chain, paid.amount_minor),
            amount_minor=paid.amount_minor,
            reversed_minor=0,
            at=paid.at,
        )
        .on_conflict_do_nothing(index_elements=["order_id"])
        .returning(col(Credit.id))
    )
    credit_id = row.scalar_one_or_none()
    if credit_id is None:
        return
    store, guide = await queries.names(session, paid.store_id, paid.guide_id)
    await record(
        session,
        CreditEarned(
            brand_id=paid.brand_id,
            at=paid.at,
            credit_id=credit_id,
            order_id=paid.order_id,
            member_id=paid.member_id,
            room_id=paid.room_id,
            store=store,
            guide=guide,
            inviter_id=chain[0].inviter_id if chain else None,
            amount_minor=paid.amount_minor,
            rule=rule,
        ),
    )


async def reverse(session: AsyncSession, refunded: OrderRefunded) -> None:
    """Take back the share that a refund's running total says, less what was taken back before. Once a refund."""
    credit = (
        await session.exec(select(Credit).where(Credit.order_id == refunded.order_id).with_for_update())
    ).first()
    if credit is None:
        return
    due = share(credit.amount_minor, refunded.refunded_minor, refunded.order_amount_minor)
    amount_minor = due - credit.reversed_minor
    if amount_minor <= 0:
        return
    row = await session.execute(
        insert(CreditReversal)
        .values(
            id=uuid7(),
            credit_id=credit.id,
            refund_id=refunded.refund_id,
            amount_minor=amount_minor,
            at=refunded.at,
        )
        .on_conflict_do_nothing(index_elements=["credit_id", "refund_id"])
        .returning(col(CreditReversal.id))
    )
    if row.scalar_one_or_none() is None:
        return
    credit.reversed_minor = due  # the row is locked
    await session.flush()
    chain = await queries.chain(session, link_id=credit.link_id) if credit.link_id else []
    store, guide = await queries.names(session, credit.store_id, credit.guide_id)
    await record(
        session,
        CreditReversed(
            brand_id=credit.brand_id,
            at=refunded.at,
            credit_id=credit.id,
            order_id=credit.order_id,
            member_id=credit.member_id,
            refund_id=refunded.refund_id,
            room_id=credit.room_id,
            store=store,
            guide=guide,
            inviter_id=chain[0].inviter_id if chain else None,
            amount_minor=amount_minor,
            reversed_minor=due,
            net_minor=credit.amount_minor - due,
        ),
    )


# Reading

_VIEW = """
    SELECT c.id AS credit_id, c.order_id, c.store_id, s.name AS store_name, c.guide_id, g.name AS guide_name,
           c.amount_minor, c.reversed_minor, c.rule, c.rule_version, c.why, c.at
    FROM credit c LEFT JOIN store s ON s.id = c.store_id LEFT JOIN account g ON g.id = c.guide_id
"""


async def _load(session: AsyncSession, where: str, values: dict[str, Any]) -> Sequence[CreditView]:
    """Credits that match a condition of this module's own making."""
    return [
        CreditView(
            credit_id=row.credit_id,
            order_id=row.order_id,
            store=StoreName(row.store_id, row.store_name) if row.store_id else None,
            guide=GuideName(row.guide_id, row.guide_name) if row.guide_id else None,
            amount_minor=row.amount_minor,
            reversed_minor=row.reversed_minor,
            net_minor=row.amount_minor - row.reversed_minor,
            rule=row.rule,
            rule_version=row.rule_version,
            why=row.why,
            at=row.at,
        )
        for row in await session.execute(text(f"{_VIEW} {where}"), values)
    ]


async def of_order(session: AsyncSession, staff: Principal, order_id: UUID) -> Sequence[CreditView]:
    """For headquarters, the carrying store's manager and the guide credited; `NotFound` for anyone else."""
    order = (
        await session.execute(
            text("SELECT brand_id, store_id, guide_id FROM orders WHERE id = :id"), {"id": order_id}
        )
    ).first()
    if order is None:
        raise NotFound
    is_own = staff.role in (Role.GUIDE, Role.MANAGER) and order.guide_id == staff.id
    if not is_own:
        staff.must_see_store(order.brand_id, order.store_id)
    return await _load(session, "WHERE c.order_id = :order_id", {"order_id": order_id})


async def of_store(session: AsyncSession, store_id: UUID, cursor: str | None) -> Page[CreditView]:
    return await _page(session, "c.store_id = :id", store_id, cursor)


async def of_guide(session: AsyncSession, guide_id: UUID, cursor: str | None = None) -> Page[CreditView]:
    return await _page(session, "c.guide_id = :id", guide_id, cursor)


async def _page(session: AsyncSession, condition: str, whose: UUID, cursor: str | None) -> Page[CreditView]:
    found = await _load(
        session,
        f"WHERE {condition} AND c.id < :before ORDER BY c.id DESC LIMIT {PAGE + 1}",
        {"id": whose, "before": before(cursor) or queries.PAST_ALL},
    )
    return page(found, lambda view: view, lambda view: view.credit_id)
