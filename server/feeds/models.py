"""The tokens with which the merchant's own tools hear a room's feed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class FeedToken(Row, table=True):
    """`name` says for what it is; it is worth what the account that made it may see."""

    __tablename__ = "feed_token"
    token_hash: bytes = Field(unique=True)
    room_id: UUID = Field(foreign_key="room.id", index=True)
    account_id: UUID = Field(foreign_key="account.id")
    name: str
    created_at: datetime = moment(default_factory=utc_now)
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(default=None, nullable=True)
