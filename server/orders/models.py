"""Orders: what was promised to whom, at which price, by which store; and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment


class Order(Row, table=True):
    """`status`: awaiting_payment → paid | expired | cancelled; `closed` when all was refunded.

    `key` and `request_hash` are the buyer's Idempotency-Key and what came with it. `store_id` and `guide_id` are who
    carried the buyer, fixed at the claim. `refund_due_minor` is money that came too late or twice and must go back;
    booking the refund moves it to `refunded_minor`. `goods_refunded_minor` is the part of `refunded_minor` that counts
    against the goods, and so against the credit: money that came twice goes back without touching it.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("member_id", "key"),
        CheckConstraint("amount_minor >= 0", name="amount"),
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
    member_id: UUID = Field(foreign_key="member.id")
    hold_id: UUID
    key: str
    request_hash: bytes
    number: str = Field(unique=True)
    status: str = "awaiting_payment"
    fulfilment: str = "none"
    delivery: dict[str, Any] | None = document(default=None, nullable=True)
    pick_up_code: str | None = None
    amount_minor: int = minor()
    paid_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    refunded_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    goods_refunded_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    refund_due_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})
    pay_by: datetime = moment()
    paid_at: datetime | None = moment(default=None, nullable=True)
    created_at: datetime = moment(default_factory=utc_now, sa_column_kwargs={"server_default": text("now()")})


class OrderLine(Row, table=True):
    __tablename__ = "order_line"
    order_id: UUID = Field(foreign_key="orders.id", index=True)
    sku_id: UUID
    title: str
    image: str | None = None
    quantity: int
    price_minor: int = minor()


class OrderEvent(Row, table=True):
    """One step of an order's history, shown to the buyer and to staff. `actor_id` is who of the staff made it."""

    __tablename__ = "order_event"
    order_id: UUID = Field(foreign_key="orders.id", index=True)
    kind: str
    at: datetime = moment(default_factory=utc_now)
    note: str = ""
    actor_id: UUID | None = None
