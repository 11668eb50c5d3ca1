"""Credits: earned once for each paid order, reversed by refunds to the minor unit, moved by decisions, never edited."""

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

from server.attribution import queries, rules, shares
from server.attribution.facts import CreditEarned, CreditReversed
from server.attribution.models import Credit, CreditReversal
from server.attribution.rules import Ground, GuideName, Rule, StoreName
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.money import share
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import INVITES, OUTSIDE_GUIDES, Principal
from server.kit.problems import NotFound
from server.orders.facts import OrderPaid, OrderRefunded


class CreditView(msgspec.Struct, frozen=True, kw_only=True):
    """`why`: `touches` newest first, `chain` of inviters from the first on, `sums`, `window_days`, `binding`. One that
    headquarters gave to another is not `standing` any more, and its `net_minor` is 0."""

    credit_id: UUID
    order_id: UUID
    store: StoreName | None
    guide: GuideName | None
    amount_minor: int
    reversed_minor: int
    net_minor: int
    rule: str
    rule_version: int
    policy_version: int
    standing: bool
    why: dict[str, Any]
    at: datetime


async def earn(session: AsyncSession, paid: OrderPaid) -> None:
    """Credit whoever carried the buyer at the claim, and book the shares by the policy in force when the order was
    placed. Told twice, also at once, it is one credit. At most ten statements."""
    placed = await queries.standing(session, paid.brand_id, paid.member_id, paid.at, paid.order_id)
    chain = await queries.chain(session, link_id=paid.link_id) if paid.link_id else []
    touches = await queries.touches(session, paid.member_id, placed.at, paid.link_id)
    ground = Ground(
        placed_at=placed.at,
        policy=placed.policy,
        policy_version=placed.version,
        touches=touches,
        chain=chain,
        bound=placed.bound,
        reach=await queries.reach(session, paid.room_id, touches, placed.bound),
    )
    link, deciding = chain[0] if chain else None, ground.deciding(paid.link_id)
    rule = rules.rule_of(paid.store_id, paid.guide_id, link, placed.bound, placed.at)
    credit = Credit(
        brand_id=paid.brand_id,
        order_id=paid.order_id,
        member_id=paid.member_id,
        room_id=paid.room_id,
        store_id=paid.store_id,
        guide_id=paid.guide_id,
        link_id=paid.link_id,
        campaign_id=deciding.campaign_id if deciding else None,
        rule=rule,
        rule_version=rules.RULES_VERSION,
        policy_version=placed.version,
        why=rules.why(rule, paid.link_id, ground, paid.amount_minor),
        amount_minor=paid.amount_minor,
        at=paid.at,
    )
    if not await _book(session, credit):
        return
    await shares.book(session, credit, placed.policy, rules.sharers(chain, paid.member_id))
    await record(session, await _earned(session, credit, link.inviter_id if link else None))


async def _book(session: AsyncSession, credit: Credit) -> bool:
    """Whether no credit stood for the order yet."""
    row = await session.execute(
        insert(Credit).values(**credit.model_dump()).on_conflict_do_nothing().returning(col(Credit.id))
    )
    return row.scalar_one_or_none() is not None


async def _earned(session: AsyncSession, credit: Credit, inviter_id: UUID | None) -> CreditEarned:
    store, guide = await queries.names(session, credit.store_id, credit.guide_id)
    return CreditEarned(
        brand_id=credit.brand_id,
        at=credit.at,
        credit_id=credit.id,
        order_id=credit.order_id,
        member_id=credit.member_id,
        room_id=credit.room_id,
        store=store,
        guide=guide,
        inviter_id=inviter_id,
        amount_minor=credit.amount_minor,
        rule=credit.rule,
    )


async def lock(session: AsyncSession, order_id: UUID) -> Credit | None:
    """The credit that stands for an order, with all that happens to it in line: the lock is on the one that was earned,
    which is the same row for ever, where the one that stands may be another by the time a wait is over."""
    await session.execute(
        text("SELECT 1 FROM credit WHERE order_id = :id AND dispute_id IS NULL FOR UPDATE"), {"id": order_id}
    )
    standing = select(Credit).where(Credit.order_id == order_id, col(Credit.superseded_at).is_(None))
    return (await session.exec(standing.execution_options(populate_existing=True))).first()


async def reverse(session: AsyncSession, refunded: OrderRefunded) -> None:
    """Take back the share that a refund's running total says, less what was taken back before, and from each party's
    share what the rule gives of the rest. Once a refund."""
    credit = await lock(session, refunded.order_id)
    if credit is None:
        return
    due = share(credit.amount_minor, refunded.refunded_minor, refunded.order_amount_minor)
    amount_minor = due - credit.reversed_minor
    if amount_minor <= 0:
        return
    reversal_id = await _take_back(session, credit, amount_minor, refunded.at, refund_id=refunded.refund_id)
    if reversal_id is None:
        return
    chain = await queries.chain(session, link_id=credit.link_id) if credit.link_id else []
    await record(
        session,
        await _reversed(
            session,
            credit,
            amount_minor,
            refunded.at,
            refund_id=refunded.refund_id,
            inviter_id=chain[0].inviter_id if chain else None,
        ),
    )


async def _take_back(
    session: AsyncSession, credit: Credit, amount_minor: int, at: datetime, **cause: UUID
) -> UUID | None:
    """The reversal, with the shares brought to what is left; `None` when this cause took back before."""
    row = await session.execute(
        insert(CreditReversal)
        .values(id=uuid7(), credit_id=credit.id, amount_minor=amount_minor, at=at, **cause)
        .on_conflict_do_nothing()
        .returning(col(CreditReversal.id))
    )
    reversal_id: UUID | None = row.scalar_one_or_none()
    if reversal_id is not None:
        credit.reversed_minor += amount_minor  # the row is locked
        await session.flush()
        await shares.settle(session, credit, reversal_id)
    return reversal_id


async def _reversed(
    session: AsyncSession, credit: Credit, amount_minor: int, at: datetime, **more: Any
) -> CreditReversed:
    store, guide = await queries.names(session, credit.store_id, credit.guide_id)
    return CreditReversed(
        brand_id=credit.brand_id,
        at=at,
        credit_id=credit.id,
        order_id=credit.order_id,
        member_id=credit.member_id,
        room_id=credit.room_id,
        store=store,
        guide=guide,
        amount_minor=amount_minor,
        reversed_minor=credit.reversed_minor,
        net_minor=credit.amount_minor - credit.reversed_minor,
        **more,
    )


async def move(
    session: AsyncSession,
    old: Credit,
    dispute_id: UUID,
    store_id: UUID | None,
    guide_id: UUID | None,
    decision: dict[str, Any],
    now: datetime,
) -> Credit:
    """Take back a locked credit in full and book one to another guide, or to a store alone, from which what was
    refunded so far is taken back again. Shares are computed by the policy that the first credit was booked by, and of
    the same inviters. `decision` is kept in its `why`."""
    rest = old.amount_minor - old.reversed_minor
    await _take_back(session, old, rest, now, dispute_id=dispute_id)
    old.superseded_at = now
    await session.flush()
    new = Credit(
        brand_id=old.brand_id,
        order_id=old.order_id,
        member_id=old.member_id,
        room_id=old.room_id,
        store_id=store_id,
        guide_id=guide_id,
        link_id=old.link_id,
        campaign_id=old.campaign_id,
        rule=Rule.DECISION,
        rule_version=rules.RULES_VERSION,
        policy_version=old.policy_version,
        dispute_id=dispute_id,
        why={**old.why, "decision": decision},
        amount_minor=old.amount_minor,
        at=now,
    )
    session.add(new)
    await session.flush()
    chain = await queries.chain(session, link_id=new.link_id) if new.link_id else []
    policy = await queries.policy(session, new.brand_id, new.policy_version)
    await shares.book(session, new, policy, rules.sharers(chain, new.member_id))
    await _repeat_refunds(session, old, new)
    await record(
        session,
        await _reversed(session, old, rest, now, dispute_id=dispute_id),
        await _earned(session, new, None),
    )
    return new


async def _repeat_refunds(session: AsyncSession, old: Credit, new: Credit) -> None:
    refunds = (
        select(CreditReversal)
        .where(CreditReversal.credit_id == old.id, col(CreditReversal.refund_id).is_not(None))
        .order_by(col(CreditReversal.at), col(CreditReversal.id))
    )
    for taken in (await session.exec(refunds)).all():
        assert taken.refund_id is not None
        await _take_back(session, new, taken.amount_minor, taken.at, refund_id=taken.refund_id)


# Reading

_VIEW = """
    SELECT c.id AS credit_id, c.order_id, c.store_id, s.name AS store_name, c.guide_id, g.name AS guide_name,
           c.amount_minor, c.reversed_minor, c.rule, c.rule_version, c.policy_version, c.why, c.at,
           c.superseded_at IS NULL AS standing
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
            policy_version=row.policy_version,
            standing=row.standing,
            why=row.why,
            at=row.at,
        )
        for row in await session.execute(text(f"{_VIEW} {where}"), values)
    ]


async def of_order(session: AsyncSession, staff: Principal, order_id: UUID) -> Sequence[CreditView]:
    """The one that stands. For headquarters, the carrying store's manager and the guide credited, by the claim or by a
    decision; `NotFound` for anyone else."""
    order = (
        await session.execute(
            text(
                """
                SELECT o.brand_id, o.store_id, o.guide_id, coalesce(c.store_id, o.store_id) AS credited_store,
                       coalesce(c.guide_id, o.guide_id) AS credited_guide
                FROM orders o LEFT JOIN credit c ON c.order_id = o.id AND c.superseded_at IS NULL WHERE o.id = :id
                """
            ),
            {"id": order_id},
        )
    ).first()
    if order is None:
        raise NotFound
    carried = () if staff.role in OUTSIDE_GUIDES else (order.guide_id,)
    is_own = staff.role in INVITES and staff.id in (*carried, order.credited_guide)
    if not is_own and not staff.may_see_store(order.brand_id, order.credited_store):
        staff.must_see_store(order.brand_id, order.store_id)
    found = await _load(
        session, "WHERE c.order_id = :order_id AND c.superseded_at IS NULL", {"order_id": order_id}
    )
    return [as_seen_by(staff, credit) for credit in found]


async def of_id(session: AsyncSession, staff: Principal, credit_id: UUID) -> CreditView:
    """For headquarters, the credited store's manager and the guide credited; `NotFound` for anyone else."""
    credit = await session.get(Credit, credit_id)
    if credit is None:
        raise NotFound
    is_own = staff.role in INVITES and credit.guide_id == staff.id
    if not is_own:
        staff.must_see_store(credit.brand_id, credit.store_id)
    return as_seen_by(staff, (await _load(session, "WHERE c.id = :id", {"id": credit_id}))[0])


def as_seen_by(staff: Principal, credit: CreditView) -> CreditView:
    """Of the reasons a guide from outside sees the own: no store's and no other guide's touches or binding."""
    if staff.role not in OUTSIDE_GUIDES:
        return credit

    def is_own(part: dict[str, Any] | None) -> bool:
        guide = (part or {}).get("guide") or {}
        return guide.get("account_id") == str(staff.id)

    why = dict(credit.why)
    why["touches"] = [touch for touch in why.get("touches", ()) if is_own(touch)]
    if not is_own(why.get("binding")):
        why["binding"] = None
    return msgspec.structs.replace(credit, why=why)


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
