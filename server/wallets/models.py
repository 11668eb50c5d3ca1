"""A double-entry ledger: every journal's entries sum to zero, every balance equals its entries."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, minor, moment


class Wallet(Row, table=True):
    """`kind`: member (never below zero), cash (what providers hold for us, goes negative), tips, ..."""

    __tablename__ = "wallet"
    __table_args__ = (
        UniqueConstraint("brand_id", "kind", "owner_id"),
        CheckConstraint("kind <> 'member' OR balance_minor >= 0", name="member_not_negative"),
    )
    brand_id: UUID
    kind: str
    owner_id: UUID
    balance_minor: int = minor(default=0)


class Journal(Row, table=True):
    """One booking. `key` is the idempotency key of the effect that caused it."""

    __tablename__ = "journal"
    __table_args__ = (UniqueConstraint("brand_id", "key"),)
    brand_id: UUID
    kind: str
    key: str
    note: str = ""
    at: datetime = moment(default_factory=utc_now)


class WalletEntry(SQLModel, table=True):
    __tablename__ = "wallet_entry"
    seq: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    journal_id: UUID = Field(foreign_key="journal.id", index=True)
    wallet_id: UUID = Field(foreign_key="wallet.id", index=True)
    amount_minor: int = minor()
