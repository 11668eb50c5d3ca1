"""A sale in a room: its price, its own pool of units, its limit for each buyer."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment


class FlashSale(Row, table=True):
    """`state`: scheduled, open, closed. `kind` names its rules (`kinds`). `epoch` fences the Redis gate: a gate of an
    older epoch is void. `request_hash` is of what came with the Idempotency-Key that it was made with.
    `own_quota_only`: whose store has a quota buys from that alone."""

    __tablename__ = "flash_sale"
    __table_args__ = (
        CheckConstraint("limit_per_buyer > 0", name="limit"),
        Index("ix_flash_sale_room", "room_id", "id"),
        Index("ix_flash_sale_state", "state", "ends_at"),
    )
    brand_id: UUID
    room_id: UUID = Field(foreign_key="room.id")
    title: str
    kind: str = Field(default="flash_price", sa_column_kwargs={"server_default": "flash_price"})
    state: str = "scheduled"
    opens_at: datetime | None = moment(default=None, nullable=True)
    ends_at: datetime | None = moment(default=None, nullable=True)
    duration_seconds: int
    limit_per_buyer: int = 1
    hold_seconds: int = 300
    epoch: int = 1
    own_quota_only: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    request_hash: bytes | None = None
    created_at: datetime = moment(default_factory=utc_now)


class FlashSaleLine(SQLModel, table=True):
    """A SKU that the sale sells. The first `first_units` go at `price_minor`, those after them at `then_minor`. A
    `gift` costs nothing and comes by `per_unit` with each unit that is bought."""

    __tablename__ = "flash_sale_line"
    __table_args__ = (CheckConstraint("price_minor > 0 OR gift", name="price"),)
    sale_id: UUID = Field(primary_key=True, foreign_key="flash_sale.id")
    sku_id: UUID = Field(primary_key=True, foreign_key="sku.id")
    balance_id: UUID = Field(foreign_key="stock_balance.id")
    product_id: UUID = Field(foreign_key="product.id")
    title: str
    image: str | None = None
    price_minor: int = minor()
    was_minor: int | None = minor(default=None, nullable=True)
    position: int = 0
    gift: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    per_unit: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    first_units: int | None = None
    then_minor: int | None = minor(default=None, nullable=True)


class FlashSaleQuota(SQLModel, table=True):
    """Units of a sale for the viewers that one store brought."""

    __tablename__ = "flash_sale_quota"
    sale_id: UUID = Field(primary_key=True, foreign_key="flash_sale.id")
    sku_id: UUID = Field(primary_key=True, foreign_key="sku.id")
    store_id: UUID = Field(primary_key=True, foreign_key="store.id")
    balance_id: UUID = Field(foreign_key="stock_balance.id")


class FlashSaleBuyer(SQLModel, table=True):
    """How many units a buyer holds or bought; the limit is checked against it in the claim statement. `lapsed`: holds
    that the buyer let expire, which makes the next ones shorter."""

    __tablename__ = "flash_sale_buyer"
    sale_id: UUID = Field(primary_key=True, foreign_key="flash_sale.id")
    member_id: UUID = Field(primary_key=True)
    quantity: int
    lapsed: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class FlashSaleDevice(SQLModel, table=True):
    """The same count for a device (`kit.devices.device_key`), whoever uses it."""

    __tablename__ = "flash_sale_device"
    sale_id: UUID = Field(primary_key=True, foreign_key="flash_sale.id")
    device: bytes = Field(primary_key=True)
    quantity: int


class Waiting(Row, table=True):
    """A place in a sale's waitlist, in the order of the ids. `state`: waiting, promoted (to `order_id`), left, closed.
    `lines` are [SKU, units] pairs, `units` what counts against the limit."""

    __tablename__ = "waiting"
    __table_args__ = (
        CheckConstraint("units > 0", name="units"),
        Index("uq_waiting", "sale_id", "member_id", unique=True, postgresql_where=text("state = 'waiting'")),
        Index("ix_waiting_order", "sale_id", "id", postgresql_where=text("state = 'waiting'")),
    )
    sale_id: UUID = Field(foreign_key="flash_sale.id")
    member_id: UUID = Field(foreign_key="member.id")
    device: bytes | None = None
    lines: list[Any] = document()
    units: int
    state: str = "waiting"
    order_id: UUID | None = None
    at: datetime = moment(default_factory=utc_now)
