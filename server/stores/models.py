"""Stores of a brand and their regions. A store's guides are accounts with a store."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class Region(Row, table=True):
    """Stores that headquarters look at together; a store is in one or in none."""

    __tablename__ = "region"
    __table_args__ = (UniqueConstraint("brand_id", "name"),)
    brand_id: UUID = Field(foreign_key="brand.id")
    name: str
    created_at: datetime = moment(default_factory=utc_now)


class Store(Row, table=True):
    """A closed store keeps its orders and members, but nobody is sent there any more."""

    __tablename__ = "store"
    __table_args__ = (UniqueConstraint("brand_id", "code"),)
    brand_id: UUID = Field(foreign_key="brand.id")
    name: str
    code: str
    region_id: UUID | None = Field(default=None, foreign_key="region.id", index=True)
    address: str = ""
    created_at: datetime = moment(default_factory=utc_now)
    closed_at: datetime | None = moment(default=None, nullable=True)
