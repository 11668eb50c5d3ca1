"""Money in and out through a provider. What is paid for (an order, a top-up) is named, not imported."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment


class Payment(Row, table=True):
    """`payable`: order or top_up. `status`: pending → succeeded | failed, or closing → closed when nobody waits for it
    any more; money that comes all the same makes it succeeded.

    `scene` is where the buyer pays (desktop, phone, wechat) and `payer` what the provider must know of them (`ip`,
    `openid`). `begun` is what the provider answered for the buyer's page, `provider_ref` its name for this payment,
    `trade_no` its number of the success. `check_at` is when the worker looks at it next; null once it is over.
    `succeeded_at` is the provider's time.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        Index(
            "uq_payment_pending",
            "payable",
            "payable_id",
            "provider",
            "scene",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "uq_payment_trade",
            "provider",
            "trade_no",
            unique=True,
            postgresql_where=text("trade_no IS NOT NULL"),
        ),
        Index("ix_payment_due", "provider", "check_at", postgresql_where=text("check_at IS NOT NULL")),
        Index(
            "ix_payment_succeeded",
            "brand_id",
            "provider",
            "succeeded_at",
            postgresql_where=text("succeeded_at IS NOT NULL"),
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
    scene: str = Field(default="desktop", sa_column_kwargs={"server_default": "desktop"})
    payer: dict[str, Any] = document(default={}, sa_column_kwargs={"server_default": text("'{}'::jsonb")})
    expires_at: datetime | None = moment(default=None, nullable=True)
    begun: dict[str, Any] | None = document(default=None, nullable=True)
    provider_ref: str | None = None
    trade_no: str | None = None
    check_at: datetime | None = moment(default=None, nullable=True)
    checks: int = Field(default=0, sa_column_kwargs={"server_default": "0"})

    @property
    def ends_at_provider(self) -> datetime | None:
        """When the provider takes no more money for it, as it was told; None where it goes by `expires_at` alone."""
        ends_at = (self.begun or {}).get("ends_at")
        return datetime.fromisoformat(ends_at) if ends_at else None


class BuyerOpenid(Row, table=True):
    """What WeChat calls a member towards the official account of this app id. No page and no staff is told."""

    __tablename__ = "buyer_openid"
    __table_args__ = (UniqueConstraint("member_id", "app_id"),)
    brand_id: UUID
    member_id: UUID
    app_id: str
    openid: str
    learned_at: datetime = moment()


class PaymentEvent(Row, table=True):
    """A provider's notice as it came, or what it answered when it was asked; unique, so that a notice told twice counts
    once. `kind`: succeeded, failed, refund_succeeded, refund_failed."""

    __tablename__ = "payment_event"
    __table_args__ = (UniqueConstraint("provider", "event_id"),)
    provider: str
    event_id: str
    payment_id: UUID = Field(foreign_key="payment.id", index=True)
    kind: str
    body: dict[str, Any] = document()
    received_at: datetime = moment(default_factory=utc_now)


class Refund(Row, table=True):
    """Money going back. `status`: requested, succeeded, failed (then `failure` says why and staff retry, which begins
    the next `round`). `check_at` is when the worker asks the provider next."""

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("payment_id", "key"),
        CheckConstraint("amount_minor > 0", name="amount"),
        Index("ix_refund_due", "check_at", postgresql_where=text("check_at IS NOT NULL")),
        Index("ix_refund_open", "brand_id", "id", postgresql_where=text("status <> 'succeeded'")),
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
    provider_ref: str | None = None
    check_at: datetime | None = moment(default_factory=utc_now, nullable=True)
    checks: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    round: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class SandboxTrade(Row, table=True):
    """What the sandbox knows of a payment, under its id: its own side, apart from ours. `status`: open, paid, declined.
    `refunds` are `{number, amount_minor, at, done_at}`; `refund_mood`: prompt, slow, refuses (each first try)."""

    __tablename__ = "sandbox_trade"
    amount_minor: int = minor()
    trade_no: str
    status: str = "open"
    decided_at: datetime | None = moment(default=None, nullable=True)
    refund_mood: str = "prompt"
    refunds: list[dict[str, Any]] = document(default=[])


class SandboxNotice(Row, table=True):
    """A notice that the sandbox has yet to send."""

    __tablename__ = "sandbox_notice"
    body: dict[str, Any] = document()
    due_at: datetime = moment(index=True)


class Reconciliation(Row, table=True):
    """A provider's statement of one day (the shop's) held against our books; `report` is `reconciling.Report`."""

    __tablename__ = "reconciliation"
    __table_args__ = (UniqueConstraint("brand_id", "provider", "day", "file_hash"),)
    brand_id: UUID = Field(foreign_key="brand.id")
    provider: str
    day: date
    file_hash: bytes
    fetched: bool = False
    differences: int
    report: dict[str, Any] = document()
    made_by: UUID | None = None
    made_at: datetime = moment(default_factory=utc_now)
