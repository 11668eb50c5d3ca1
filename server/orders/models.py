"""Orders: what was promised to whom, at which price, by which store; and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment


class Order(Row, table=True):
    """`status`: awaiting_payment → paid | expired | cancelled; `closed` when all was refunded.

    `key` and `request_hash` are the buyer's Idempotency-Key and what came with it. `store_id` and `guide_id` are who
    carried the buyer, fixed at the claim. `refund_due_minor` is money that came too late or twice and must go back;
    booking the refund moves it to `refunded_minor`. `goods_refunded_minor` is the part of `refunded_minor` that counts
    against the goods, and so against the credit: money that came twice goes back without touching it. `note` is the
    buyer's to the merchant.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("member_id", "key"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("refunded_minor + refund_due_minor <= paid_minor", name="refund"),
        Index("ix_orders_due", "pay_by", postgresql_where=text("status = 'awaiting_payment'")),
        Index("ix_orders_sale", "sale_id", postgresql_where=text("sale_id IS NOT NULL")),
        Index(
            "ix_orders_to_fulfil",
            "brand_id",
            "id",
            postgresql_where=text("fulfilment IN ('to_ship', 'to_pick_up')"),
        ),
        Index(
            "ix_orders_handed_over",
            "brand_id",
            "fulfilment",
            "id",
            postgresql_where=text("fulfilment IN ('shipped', 'picked_up')"),
        ),
        Index(
            "ix_orders_ended",
            "brand_id",
            "status",
            "id",
            postgresql_where=text("status IN ('expired', 'cancelled', 'closed')"),
        ),
        Index("ix_orders_refund_due", "brand_id", "id", postgresql_where=text("refund_due_minor > 0")),
        Index("ix_orders_guide", "guide_id", "id", postgresql_where=text("guide_id IS NOT NULL")),
        Index(
            "uq_orders_pick_up_code",
            "brand_id",
            "pick_up_code",
            unique=True,
            postgresql_where=text(
                "pick_up_code IS NOT NULL AND fulfilment <> 'picked_up' AND status IN ('awaiting_payment', 'paid')"
            ),
        ),
        Index("ix_orders_brand", "brand_id", "id"),
        Index("ix_orders_store", "store_id", "id"),
        Index("ix_orders_room", "room_id", "id"),
        Index("ix_orders_member", "member_id", "id"),
    )
    brand_id: UUID
    room_id: UUID | None = None
    sale_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None
    device: bytes | None = None
    member_id: UUID = Field(foreign_key="member.id")
    hold_id: UUID
    key: str
    request_hash: bytes
    number: str = Field(unique=True)
    status: str = "awaiting_payment"
    fulfilment: str = "none"
    delivery: dict[str, Any] | None = document(default=None, nullable=True)
    pick_up_code: str | None = None
    note: str = Field(default="", sa_column_kwargs={"server_default": ""})
    amount_minor: int = minor()
    paid_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    refunded_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    goods_refunded_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    refund_due_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    pay_by: datetime = moment()
    paid_at: datetime | None = moment(default=None, nullable=True)
    created_at: datetime = moment(default_factory=utc_now, sa_column_kwargs={"server_default": text("now()")})


class OrderLine(Row, table=True):
    """`refunded` counts units whose money went back by line, `returned` those that are free to be sold again."""

    __tablename__ = "order_line"
    __table_args__ = (
        CheckConstraint("price_minor > 0 OR gift", name="price"),
        CheckConstraint("returned <= quantity AND refunded <= quantity", name="units"),
    )
    order_id: UUID = Field(foreign_key="orders.id", index=True)
    sku_id: UUID
    title: str
    image: str | None = None
    quantity: int
    price_minor: int = minor()
    gift: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    refunded: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    returned: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class OrderRefundLine(SQLModel, table=True):
    """Units of a line that one refund was for. `refund_id` is the first part of what was booked under its key."""

    __tablename__ = "order_refund_line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)
    refund_id: UUID = Field(primary_key=True)
    line_id: UUID = Field(primary_key=True, foreign_key="order_line.id", index=True)
    quantity: int


class OrderEvent(Row, table=True):
    """One step of an order's history, shown to the buyer and to staff. `actor_id` is who of the staff made it,
    `amount_minor` what a refund sent back."""

    __tablename__ = "order_event"
    order_id: UUID = Field(foreign_key="orders.id", index=True)
    kind: str
    at: datetime = moment(default_factory=utc_now)
    note: str = ""
    actor_id: UUID | None = None
    amount_minor: int | None = minor(default=None, nullable=True)
