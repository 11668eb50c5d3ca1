"""What happened to flash sales."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from server.kit.facts import Fact


class SaleOpened(Fact, kw_only=True, frozen=True, tag="sale.opened"):
    """`sale` is the protocol's `Sale`, as it was when it opened."""

    sale_id: UUID
    room_id: UUID
    title: str
    sale: dict[str, object]


class SaleClosed(Fact, kw_only=True, frozen=True, tag="sale.closed"):
    """`reason`: ended, called, room_ended."""

    sale_id: UUID
    room_id: UUID
    title: str
    reason: str


class SalePriced(Fact, kw_only=True, frozen=True, tag="sale.priced"):
    """The host lowered the price of a SKU. `title` is the product's."""

    sale_id: UUID
    room_id: UUID
    title: str
    sku_id: UUID
    price_minor: int
    was_minor: int


class Promoted(Fact, kw_only=True, frozen=True, tag="sale.promoted"):
    """A place in the waitlist became a hold. `key` and `device` are the order's, `lines` its SKUs and units."""

    sale_id: UUID
    room_id: UUID
    member_id: UUID
    order_id: UUID
    key: str
    device: bytes | None
    title: str
    units: int
    lines: list[tuple[UUID, int]]
    amount_minor: int
    pay_by: datetime
