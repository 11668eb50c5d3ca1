"""Staff who sign in with a password, and their sessions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class Account(Row, table=True):
    """`role` is one of `rules.Role`; guides and store managers have a store."""

    __tablename__ = "account"
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    store_id: UUID | None = Field(default=None, foreign_key="store.id", index=True)
    login: str = Field(unique=True)
    name: str
    role: str
    password_hash: str
    created_at: datetime = moment(default_factory=utc_now)
    disabled_at: datetime | None = moment(default=None, nullable=True)


class StaffSession(Row, table=True):
    """An opaque token's hash. A new one at every sign-in: an attacker's id planted before it is worth nothing."""

    __tablename__ = "staff_session"
    token_hash: bytes = Field(unique=True)
    account_id: UUID = Field(foreign_key="account.id", index=True)
    created_at: datetime = moment(default_factory=utc_now)
    expires_at: datetime = moment()


class OwnerInvitation(Row, table=True):
    """The one-time link that makes the installation's first owner."""

    __tablename__ = "owner_invitation"
    token_hash: bytes = Field(unique=True)
    created_at: datetime = moment(default_factory=utc_now)
    used_at: datetime | None = moment(default=None, nullable=True)
