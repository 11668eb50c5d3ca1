"""The merchant's own member store: who they are and everything they did, one timeline each."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, document, moment


class Member(Row, table=True):
    """A guest until a phone number is proved; a guest who turns out to be a known member is merged into that row."""

    __tablename__ = "member"
    __table_args__ = (
        Index(
            "uq_member_phone",
            "brand_id",
            "phone",
            unique=True,
            postgresql_where=text("merged_into IS NULL AND phone IS NOT NULL"),
        ),
    )
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    name: str
    phone: str | None = None
    merged_into: UUID | None = Field(default=None, foreign_key="member.id")
    created_at: datetime = moment(default_factory=utc_now)


class TimelineEntry(Row, table=True):
    """One thing a member did. `fact_id` and `kind` make it unique: a fact told twice is written once."""

    __tablename__ = "timeline_entry"
    __table_args__ = (
        UniqueConstraint("member_id", "fact_id", "kind"),
        Index("ix_timeline_member", "member_id", "id"),
    )
    brand_id: UUID
    member_id: UUID = Field(foreign_key="member.id")
    store_id: UUID | None = None
    room_id: UUID | None = None
    kind: str
    at: datetime = moment()
    fact_id: UUID
    data: dict[str, Any] = document(default_factory=dict)


class PhoneCode(Row, table=True):
    """A code sent by SMS, kept as a hash; five wrong tries or five minutes end it."""

    __tablename__ = "phone_code"
    brand_id: UUID
    phone: str = Field(index=True)
    code_hash: bytes
    tries: int = 0
    created_at: datetime = moment(default_factory=utc_now)
    expires_at: datetime = moment()
    used_at: datetime | None = moment(default=None, nullable=True)
