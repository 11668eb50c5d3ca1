"""Every unit's whereabouts: one balance row for each SKU and pool, an append-only ledger, and the holds between."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class StockBalance(Row, table=True):
    """`pool` is `headquarters` (pool_id: the brand), `store`, `room` or `sale`. total = free + held + sold, by
    constraint."""

    __tablename__ = "stock_balance"
    __table_args__ = (
        UniqueConstraint("sku_id", "pool", "pool_id"),
        CheckConstraint("free >= 0 AND held >= 0 AND sold >= 0", name="never_negative"),
        CheckConstraint("total = free + held + sold", name="adds_up"),
        Index("ix_stock_balance_pool", "pool_id"),
    )
    brand_id: UUID
    sku_id: UUID = Field(foreign_key="sku.id")
    pool: str
    pool_id: UUID
    total: int = 0
    free: int = 0
    held: int = 0
    sold: int = 0


class StockEntry(SQLModel, table=True):
    """One movement. `key` makes each act book once; the sums of the deltas are the balance."""

    __tablename__ = "stock_entry"
    __table_args__ = (UniqueConstraint("balance_id", "act", "key"),)
    seq: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    balance_id: UUID = Field(foreign_key="stock_balance.id")
    act: str
    key: UUID
    total: int = 0
    free: int = 0
    held: int = 0
    sold: int = 0
    at: datetime = moment(default_factory=utc_now, sa_column_kwargs={"server_default": text("now()")})


class StockHold(SQLModel, table=True):
    """Units of one balance that one order holds (one row a line). `state`: held, sold, released."""

    __tablename__ = "stock_hold"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_stock_hold_held", "balance_id", postgresql_where=text("state = 'held'")),
    )
    hold_id: UUID = Field(primary_key=True)
    balance_id: UUID = Field(primary_key=True, foreign_key="stock_balance.id")
    quantity: int
    returned: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    state: str = "held"
