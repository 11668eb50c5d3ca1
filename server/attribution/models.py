"""Who brought this viewer, and the credit that follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment
from server.kit.ids import uuid7

ONE_LINK_EACH = ("room_id", "member_id", "guide_id", "store_id", "parent_id", "channel")


class InvitationLink(Row, table=True):
    """One inviter's link. A re-share has a `parent_id` and keeps the guide and store of the first link.

    Asking again for the same room, channel and parent gives the same link.
    """

    __tablename__ = "invitation_link"
    __table_args__ = (
        Index(
            "uq_invitation_link_inviter",
            *ONE_LINK_EACH,
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    code: str = Field(unique=True)
    room_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    member_id: UUID | None = None
    parent_id: UUID | None = Field(default=None, foreign_key="invitation_link.id")
    channel: str = ""
    created_at: datetime = moment(default_factory=utc_now)


class Touch(Row, table=True):
    """A member came through a link. A touch that doesn't count keeps the reason (`self-invite`, `loop`)."""

    __tablename__ = "touch"
    __table_args__ = (Index("ix_touch_member", "member_id", "id"),)
    brand_id: UUID
    link_id: UUID = Field(foreign_key="invitation_link.id")
    member_id: UUID = Field(foreign_key="member.id")
    at: datetime = moment(default_factory=utc_now)
    refused: str | None = None


class Visit(SQLModel, table=True):
    """A member in a room, and who carries them there: the claim statement reads it to credit the order."""

    __tablename__ = "visit"
    __table_args__ = (
        UniqueConstraint("id"),
        Index("ix_visit_store", "store_id", "id"),
        Index("ix_visit_guide", "guide_id", "id"),
        Index("ix_visit_member", "member_id"),
    )
    room_id: UUID = Field(primary_key=True)
    member_id: UUID = Field(primary_key=True, foreign_key="member.id")
    id: UUID = Field(default_factory=uuid7, sa_column_kwargs={"server_default": text("uuidv7()")})
    brand_id: UUID
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None
    entered_at: datetime = moment(default_factory=utc_now)


class Credit(Row, table=True):
    """One for each paid order. `why` keeps the touches, the rule and its version, as they were applied."""

    __tablename__ = "credit"
    __table_args__ = (
        UniqueConstraint("order_id"),
        CheckConstraint("reversed_minor >= 0 AND reversed_minor <= amount_minor", name="reversal"),
        Index("ix_credit_store", "store_id", "id"),
        Index("ix_credit_guide", "guide_id", "id"),
    )
    brand_id: UUID
    order_id: UUID
    member_id: UUID
    room_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None
    rule: str
    rule_version: int
    why: dict[str, Any] = document(default_factory=dict)
    amount_minor: int = minor()
    reversed_minor: int = minor(default=0)
    at: datetime = moment(default_factory=utc_now)


class CreditReversal(Row, table=True):
    """What a refund took back; unique for each refund."""

    __tablename__ = "credit_reversal"
    __table_args__ = (UniqueConstraint("credit_id", "refund_id"),)
    credit_id: UUID = Field(foreign_key="credit.id", index=True)
    refund_id: UUID
    amount_minor: int = minor()
    at: datetime = moment(default_factory=utc_now)
