"""The merchant's own member store: who they are and everything they did, one timeline each."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, column, exists, select, table, text
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select
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
        Index("ix_member_merged", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    )
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    name: str
    phone: str | None = None
    merged_into: UUID | None = Field(default=None, foreign_key="member.id")
    created_at: datetime = moment(default_factory=utc_now)


class TimelineEntry(Row, table=True):
    """One thing a member did. `fact_id` and `kind` make it unique: a fact told twice is written once. Further
    lines of one fact, member and kind have an id made of the fact's."""

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


class MemberAddress(Row, table=True):
    """Where a member's parcels go. `used_at` is when an order was sent there last, or when it was written down."""

    __tablename__ = "member_address"
    __table_args__ = (
        Index("uq_member_address_default", "member_id", unique=True, postgresql_where=text("is_default")),
    )
    member_id: UUID = Field(foreign_key="member.id", index=True)
    name: str
    phone: str
    province: str
    city: str
    district: str = ""
    detail: str
    is_default: bool = False
    used_at: datetime = moment()

    def label(self) -> dict[str, str]:
        """As an order keeps it; a municipality is said once."""
        region = [self.province, "" if self.city == self.province else self.city, self.district]
        address = " ".join(part for part in (*region, self.detail) if part)
        return {"name": self.name, "phone": self.phone, "address": address}


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


# Two tables of upper layers are read here by name, not by import: whose room a visitor opened, and who was in a
# store's charge. The columns used are those below.
_room = table("room", column("id"), column("brand_id"))
_visit = table("visit", column("member_id"), column("store_id"))


def brand_of_room(room_id: UUID) -> Select[tuple[Any]]:
    return select(_room.c.brand_id).where(_room.c.id == room_id)


def visited(member_id: Mapped[UUID], store_id: UUID | None) -> ColumnElement[bool]:
    """Whether the member was in a room as a visitor of that store."""
    return exists().where(_visit.c.member_id == member_id, _visit.c.store_id == store_id)
