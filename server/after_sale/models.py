"""Cases of buyers who want their money back, and each case's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment


def _maybe() -> Any:
    """A JSONB column whose `None` is SQL's NULL."""
    return Field(default=None, nullable=True, sa_type=JSONB(none_as_null=True))


class AfterSale(Row, table=True):
    """`kind`: refund_only, return_refund. `state`: asked → agreed → sent_back → refunded for a return, asked → refunded
    for money alone; refused, withdrawn and lapsed end it too. One open case an order at a time.

    `lines` are `{line_id, quantity}`; `amount_minor` is what is asked for, and in the end what was sent back. `due_at`
    is until when whoever's turn it is should act. `store_id` and `room_id` are the order's.
    """

    __tablename__ = "after_sale"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        UniqueConstraint("order_id", "key"),
        Index(
            "uq_after_sale_open",
            "order_id",
            unique=True,
            postgresql_where=text("state IN ('asked', 'agreed', 'sent_back')"),
        ),
        Index("ix_after_sale_state", "brand_id", "state", "id"),
        Index("ix_after_sale_store", "store_id", "state", "id"),
    )
    brand_id: UUID
    order_id: UUID = Field(foreign_key="orders.id")
    member_id: UUID = Field(foreign_key="member.id", index=True)
    store_id: UUID | None = None
    room_id: UUID | None = None
    key: str
    request_hash: bytes
    kind: str
    reason: str
    words: str = ""
    pictures: list[str] = document(default_factory=list)
    lines: list[dict[str, Any]] = document(default_factory=list)
    amount_minor: int = minor()
    state: str = "asked"
    due_at: datetime | None = moment(default=None, nullable=True)
    return_to: dict[str, Any] | None = _maybe()
    parcel: dict[str, Any] | None = _maybe()
    refund_id: UUID | None = None
    created_at: datetime = moment(default_factory=utc_now)


class AfterSaleEvent(Row, table=True):
    """One step of a case. `actor_id` is who of the staff made it; the buyer's own steps have none."""

    __tablename__ = "after_sale_event"
    case_id: UUID = Field(foreign_key="after_sale.id", index=True)
    kind: str
    at: datetime = moment(default_factory=utc_now)
    note: str = ""
    actor_id: UUID | None = None
