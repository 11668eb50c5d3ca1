"""Gifts and the tips that viewers give with them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, minor, moment


class Gift(Row, table=True):
    """`icon` is one emoji."""

    __tablename__ = "gift"
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    name: str
    icon: str
    price_minor: int = minor()
    position: int = 0


class Tip(Row, table=True):
    __tablename__ = "tip"
    __table_args__ = (
        UniqueConstraint("member_id", "key"),
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_tip_room", "room_id", "id"),
    )
    brand_id: UUID
    room_id: UUID
    member_id: UUID = Field(foreign_key="member.id")
    gift_id: UUID = Field(foreign_key="gift.id")
    journal_id: UUID = Field(foreign_key="journal.id")
    key: str
    quantity: int
    amount_minor: int = minor()
    at: datetime = moment(default_factory=utc_now)
