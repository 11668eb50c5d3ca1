"""What happened to orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from server.kit.facts import Fact, Remembered


class HeldOrder(msgspec.Struct, frozen=True, kw_only=True):
    order_id: UUID
    hold_id: UUID
    member_id: UUID
    number: str
    name: str = ""
    title: str = ""
    quantity: int
    amount_minor: int
    pay_by: datetime
    store_id: UUID | None = None
    guide_id: UUID | None = None


class OrdersHeld(Fact, kw_only=True, frozen=True, tag="orders.held"):
    """One batch of orders that hold their units and wait for payment. Flash sales write it in SQL."""

    room_id: UUID | None = None
    sale_id: UUID | None = None
    orders: list[HeldOrder]

    def remembered(self) -> Sequence[Remembered]:
        return [
            _line("claim", order, self.room_id, quantity=order.quantity, amount_minor=order.amount_minor)
            for order in self.orders
        ]


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    sku_id: UUID
    title: str
    quantity: int


class OrderPaid(Fact, kw_only=True, frozen=True, tag="order.paid"):
    """`name` is the buyer's; `store_id`, `guide_id` and `link_id` are who carried them at the claim."""

    order_id: UUID
    number: str
    member_id: UUID
    name: str
    room_id: UUID | None = None
    sale_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None
    amount_minor: int
    lines: list[SoldLine]

    def remembered(self) -> Sequence[Remembered]:
        title = self.lines[0].title if self.lines else ""
        return [_line("order", self, self.room_id, amount_minor=self.amount_minor, title=title)]


class ReleasedOrder(msgspec.Struct, frozen=True, kw_only=True):
    order_id: UUID
    hold_id: UUID
    member_id: UUID
    key: str
    room_id: UUID | None = None
    sale_id: UUID | None = None
    quantity: int


class OrdersReleased(Fact, kw_only=True, frozen=True, tag="orders.released"):
    """Orders that end unpaid; their units are free again in the same transaction."""

    reason: Literal["expired", "cancelled"]
    orders: list[ReleasedOrder]

    def remembered(self) -> Sequence[Remembered]:
        return [
            Remembered(
                member_id=order.member_id,
                kind=self.reason,
                room_id=order.room_id,
                data={"order_id": str(order.order_id), "quantity": order.quantity},
            )
            for order in self.orders
        ]


class HoldExtended(Fact, kw_only=True, frozen=True, tag="hold.extended"):
    """Staff gave the buyer `seconds` more, until `pay_by`. `name` is the buyer's."""

    order_id: UUID
    hold_id: UUID
    number: str
    member_id: UUID
    name: str
    room_id: UUID | None = None
    sale_id: UUID | None = None
    seconds: int
    pay_by: datetime


class OrderRefunded(Fact, kw_only=True, frozen=True, tag="order.refunded"):
    """`refunded_minor` is the running total that counts against the order's own amount (money that came twice and
    went back doesn't). `closed` says that all of it went back; `lines` are the units it was for, where staff named
    them, and `returned` how many units are free to be sold again."""

    order_id: UUID
    number: str
    refund_id: UUID
    member_id: UUID
    name: str
    key: str
    room_id: UUID | None = None
    sale_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    amount_minor: int
    refunded_minor: int
    order_amount_minor: int
    closed: bool = False
    lines: list[SoldLine] = msgspec.field(default_factory=list)
    returned: int = 0

    def remembered(self) -> Sequence[Remembered]:
        return [_line("refund", self, self.room_id, amount_minor=self.amount_minor)]


class OrderFulfilled(Fact, kw_only=True, frozen=True, tag="order.fulfilled"):
    """`step`: shipped or picked_up."""

    order_id: UUID
    number: str
    member_id: UUID
    store_id: UUID | None = None
    room_id: UUID | None = None
    step: Literal["shipped", "picked_up"]
    carrier: str = ""
    tracking_number: str = ""

    def remembered(self) -> Sequence[Remembered]:
        return [_line(self.step, self, self.room_id)]


def _line(
    kind: str,
    order: HeldOrder | OrderPaid | OrderRefunded | OrderFulfilled,
    room_id: UUID | None,
    **data: object,
) -> Remembered:
    return Remembered(
        member_id=order.member_id,
        kind=kind,
        store_id=order.store_id,
        room_id=room_id,
        data={"order_id": str(order.order_id), "number": order.number, **data},
    )
