"""What a guide and a customer of theirs say to each other."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, document, moment
from server.kit.ids import uuid7


def _count() -> Any:
    return Field(default=0, sa_column_kwargs={"server_default": "0"})


class Conversation(Row, table=True):
    """One of a member and a guide, as of one store: a guide who moves to another begins anew there.

    Its lines are numbered 1 to `last_number`, without gaps: a line is written under this row's lock. `latest_id` is the
    newest line's id, or this row's while there is none, and so sorts by time. `member_read` and `guide_read`: up to
    which number each has read. `day_lines` were written on `day`, the last on which any was.
    """

    __tablename__ = "conversation"
    __table_args__ = (
        Index(
            "uq_conversation",
            "member_id",
            "guide_id",
            "store_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_conversation_guide", "guide_id", "latest_id"),
        Index("ix_conversation_member", "member_id", "latest_id"),
    )
    brand_id: UUID = Field(foreign_key="brand.id")
    member_id: UUID = Field(foreign_key="member.id")
    guide_id: UUID = Field(foreign_key="account.id")
    store_id: UUID | None = None
    created_at: datetime = moment(default_factory=utc_now)
    last_number: int = _count()
    latest_id: UUID = Field(default_factory=uuid7)
    member_read: int = _count()
    guide_read: int = _count()
    blocked_at: datetime | None = moment(default=None, nullable=True)
    day: date | None = None
    day_lines: int = _count()


class ConversationLine(Row, table=True):
    """`by`: member or guide. `kind`: text, picture or product, with `text`, `width` and `height`, or `product_id` in
    `content`, which is empty once the line was taken back."""

    __tablename__ = "conversation_line"
    __table_args__ = (
        UniqueConstraint("conversation_id", "number"),
        UniqueConstraint("conversation_id", "by", "key"),
    )
    conversation_id: UUID = Field(foreign_key="conversation.id")
    number: int
    by: str
    kind: str
    content: dict[str, Any] = document(default_factory=dict)
    key: str
    request_hash: bytes
    at: datetime = moment(default_factory=utc_now)
    recalled_at: datetime | None = moment(default=None, nullable=True)


class ConversationPicture(Row, table=True):
    """A line's picture, kept apart from the catalog's: that shows whatever it keeps to anybody who knows its hash."""

    __tablename__ = "conversation_picture"
    line_id: UUID = Field(foreign_key="conversation_line.id", unique=True)
    body: bytes
