"""Money going back: booked here, sent by the worker, sent once more by staff where it was refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import utc_now
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import Principal
from server.kit.problems import Conflict, NotFound, Problem
from server.payments.models import Payment, Refund
from server.payments.providers.port import Returned

Status = Literal["requested", "succeeded", "failed"]


class RefundTooLarge(Problem):
    """`refundable_minor` is the most that can go back now."""

    status, slug, title = 409, "refund-too-large", "More than what was paid and not refunded yet"


class NotRefused(Conflict):
    """`refund_status` is what it is in."""

    slug, title = "refund-not-refused", "Only a refund that was refused can be sent again"


class RefundView(msgspec.Struct):
    """`failure` is the provider's own word; `tries` counts how often it was asked. `payable`: order or top_up."""

    refund_id: UUID
    payment_id: UUID
    payable: str
    payable_id: UUID
    title: str
    provider: str
    amount_minor: int
    reason: str
    status: str
    failure: str
    tries: int
    requested_at: datetime
    settled_at: datetime | None


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
    return booked


async def settle(session: AsyncSession, refund_id: UUID, returned: Returned, now: datetime) -> None:
    """What the provider said of a refund. Success is final; one that was refused may still turn out well."""
    values: dict[str, object] = {"provider_ref": returned.ref} if returned.ref else {}
    if returned.status == "succeeded":
        values |= {
            "status": "succeeded",
            "failure": "",
            "settled_at": returned.at or now,
            "check_at": None,
        }
    elif returned.status == "failed":
        values |= {"status": "failed", "failure": returned.failure, "settled_at": now, "check_at": None}
    if values:
        await session.execute(
            update(Refund)
            .where(col(Refund.id) == refund_id, col(Refund.status) != "succeeded")
            .values(**values)
        )


async def retry(session: AsyncSession, staff: Principal, refund_id: UUID) -> RefundView:
    """Send a refused refund once more. Raises `NotFound`, `NotRefused` (409)."""
    chosen = select(Refund).where(Refund.id == refund_id, Refund.brand_id == staff.brand_id)
    found = (await session.exec(chosen.with_for_update())).first()
    if found is None:
        raise NotFound
    if found.status != "failed":
        raise NotRefused(refund_status=found.status)
    found.status, found.failure, found.settled_at, found.provider_ref = "requested", "", None, None
    found.round, found.checks, found.check_at = found.round + 1, 0, utc_now()
    await session.flush()
    payment = await session.get_one(Payment, found.payment_id)
    return _view((found, payment))


async def listing(
    session: AsyncSession, staff: Principal, status: Status | None, cursor: str | None
) -> Page[RefundView]:
    """The brand's, newest first; without a status those that wait or were refused."""
    wanted = (
        select(Refund, Payment)
        .join(Payment, col(Payment.id) == col(Refund.payment_id))
        .where(Refund.brand_id == staff.brand_id)
        .where(Refund.status == status if status else Refund.status != "succeeded")
        .order_by(col(Refund.id).desc())
        .limit(PAGE + 1)
    )
    if last := before(cursor):
        wanted = wanted.where(Refund.id < last)
    rows = [(found, payment) for found, payment in (await session.exec(wanted)).all()]
    return page(rows, _view, lambda row: row[0].id)


def _view(row: tuple[Refund, Payment]) -> RefundView:
    found, payment = row
    return RefundView(
        refund_id=found.id,
        payment_id=payment.id,
        payable=payment.payable,
        payable_id=payment.payable_id,
        title=payment.title,
        provider=payment.provider,
        amount_minor=found.amount_minor,
        reason=found.reason,
        status=found.status,
        failure=found.failure,
        tries=found.checks,
        requested_at=found.requested_at,
        settled_at=found.settled_at,
    )
