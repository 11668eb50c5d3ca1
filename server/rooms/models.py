"""Rooms, their shelf, and what is remembered of a broadcast."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, UniqueConstraint, Uuid
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, document, moment
from server.rooms.kinds.rules import Kind, kept, shows


class Room(Row, table=True):
    """`state` and `pinned_ids` (all on the shelf) are `live.room`'s, `audience` one of `rules.Audience`. `store_id` is
    set for a store's own room; headquarters' have none, and are for the stores of their `reach` (`rules.ReachKind`).
    `key` and `request_hash` are the Idempotency-Key it was made with and what came with it. `kind` and `shows` are as
    `kinds.rules` had them when it was made. `draft_of`: one tap prepared it for this account, who has one at most;
    nobody else's lists show it until it goes on air."""

    __tablename__ = "room"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        CheckConstraint("(reach = 'region') = (region_id IS NOT NULL)", name="reach"),
        CheckConstraint("reach = 'all' OR store_id IS NULL", name="own"),
    )
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    store_id: UUID | None = Field(default=None, foreign_key="store.id", index=True)
    host_id: UUID | None = Field(default=None, foreign_key="account.id")
    key: str | None = None
    request_hash: bytes | None = None
    title: str
    audience: str = "public"
    reach: str = Field(default="all", sa_column_kwargs={"server_default": "all"})
    region_id: UUID | None = Field(default=None, foreign_key="region.id")
    kind: str = Kind.SELLING.value
    shows: dict[str, Any] = document(default_factory=lambda: kept(shows(Kind.SELLING)))
    session_template_id: UUID | None = Field(default=None, foreign_key="session_template.id", index=True)
    draft_of: UUID | None = Field(default=None, foreign_key="account.id", unique=True)
    state: str = "planned"
    demo: bool = False
    pinned_ids: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid))
    created_at: datetime = moment(default_factory=utc_now)
    started_at: datetime | None = moment(default=None, nullable=True)
    ended_at: datetime | None = moment(default=None, nullable=True)
    peak_watching: int = 0
    likes: int = 0
    report: dict[str, Any] | None = document(default=None, nullable=True)


class RoomReach(SQLModel, table=True):
    """One of the stores that a room of headquarters was chosen for."""

    __tablename__ = "room_reach"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    store_id: UUID = Field(primary_key=True, foreign_key="store.id")


class ShelfItem(SQLModel, table=True):
    __tablename__ = "shelf_item"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    product_id: UUID = Field(primary_key=True, foreign_key="product.id")
    position: int


class RoomMark(Row, table=True):
    """A moment worth marking on the room's curve: live, pin, sale opened, sale closed, ended."""

    __tablename__ = "room_mark"
    __table_args__ = (Index("ix_room_mark", "room_id", "at"),)
    room_id: UUID = Field(foreign_key="room.id")
    at: datetime = moment(default_factory=utc_now)
    kind: str
    label: str = ""


class RoomMinute(SQLModel, table=True):
    """How many watched in a minute of a room (the largest count seen)."""

    __tablename__ = "room_minute"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    at: datetime = moment(primary_key=True)
    watching: int = 0
