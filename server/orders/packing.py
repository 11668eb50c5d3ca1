"""What to fetch from the shelves for some paid orders, and a slip for each parcel or bag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.principal import Principal
from server.kit.problems import NotFound
from server.orders import rules

MOST = 200
"""Orders of one list."""


class PackedLine(msgspec.Struct):
    sku_id: UUID
    title: str
    code: str
    quantity: int


class Slip(msgspec.Struct):
    """`delivery` as the buyer gave it. Never the pick-up code: whoever reads the slip could fetch the goods."""

    order_id: UUID
    number: str
    buyer: str
    paid_at: datetime
    fulfilment: str
    note: str
    delivery: dict[str, Any] | None
    lines: list[PackedLine]


class LeftOut(msgspec.Struct):
    """`why`: `status` (there is nothing to pack), `after-sale` (the buyer asks for the money back)."""

    order_id: UUID
    number: str
    why: str


class PackingList(msgspec.Struct):
    """`items` are what the slips need of each SKU together."""

    items: list[PackedLine]
    slips: list[Slip]
    left_out: list[LeftOut]


# Two tables of upper or neighbouring features are read here by name, not by import: a SKU's code, and open cases.
_SLIPS = text(
    """
    SELECT o.id AS order_id, o.number, m.name AS buyer, o.paid_at, o.fulfilment, o.note, o.delivery, o.brand_id,
           o.store_id, o.status = 'paid' AND o.fulfilment IN ('to_ship', 'to_pick_up') AS to_pack,
           EXISTS (SELECT 1 FROM after_sale a
                   WHERE a.order_id = o.id AND a.state IN ('asked', 'agreed', 'sent_back')) AS in_question,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('sku_id', l.sku_id, 'title', l.title, 'code', k.code,
                                      'quantity', l.quantity - l.refunded) ORDER BY l.id), '[]')
            FROM order_line l JOIN sku k ON k.id = l.sku_id
            WHERE l.order_id = o.id AND l.quantity > l.refunded) AS lines
    FROM orders o JOIN member m ON m.id = o.member_id
    WHERE o.id = ANY(CAST(:ids AS uuid[])) AND o.brand_id = :brand_id ORDER BY o.id
    """
)


async def packing_list(session: AsyncSession, staff: Principal, order_ids: Sequence[UUID]) -> PackingList:
    """For whoever may hand these orders over, oldest first. Raises `NotFound` for one that isn't there for them."""
    values = {"ids": list(order_ids), "brand_id": staff.brand_id}
    rows = (await session.execute(_SLIPS, values)).mappings().all()
    found = PackingList([], [], [])
    if len(rows) < len(set(order_ids)):
        raise NotFound
    for row in rows:
        if not rules.may_fulfil(staff, row["brand_id"], rules.stores_of(row["store_id"], row["delivery"])):
            raise NotFound
        if row["to_pack"] and not row["in_question"]:
            found.slips.append(msgspec.convert(dict(row), Slip))
        else:
            why = "after-sale" if row["to_pack"] else "status"
            found.left_out.append(LeftOut(row["order_id"], row["number"], why))
    found.items = _summed(line for slip in found.slips for line in slip.lines)
    return found


def _summed(lines: Iterable[PackedLine]) -> list[PackedLine]:
    items: dict[UUID, PackedLine] = {}
    for line in lines:
        item = items.setdefault(line.sku_id, PackedLine(line.sku_id, line.title, line.code, 0))
        item.quantity += line.quantity
    return sorted(items.values(), key=lambda item: (item.title, item.code))
