"""A sale in a room: its price, its own pool of units, its limit for each buyer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, minor, moment


class FlashSale(Row, table=True):
    """`state`: scheduled, open, closed. `epoch` fences the Redis gate: a gate of an older epoch is void. `request_hash`
    is of what came with the Idempotency-Key that it was made with."""

    __tablename__ = "flash_sale"
    __table_args__ = (
        CheckConstraint("limit_per_buyer > 0", name="limit"),
        Index("ix_flash_sale_room", "room_id", "id"),
        Index("ix_flash_sale_state", "state", "ends_at"),
    )
    brand_id: UUID
    room_id: UUID = Field(foreign_key="room.id")
    title: str
    state: str = "scheduled"
    opens_at: datetime | None = moment(default=None, nullable=True)
    ends_at: datetime | None = moment(default=None, nullable=True)
    duration_seconds: int
    limit_per_buyer: int = 1
    hold_seconds: int = 300
    epoch: int = 1
    request_hash: bytes | None = None
    created_at: datetime = moment(default_factory=utc_now)


class FlashSaleLine(SQLModel, table=True):
    __tablename__ = "flash_sale_line"
    __table_args__ = (CheckConstraint("price_minor >= 0", name="price"),)
    sale_id: UUID = Field(primary_key=True, foreign_key="flash_sale.id")
    sku_id: UUID = Field(primary_key=True, foreign_key="sku.id")
    balance_id: UUID = Field(foreign_key="stock_balance.id")
    product_id: UUID = Field(foreign_key="product.id")
    title: str
    image: str | None = None
    price_minor: int = minor()
    was_minor: int | None = minor(default=None, nullable=True)
    position: int = 0


class FlashSaleBuyer(SQLModel, table=True):
    """How many units a buyer holds or bought; the limit is checked against it in the claim statement."""

    __tablename__ = "flash_sale_buyer"
    sale_id: UUID = Field(primary_key=True, foreign_key="flash_sale.id")
    member_id: UUID = Field(primary_key=True)
    quantity: int
