"""Payments: made, told of by the provider, refunded. What they are for is named, not known here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.problems import Conflict, NotFound, Problem
from server.kit.settings import Settings
from server.payments.facts import PaymentFailed, PaymentSucceeded, RefundRequested
from server.payments.models import Payment, PaymentEvent, Refund
from server.payments.providers import Notice, Provider
from server.payments.providers.sandbox import Sandbox


class ProviderUnknown(Problem):
    """`providers` lists what this installation offers."""

    status, slug, title = 422, "provider-unknown", "This way of paying is not offered here"


class AlreadyDecided(Conflict):
    slug, title = "payment-decided", "This was paid or declined just now; look again"


class AmountMismatch(Problem):
    status, slug, title = 409, "amount-mismatch", "The notice's amount is not the payment's"


class RefundTooLarge(Problem):
    """`refundable_minor` is the most that can go back now."""

    status, slug, title = 409, "refund-too-large", "More than what was paid and not refunded yet"


def providers(settings: Settings) -> dict[str, Provider]:
    """What can be paid with here. The sandbox exists only when the installation says so."""
    return {"sandbox": Sandbox(settings)} if settings.sandbox else {}


def provider_named(settings: Settings, name: str) -> Provider:
    """Raises `ProviderUnknown` (422)."""
    offered = providers(settings)
    if name not in offered:
        raise ProviderUnknown(providers=sorted(offered))
    return offered[name]


async def create(
    session: AsyncSession,
    settings: Settings,
    *,
    brand_id: UUID,
    member_id: UUID,
    payable: str,
    payable_id: UUID,
    provider: str,
    amount_minor: int,
    title: str,
    return_url: str,
) -> Payment:
    """The pending payment for this thing by this provider: there is one at a time, whoever asks at once.

    Raises `ProviderUnknown` (422), `AlreadyDecided` (409) when it was paid or declined at this very moment.
    """
    provider_named(settings, provider)
    payment = Payment(
        brand_id=brand_id,
        member_id=member_id,
        payable=payable,
        payable_id=payable_id,
        provider=provider,
        amount_minor=amount_minor,
        title=title,
        return_url=return_url,
    )
    await session.execute(
        insert(Payment)
        .values(**payment.model_dump())
        .on_conflict_do_nothing(
            index_elements=["payable", "payable_id", "provider"], index_where=text("status = 'pending'")
        )
    )
    pending = await session.exec(
        select(Payment).where(
            Payment.payable == payable,
            Payment.payable_id == payable_id,
            Payment.provider == provider,
            Payment.status == "pending",
        )
    )
    if (found := pending.first()) is None:
        raise AlreadyDecided
    return found


def cashier_url(settings: Settings, payment: Payment) -> str:
    return provider_named(settings, payment.provider).cashier_url(payment.id)


async def get(session: AsyncSession, payment_id: UUID) -> Payment:
    """Raises `NotFound`."""
    payment = await session.get(Payment, payment_id)
    if payment is None:
        raise NotFound
    return payment


async def receive(session: AsyncSession, provider_name: str, notice: Notice, now: datetime) -> bool:
    """Book a checked notice; `False` when it was told before. Notices may come twice and in any order:
    success is final, a failure only ends a pending payment. Raises `NotFound`, `AmountMismatch`."""
    payment = (
        await session.exec(
            select(Payment)
            .where(Payment.id == notice.payment_id, Payment.provider == provider_name)
            .with_for_update()
        )
    ).first()
    if payment is None:
        raise NotFound
    if notice.amount_minor != payment.amount_minor:
        raise AmountMismatch(expected_minor=payment.amount_minor)
    first_time = await session.execute(
        insert(PaymentEvent)
        .values(
            id=uuid7(),
            provider=provider_name,
            event_id=notice.event_id,
            payment_id=payment.id,
            kind="succeeded" if notice.succeeded else "failed",
            body=msgspec.to_builtins(notice),
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(PaymentEvent.id))
    )
    if first_time.first() is None:
        return False
    if notice.succeeded and payment.status != "succeeded":
        payment.status, payment.succeeded_at = "succeeded", now
        await session.flush()
        await record(
            session,
            PaymentSucceeded(
                brand_id=payment.brand_id,
                payment_id=payment.id,
                payable=payment.payable,
                payable_id=payment.payable_id,
                member_id=payment.member_id,
                amount_minor=payment.amount_minor,
            ),
        )
    elif not notice.succeeded and payment.status == "pending":
        payment.status = "failed"
        await session.flush()
        await record(
            session,
            PaymentFailed(
                brand_id=payment.brand_id,
                payment_id=payment.id,
                payable=payment.payable,
                payable_id=payment.payable_id,
                member_id=payment.member_id,
            ),
        )
    return True


async def refund(
    session: AsyncSession, payable: str, payable_id: UUID, amount_minor: int, key: str, reason: str = ""
) -> Sequence[Refund]:
    """Book money going back, newest payment first, over as many payments as it takes; the worker then asks the
    providers. The parts are in the order of their ids. Raises `RefundTooLarge` (409)."""
    payments = (
        await session.exec(
            select(Payment)
            .where(
                Payment.payable == payable, Payment.payable_id == payable_id, Payment.status == "succeeded"
            )
            .order_by(col(Payment.id).desc())
            .with_for_update()
        )
    ).all()
    left, booked = amount_minor, []
    for payment in payments:
        part = min(left, payment.amount_minor - payment.refunded_minor)
        if part <= 0:
            continue
        booked.append(
            Refund(
                brand_id=payment.brand_id,
                payment_id=payment.id,
                key=key,
                reason=reason,
                amount_minor=part,
            )
        )
        left -= part
        await session.execute(
            update(Payment)
            .where(col(Payment.id) == payment.id)
            .values(refunded_minor=Payment.refunded_minor + part)
        )
    if left:
        raise RefundTooLarge(refundable_minor=amount_minor - left)
    session.add_all(booked)
    await session.flush()
    await record(session, *(RefundRequested(brand_id=row.brand_id, refund_id=row.id) for row in booked))
    return booked


async def settle_refund(session: AsyncSession, refund_id: UUID, now: datetime, failure: str = "") -> None:
    """What the provider said of a refund."""
    await session.execute(
        update(Refund)
        .where(col(Refund.id) == refund_id, col(Refund.status) != "succeeded")
        .values(status="failed" if failure else "succeeded", failure=failure, settled_at=now)
    )


VERIFY = {
    "refunds_within_payments": """
        SELECT p.id::text, p.amount_minor, p.refunded_minor, coalesce(sum(r.amount_minor), 0)::bigint AS refunds
        FROM payment p LEFT JOIN refund r ON r.payment_id = p.id GROUP BY p.id
        HAVING p.refunded_minor <> coalesce(sum(r.amount_minor), 0) OR p.refunded_minor > p.amount_minor""",
}


async def verify(session: AsyncSession) -> Broken:
    """Payment invariants: check name → broken rows."""
    return await broken_rows(session, VERIFY)
