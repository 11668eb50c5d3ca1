"""What was said in a room, by which rules, and who may not speak or enter."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, document, moment


class ChatMessage(Row, table=True):
    """`ref` is the writer's own reference: a line sent again after a drop is the same line.

    `state`: shown, waiting (for a moderator), refused. `why` and `pattern` are what held it (`facts.HeldLine`).
    `reply_to` is the line that this one answers.
    """

    __tablename__ = "chat_message"
    __table_args__ = (
        UniqueConstraint("room_id", "writer_id", "ref"),
        CheckConstraint("state IN ('shown', 'waiting', 'refused')", name="state"),
        Index("ix_chat_message_room", "room_id", "id"),
        Index("ix_chat_message_writer", "writer_id"),
        Index("ix_chat_message_waiting", "room_id", "id", postgresql_where=text("state = 'waiting'")),
    )
    brand_id: UUID
    room_id: UUID = Field(foreign_key="room.id")
    writer_id: UUID
    name: str
    role: str
    ref: str
    text: str
    at: datetime = moment(default_factory=utc_now)
    state: str = Field(default="shown", sa_column_kwargs={"server_default": "shown"})
    reply_to: UUID | None = None
    why: str | None = None
    pattern: str | None = None
    by_staff: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    deleted_at: datetime | None = moment(default=None, nullable=True)
    deleted_by: UUID | None = None


class ChatSetting(SQLModel, table=True):
    """A room's own rules; a room without a row has the defaults. `version` rises with every change."""

    __tablename__ = "chat_setting"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    pre_review: bool = False
    links: bool = False
    slow_s: int = 0
    pinned_id: UUID | None = Field(default=None, foreign_key="chat_message.id")
    version: int = 1


class Word(Row, table=True):
    """A sensitive word of a brand, or of one room. `effect`: refuse, review, allow. `by_sound`: also when written with
    other characters of the same sound, or in pinyin."""

    __tablename__ = "word"
    __table_args__ = (
        Index(
            "uq_word_pattern",
            "brand_id",
            "room_id",
            "pattern",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("effect IN ('refuse', 'review', 'allow')", name="effect"),
    )
    brand_id: UUID = Field(foreign_key="brand.id")
    room_id: UUID | None = Field(default=None, foreign_key="room.id")
    pattern: str
    effect: str
    by_sound: bool = True
    created_at: datetime = moment(default_factory=utc_now)
    created_by: UUID | None = None


class WordVersion(SQLModel, table=True):
    """Rises with every change of a brand's words, its rooms' included: a line is judged by the words of its moment."""

    __tablename__ = "word_version"
    brand_id: UUID = Field(primary_key=True, foreign_key="brand.id")
    version: int = 1


class Mute(SQLModel, table=True):
    __tablename__ = "mute"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    member_id: UUID = Field(primary_key=True)
    until: datetime = moment()
    by: UUID


class Ban(Row, table=True):
    """Keeps a member out of one room, or without `room_id` out of all of the brand's, until lifted or `until`."""

    __tablename__ = "ban"
    __table_args__ = (
        Index("ix_ban_member", "member_id", postgresql_where=text("lifted_at IS NULL")),
        Index("ix_ban_brand", "brand_id", "id"),
    )
    brand_id: UUID
    room_id: UUID | None = Field(default=None, foreign_key="room.id")
    member_id: UUID
    until: datetime | None = moment(default=None, nullable=True)
    reason: str = ""
    by: UUID
    at: datetime = moment(default_factory=utc_now)
    lifted_at: datetime | None = moment(default=None, nullable=True)


class BannedDevice(SQLModel, table=True):
    """A device that the ban goes for too, whoever uses it."""

    __tablename__ = "banned_device"
    device: bytes = Field(primary_key=True)
    ban_id: UUID = Field(primary_key=True, foreign_key="ban.id", index=True)


class MemberDevice(SQLModel, table=True):
    """A device that a member came with: a keyed hash of the random name that its browser gave itself."""

    __tablename__ = "member_device"
    member_id: UUID = Field(primary_key=True, foreign_key="member.id")
    device: bytes = Field(primary_key=True, index=True)
    seen_at: datetime = moment(default_factory=utc_now)


class RoomModerator(SQLModel, table=True):
    """A viewer who helps: may delete lines and mute in this room."""

    __tablename__ = "room_moderator"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    member_id: UUID = Field(primary_key=True, foreign_key="member.id")
    by: UUID
    at: datetime = moment(default_factory=utc_now)


class ModerationAct(Row, table=True):
    """The audit of moderation: who did what to whom, and when. Without `room_id` it was done for the whole brand.
    `detail` is what undoing it needs; an act that was undone names the act that did it."""

    __tablename__ = "moderation_act"
    __table_args__ = (
        Index("ix_moderation_act_room", "room_id", "id"),
        Index("ix_moderation_act_brand", "brand_id", "id"),
    )
    brand_id: UUID
    room_id: UUID | None = Field(default=None, foreign_key="room.id")
    actor_id: UUID
    act: str
    target_id: UUID
    at: datetime = moment(default_factory=utc_now)
    note: str = ""
    detail: dict[str, Any] = document(
        default_factory=dict, sa_column_kwargs={"server_default": text("'{}'::jsonb")}
    )
    undone_by: UUID | None = Field(default=None, foreign_key="moderation_act.id")


class Question(SQLModel, table=True):
    """A line that asks something, by the rules of `questions.toml`. Open until it is answered or put aside.

    Questions `alike` (16 bytes that stand for the room-wide same letters) that are open together are one group: they
    are settled and reopened together, and `group_id` is the message of the one that came first.
    """

    __tablename__ = "question"
    __table_args__ = (
        Index("ix_question_open", "room_id", "message_id", postgresql_where=text("settled_at IS NULL")),
        Index("ix_question_alike", "room_id", "alike", postgresql_where=text("settled_at IS NULL")),
        Index("ix_question_group", "group_id"),
    )
    message_id: UUID = Field(primary_key=True, foreign_key="chat_message.id")
    room_id: UUID = Field(foreign_key="room.id")
    kind: str
    alike: bytes
    group_id: UUID
    asked_at: datetime = moment(default_factory=utc_now)
    settled_at: datetime | None = moment(default=None, nullable=True)
    settled_by: UUID | None = None
    answer_id: UUID | None = Field(default=None, foreign_key="chat_message.id")
