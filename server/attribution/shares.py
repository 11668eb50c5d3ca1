"""The parts of credits, booked beside them and taken back with them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import splits
from server.attribution.models import Credit, CreditShare
from server.attribution.policy import Policy
from server.attribution.splits import Parties
from server.kit.ids import uuid7


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: `guide`, `store`, `share_1`, `share_2`, `bonus`; `whose`: guide, store or member. `bp`: basis points,
    0 for a bonus."""

    share_id: UUID
    kind: str
    whose: str
    beneficiary_id: UUID
    name: str
    bp: int
    amount_minor: int
    reversed_minor: int
    net_minor: int


async def book(session: AsyncSession, credit: Credit, policy: Policy, sharers: Sequence[UUID]) -> None:
    """Of the credit's whole amount; nothing where the policy shares nothing. Two statements at most."""
    new_customer = splits.bonus_of(policy, credit.amount_minor) > 0 and await _is_first(session, credit)
    parties = Parties(store_id=credit.store_id, guide_id=credit.guide_id, sharers=sharers)
    shares = splits.split(policy, credit.amount_minor, parties, new_customer=new_customer)
    if shares:
        await session.execute(
            insert(CreditShare),
            [
                {"id": uuid7(), "credit_id": credit.id, "reversed_minor": 0, **msgspec.structs.asdict(share)}
                for share in shares
            ],
        )


_FIRST = text(
    """
    WITH given AS (
        INSERT INTO new_customer_bonus (id, brand_id, member_id, order_id)
        SELECT uuidv7(), :brand_id, :member_id, :order_id
        WHERE NOT EXISTS (SELECT 1 FROM credit WHERE member_id = :member_id AND order_id <> :order_id)
        ON CONFLICT DO NOTHING RETURNING order_id)
    SELECT 1 FROM given UNION ALL SELECT 1 FROM new_customer_bonus WHERE order_id = :order_id
    """
)


async def _is_first(session: AsyncSession, credit: Credit) -> bool:
    """Whether the bonus is given for this order, now or when its credit was first booked."""
    values = {"brand_id": credit.brand_id, "member_id": credit.member_id, "order_id": credit.order_id}
    return (await session.execute(_FIRST, values)).first() is not None


async def settle(session: AsyncSession, credit: Credit, reversal_id: UUID) -> None:
    """Bring the shares to what the rule gives of the credit's net amount. The credit's row is locked. Three statements
    at most, one where nothing was shared."""
    shares = (await session.exec(select(CreditShare).where(CreditShare.credit_id == credit.id))).all()
    net_minor = credit.amount_minor - credit.reversed_minor
    due = {
        share.id: share.amount_minor
        - splits.left(share.bp, share.amount_minor, credit.amount_minor, net_minor)
        for share in shares
    }
    taken = [share for share in shares if due[share.id] > share.reversed_minor]
    if not taken:
        return
    values = {
        "reversal_id": reversal_id,
        "ids": [share.id for share in taken],
        "due": [due[share.id] for share in taken],
    }
    await session.execute(_REVERSALS, values)
    await session.execute(_RUNNING, values)
    for share in taken:
        session.expire(share)


_REVERSALS = text(
    """
    INSERT INTO credit_share_reversal (id, share_id, reversal_id, amount_minor)
    SELECT uuidv7(), s.id, :reversal_id, d.due - s.reversed_minor
    FROM unnest(CAST(:ids AS uuid[]), CAST(:due AS bigint[])) AS d(id, due) JOIN credit_share s ON s.id = d.id
    """
)
_RUNNING = text(
    """
    UPDATE credit_share s SET reversed_minor = d.due
    FROM unnest(CAST(:ids AS uuid[]), CAST(:due AS bigint[])) AS d(id, due) WHERE s.id = d.id
    """
)


async def of_credit(session: AsyncSession, credit_id: UUID) -> list[ShareView]:
    rows = await session.execute(
        text(
            """
            SELECT s.id, s.kind, s.whose, s.beneficiary_id, s.bp, s.amount_minor, s.reversed_minor,
                   coalesce(g.name, t.name, m.name, '') AS name
            FROM credit_share s
            LEFT JOIN account g ON s.whose = 'guide' AND g.id = s.beneficiary_id
            LEFT JOIN store t ON s.whose = 'store' AND t.id = s.beneficiary_id
            LEFT JOIN member m ON s.whose = 'member' AND m.id = s.beneficiary_id
            WHERE s.credit_id = :credit_id
            ORDER BY array_position(ARRAY['guide', 'store', 'share_1', 'share_2', 'bonus'], s.kind)
            """
        ),
        {"credit_id": credit_id},
    )
    return [
        ShareView(
            share_id=row.id,
            kind=row.kind,
            whose=row.whose,
            beneficiary_id=row.beneficiary_id,
            name=row.name,
            bp=row.bp,
            amount_minor=row.amount_minor,
            reversed_minor=row.reversed_minor,
            net_minor=row.amount_minor - row.reversed_minor,
        )
        for row in rows
    ]
