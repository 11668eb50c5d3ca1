"""Why this credit: all that it stands on and all that happened to it, in one answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import credits, disputes, queries, shares
from server.attribution.credits import CreditView
from server.attribution.disputes import DisputeView
from server.attribution.policy import Policy
from server.attribution.rules import GuideName, MemberName, StoreName
from server.attribution.shares import ShareView
from server.kit.principal import Principal


class ReversalView(msgspec.Struct, frozen=True, kw_only=True):
    """By a refund, or by a decision on an appeal (`dispute_id`)."""

    amount_minor: int
    refund_id: UUID | None
    dispute_id: UUID | None
    at: datetime


class MovedTo(msgspec.Struct, frozen=True, kw_only=True):
    """Where headquarters gave the credit, and why."""

    store: StoreName | None
    guide: GuideName | None
    reason: str
    at: datetime


class CreditDetail(msgspec.Struct, frozen=True, kw_only=True):
    """`policy`: the version that was in force when the order was placed. `disputes`: those that the caller may see."""

    credit: CreditView
    number: str
    buyer: MemberName
    policy: Policy
    shares: list[ShareView]
    reversals: list[ReversalView]
    moved_to: MovedTo | None
    disputes: list[DisputeView]


async def show(session: AsyncSession, staff: Principal, credit_id: UUID) -> CreditDetail:
    """For headquarters, the credited store's manager and the guide credited; `NotFound` for anyone else."""
    credit = await credits.of_id(session, staff, credit_id)
    head = (
        await session.execute(
            text(
                """
                SELECT c.brand_id, o.number, m.id, m.name FROM credit c JOIN orders o ON o.id = c.order_id
                JOIN member m ON m.id = c.member_id WHERE c.id = :id
                """
            ),
            {"id": credit_id},
        )
    ).one()
    reversals = await session.execute(
        text(
            """
            SELECT amount_minor, refund_id, dispute_id, at FROM credit_reversal
            WHERE credit_id = :id AND amount_minor > 0 ORDER BY at, id
            """
        ),
        {"id": credit_id},
    )
    return CreditDetail(
        credit=credit,
        number=head.number,
        buyer=MemberName(head.id, head.name),
        policy=await queries.policy(session, head.brand_id, credit.policy_version),
        shares=await shares.of_credit(session, credit_id),
        reversals=[
            ReversalView(
                amount_minor=row.amount_minor, refund_id=row.refund_id, dispute_id=row.dispute_id, at=row.at
            )
            for row in reversals
        ],
        moved_to=None if credit.standing else await _moved_to(session, credit_id),
        disputes=list(await disputes.of_order(session, staff, credit.order_id)),
    )


async def _moved_to(session: AsyncSession, credit_id: UUID) -> MovedTo | None:
    row = (
        await session.execute(
            text(
                """
                SELECT x.store_id, x.guide_id, x.reason, x.at
                FROM credit_reversal r JOIN dispute_decision x ON x.dispute_id = r.dispute_id
                WHERE r.credit_id = :id
                """
            ),
            {"id": credit_id},
        )
    ).first()
    if row is None:
        return None
    store, guide = await queries.names(session, row.store_id, row.guide_id)
    return MovedTo(store=store, guide=guide, reason=row.reason, at=row.at)
