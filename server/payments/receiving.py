"""What providers say of payments is booked: by notice, or because they were asked. Each word counts once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.facts import Fact, record
from server.kit.ids import uuid7
from server.kit.problems import Conflict, NotFound, Problem
from server.members import service as members
from server.payments.facts import PaymentFailed, PaymentSucceeded
from server.payments.models import Payment, PaymentEvent, Refund
from server.payments.providers.port import Notice, RefundNotice, Standing
from server.payments.refunds import settle


class AmountMismatch(Problem):
    status, slug, title = 409, "amount-mismatch", "The notice's amount is not ours"


class TradeNumberTaken(Conflict):
    slug, title = "trade-number-taken", "The provider's number of this trade belongs to another payment"


async def receive(session: AsyncSession, provider: str, notice: Notice | RefundNotice, now: datetime) -> bool:
    """Book a checked notice; `False` when it was told before. Notices may come twice and in any order: success is
    final, a failure only ends what waits. Raises `NotFound`, `AmountMismatch`, `TradeNumberTaken` (409)."""
    if isinstance(notice, RefundNotice):
        return await _receive_refund(session, provider, notice, now)
    payment = await _locked(session, provider, notice.payment_id)
    if notice.amount_minor != payment.amount_minor:
        raise AmountMismatch(expected_minor=payment.amount_minor)
    if notice.succeeded:
        await _must_be_free(session, payment, notice.trade_no)
    if not await _first_time(session, payment, "succeeded" if notice.succeeded else "failed", notice, now):
        return False
    fact: Fact | None = None
    about: dict[str, Any] = {
        "brand_id": payment.brand_id,
        "payment_id": payment.id,
        "payable": payment.payable,
        "payable_id": payment.payable_id,
        "member_id": payment.member_id,
    }
    if notice.succeeded and payment.status != "succeeded":
        payment.status, payment.succeeded_at = "succeeded", notice.at or now
        payment.trade_no, payment.check_at = notice.trade_no or None, None
        fact = PaymentSucceeded(**about, amount_minor=payment.amount_minor)
    elif not notice.succeeded and payment.status in {"pending", "closing"}:
        if payment.status == "pending":
            fact = PaymentFailed(
                **about | {"member_id": await members.present_id(session, payment.member_id)}
            )
        payment.status = "failed" if payment.status == "pending" else "closed"
        payment.check_at = None
    await session.flush()
    if fact:
        await record(session, fact)
    return True


async def book_standing(database: Database, payment: Payment, standing: Standing) -> None:
    """What the provider answered when it was asked; while it waits for the buyer there is nothing to book."""
    if standing.status == "pending":
        return
    paid = standing.status == "succeeded"
    notice = Notice(
        event_id=f"look:{payment.id}:{standing.status}",
        payment_id=payment.id,
        succeeded=paid,
        amount_minor=standing.amount_minor if paid else payment.amount_minor,
        trade_no=standing.trade_no,
        at=standing.at,
    )
    async with database.transaction() as session:
        await receive(session, payment.provider, notice, utc_now())


async def _receive_refund(session: AsyncSession, provider: str, notice: RefundNotice, now: datetime) -> bool:
    refund = (await session.exec(select(Refund).where(Refund.id == notice.refund_id))).first()
    if refund is None:
        raise NotFound
    payment = await _locked(session, provider, refund.payment_id)
    if notice.amount_minor != refund.amount_minor:
        raise AmountMismatch(expected_minor=refund.amount_minor)
    if not await _first_time(session, payment, f"refund_{notice.returned.status}", notice, now):
        return False
    await settle(session, refund.id, notice.returned, now)
    return True


async def _locked(session: AsyncSession, provider: str, payment_id: UUID) -> Payment:
    chosen = select(Payment).where(Payment.id == payment_id, Payment.provider == provider)
    payment = (await session.exec(chosen.with_for_update())).first()
    if payment is None:
        raise NotFound
    return payment


async def _must_be_free(session: AsyncSession, payment: Payment, trade_no: str) -> None:
    """One trade of the provider pays one payment of ours."""
    taken = select(Payment.id).where(
        Payment.provider == payment.provider, Payment.trade_no == trade_no, Payment.id != payment.id
    )
    if trade_no and (await session.exec(taken)).first():
        raise TradeNumberTaken


async def _first_time(
    session: AsyncSession, payment: Payment, kind: str, notice: Notice | RefundNotice, now: datetime
) -> bool:
    mark = (
        insert(PaymentEvent)
        .values(
            id=uuid7(),
            provider=payment.provider,
            event_id=notice.event_id,
            payment_id=payment.id,
            kind=kind,
            body=msgspec.to_builtins(notice),
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(PaymentEvent.id))
    )
    return (await session.execute(mark)).first() is not None
