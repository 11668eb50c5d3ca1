"""Money in and out through a provider. What is paid for (an order, a top-up) is named, not imported."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment


class Payment(Row, table=True):
    """`payable`: order or top_up. `status`: pending, succeeded, failed."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        Index(
            "uq_payment_pending",
            "payable",
            "payable_id",
            "provider",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
    )
    brand_id: UUID
    member_id: UUID
    payable: str
    payable_id: UUID = Field(index=True)
    provider: str
    title: str
    return_url: str
    amount_minor: int = minor()
    refunded_minor: int = minor(default=0)
    status: str = "pending"
    created_at: datetime = moment(default_factory=utc_now)
    succeeded_at: datetime | None = moment(default=None, nullable=True)


class PaymentEvent(Row, table=True):
    """A provider's notice as it came; unique, so that a notice told twice counts once."""

    __tablename__ = "payment_event"
    __table_args__ = (UniqueConstraint("provider", "event_id"),)
    provider: str
    event_id: str
    payment_id: UUID = Field(foreign_key="payment.id", index=True)
    kind: str
    body: dict[str, Any] = document()
    received_at: datetime = moment(default_factory=utc_now)


class Refund(Row, table=True):
    """Money going back. `status`: requested, succeeded, failed (then `failure` says why and staff retry)."""

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("payment_id", "key"),
        CheckConstraint("amount_minor > 0", name="amount"),
    )
    brand_id: UUID
    payment_id: UUID = Field(foreign_key="payment.id")
    key: str
    reason: str = ""
    amount_minor: int = minor()
    status: str = "requested"
    failure: str = ""
    requested_at: datetime = moment(default_factory=utc_now)
    settled_at: datetime | None = moment(default=None, nullable=True)
