"""Templates that merchants make for their sessions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Index, String, Uuid
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class SessionTemplate(Row, table=True):
    """Without a `store_id` it is headquarters', for all stores. `kind`, `audience`, `figures` and `panels` are as
    `rules` has them; `title` is a pattern; at most 200 `product_ids`, in the shelf's order. Archived, it is used no
    more; rooms made from it stay as they are."""

    __tablename__ = "session_template"
    __table_args__ = (Index("ix_session_template", "brand_id", "store_id"),)
    brand_id: UUID = Field(foreign_key="brand.id")
    store_id: UUID | None = Field(default=None, foreign_key="store.id")
    name: str
    kind: str
    title: str
    audience: str
    product_ids: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid))
    figures: list[str] = Field(default_factory=list, sa_type=ARRAY(String))
    panels: list[str] = Field(default_factory=list, sa_type=ARRAY(String))
    by_id: UUID = Field(foreign_key="account.id")
    created_at: datetime = moment(default_factory=utc_now)
    archived_at: datetime | None = moment(default=None, nullable=True)
