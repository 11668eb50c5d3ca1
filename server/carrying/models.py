"""How a store carries a room of headquarters."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Uuid
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import moment


class Carrying(SQLModel, table=True):
    """What the store shows to the viewers whom it carries. `shelf_order` may name products that have left the shelf.
    A store without a row carries the room as headquarters made it."""

    __tablename__ = "carrying"
    room_id: UUID = Field(primary_key=True, foreign_key="room.id")
    store_id: UUID = Field(primary_key=True, foreign_key="store.id")
    greeting: str = ""
    pick_up: bool = True
    pick_up_note: str = ""
    shelf_order: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid))
    updated_at: datetime = moment(default_factory=utc_now)
    by_id: UUID = Field(foreign_key="account.id")
