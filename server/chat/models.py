"""What was said in a room, and who may not speak for a while."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class ChatMessage(Row, table=True):
    """`ref` is the writer's own reference: a line sent again after a drop is the same line."""

    __tablename__ = "chat_message"
    __table_args__ = (
        UniqueConstraint("room_id", "writer_id", "ref"),
        Index("ix_chat_message_room", "room_id", "id"),
        Index("ix_chat_message_writer", "writer_id"),
    )
    brand_id: UUID
    room_id: UUID = Field(foreign_key="room.id")
    writer_id: UUID
    name: str
    role: str
    ref: str
    text: str
    at: datetime = moment(default_factory=utc_now)
    deleted_at: datetime | None = moment(default=None, nullable=True)
    deleted_by: UUID | None = None


class Mute(SQLModel, table=True):
    __tablename__ = "mute"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    member_id: UUID = Field(primary_key=True)
    until: datetime = moment()
    by: UUID


class ModerationAct(Row, table=True):
    """The audit of moderation: who did what to whom, and when."""

    __tablename__ = "moderation_act"
    __table_args__ = (Index("ix_moderation_act_room", "room_id", "id"),)
    room_id: UUID = Field(foreign_key="room.id")
    actor_id: UUID
    act: str
    target_id: UUID
    at: datetime = moment(default_factory=utc_now)
    note: str = ""
