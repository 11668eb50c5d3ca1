"""How an order is shown: to its buyer, to staff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.principal import Principal, Role
from server.members import service as members
from server.members.rules import masked
from server.orders import rules


class LineView(msgspec.Struct):
    """`refunded` are the units whose money went back by line."""

    line_id: UUID
    sku_id: UUID
    title: str
    quantity: int
    price_minor: int
    refunded: int
    image: str | None = None


class StepView(msgspec.Struct):
    """`by` is who of the staff did it, for staff; `amount_minor` what a refund sent back."""

    kind: str
    at: datetime
    note: str = ""
    amount_minor: int | None = None
    by: str | None = None


class StoreView(msgspec.Struct):
    store_id: UUID
    name: str


class GuideView(msgspec.Struct):
    account_id: UUID
    name: str


class BuyerView(msgspec.Struct):
    member_id: UUID
    name: str
    phone: str | None = None


class OrderView(msgspec.Struct, omit_defaults=False):
    """`ships_from` is whose units these are: the carrying store's, or headquarters'. `note` is the buyer's."""

    order_id: UUID
    number: str
    status: str
    fulfilment: str
    amount_minor: int
    paid_minor: int
    refunded_minor: int
    refund_due_minor: int
    pay_by: datetime
    paid_at: datetime | None
    created_at: datetime
    room_id: UUID | None
    sale_id: UUID | None
    hold_id: UUID
    lines: list[LineView]
    history: list[StepView]
    store: StoreView | None
    guide: GuideView | None
    delivery: dict[str, Any] | None
    pick_up_code: str | None
    note: str
    ships_from: Literal["store", "headquarters"]
    member: BuyerView | None

    def hide_staff(self) -> None:
        """From the buyer: who of the staff did what."""
        self.member = None
        for step in self.history:
            step.by = None

    def hide_from(self, staff: Principal) -> None:
        """A host needs to know what was sold and not where it goes; a number on an address label is for whoever
        brings it there."""
        self.pick_up_code = None
        if self.member:
            self.member.phone = (
                None if staff.role is Role.HOST else members.phone_for(staff, self.member.phone)
            )
        if self.delivery and staff.role is Role.HOST:
            self.delivery = {"method": self.delivery["method"]}
        elif self.delivery and "phone" in self.delivery and not self._goes_out_by(staff):
            self.delivery["phone"] = masked(self.delivery["phone"])

    def _goes_out_by(self, staff: Principal) -> bool:
        return rules.may_fulfil(staff, staff.brand_id, {self.store.store_id} if self.store else set())


_VIEWS = text(
    """
    SELECT o.id AS order_id, o.number, o.status, o.fulfilment, o.amount_minor, o.paid_minor, o.refunded_minor,
           o.refund_due_minor, o.pay_by, o.paid_at, o.created_at, o.room_id, o.sale_id, o.hold_id, o.delivery,
           o.pick_up_code, o.note, l.lines, h.history,
           CASE WHEN EXISTS (SELECT 1 FROM stock_hold u JOIN stock_balance b ON b.id = u.balance_id
                             WHERE u.hold_id = o.hold_id AND b.pool = 'store')
                THEN 'store' ELSE 'headquarters' END AS ships_from,
           CASE WHEN s.id IS NOT NULL THEN jsonb_build_object('store_id', s.id, 'name', s.name) END AS store,
           CASE WHEN g.id IS NOT NULL THEN jsonb_build_object('account_id', g.id, 'name', g.name) END AS guide,
           jsonb_build_object('member_id', m.id, 'name', m.name, 'phone', m.phone) AS member
    FROM orders o
    JOIN member m ON m.id = o.member_id
    LEFT JOIN store s ON s.id = o.store_id
    LEFT JOIN account g ON g.id = o.guide_id
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'line_id', l.id, 'sku_id', l.sku_id, 'title', l.title, 'quantity', l.quantity, 'price_minor', l.price_minor,
            'refunded', l.refunded,
            'image', CASE WHEN l.image IS NOT NULL THEN '/images/' || l.image || '.webp' END) ORDER BY l.id), '[]')
            AS lines
        FROM order_line l WHERE l.order_id = o.id) l
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('kind', e.kind, 'at', e.at, 'note', e.note,
                        'amount_minor', e.amount_minor, 'by', a.name) ORDER BY e.at, e.id), '[]') AS history
        FROM order_event e LEFT JOIN account a ON a.id = e.actor_id WHERE e.order_id = o.id) h
    WHERE o.id = ANY(CAST(:ids AS uuid[])) ORDER BY o.id DESC
    """
)


async def load(session: AsyncSession, viewer: Principal, order_ids: Sequence[UUID]) -> list[OrderView]:
    """Newest first. The buyer's name is for staff, the phone number whole for those who see members' numbers; the
    pick-up code is the buyer's alone. Whether the viewer may see these orders is the caller's to know."""
    rows = (await session.execute(_VIEWS, {"ids": list(order_ids)})).mappings()
    views = [msgspec.convert(dict(row), OrderView, strict=False) for row in rows]
    for view in views:
        if viewer.kind == "staff":
            view.hide_from(viewer)
        else:
            view.hide_staff()
    return views
