"""Staff who sign in with a password or by their phone, their sessions, and who asks to join."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class Account(Row, table=True):
    """`role` is one of `rules.Role`; guides and store managers have a store.

    There is a login with a password, a phone (E.164), or both. `joined_at` is when somebody with a phone alone came in
    for the first time. `face` is the hash of a kept picture.
    """

    __tablename__ = "account"
    __table_args__ = (
        Index(
            "uq_account_phone",
            "brand_id",
            "phone",
            unique=True,
            postgresql_where=text("phone IS NOT NULL"),
        ),
        Index("ix_account_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
    )
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    store_id: UUID | None = Field(default=None, foreign_key="store.id", index=True)
    login: str | None = Field(default=None, unique=True)
    phone: str | None = None
    name: str
    role: str
    password_hash: str | None = None
    face: str | None = Field(default=None, foreign_key="picture.sha256")
    created_at: datetime = moment(default_factory=utc_now)
    joined_at: datetime | None = moment(default=None, nullable=True)
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


class JoinRequest(Row, table=True):
    """Somebody with a proved phone who is on no list asks to be a store's guide; open until it is decided."""

    __tablename__ = "join_request"
    __table_args__ = (
        Index(
            "uq_join_request_open",
            "store_id",
            "phone",
            unique=True,
            postgresql_where=text("decided_at IS NULL"),
        ),
        Index("ix_join_request_open", "brand_id", "id", postgresql_where=text("decided_at IS NULL")),
    )
    brand_id: UUID = Field(foreign_key="brand.id")
    store_id: UUID = Field(foreign_key="store.id")
    phone: str
    name: str
    asked_at: datetime = moment(default_factory=utc_now)
    decided_at: datetime | None = moment(default=None, nullable=True)
    decided_by: UUID | None = None
    admitted: bool | None = None
