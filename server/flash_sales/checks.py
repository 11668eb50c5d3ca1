"""What must hold of sales, recomputed from the truth."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales import cards, selling
from server.flash_sales.gate import Gate, GateDown
from server.kit.checks import Broken, broken_rows
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.redis import Redis

VERIFY = {
    "buyers_within_limit": """
        SELECT b.sale_id::text, b.member_id::text, b.quantity, s.limit_per_buyer
        FROM flash_sale_buyer b JOIN flash_sale s ON s.id = b.sale_id
        WHERE b.quantity < 0 OR (b.quantity > s.limit_per_buyer AND NOT EXISTS (
            SELECT 1 FROM member g WHERE g.merged_into = b.member_id))""",  # two who were one bought up to a limit each
    "buyers_equal_orders": """
        SELECT coalesce(b.sale_id, o.sale_id)::text AS sale_id, coalesce(b.member_id, o.member_id)::text AS member_id,
               coalesce(b.quantity, 0) AS quantity, coalesce(o.quantity, 0) AS orders_quantity
        FROM flash_sale_buyer b FULL JOIN (
            SELECT o.sale_id, o.member_id, sum(l.quantity) AS quantity
            FROM orders o JOIN order_line l ON l.order_id = o.id
            WHERE o.sale_id IS NOT NULL AND o.status IN ('awaiting_payment', 'paid') AND NOT l.gift
            GROUP BY o.sale_id, o.member_id) o ON o.sale_id = b.sale_id AND o.member_id = b.member_id
        WHERE coalesce(b.quantity, 0) <> coalesce(o.quantity, 0)""",
    "devices_equal_orders": """
        SELECT coalesce(d.sale_id, o.sale_id)::text AS sale_id, encode(coalesce(d.device, o.device), 'hex') AS device,
               coalesce(d.quantity, 0) AS quantity, coalesce(o.quantity, 0) AS orders_quantity
        FROM flash_sale_device d FULL JOIN (
            SELECT o.sale_id, o.device, sum(l.quantity) AS quantity
            FROM orders o JOIN order_line l ON l.order_id = o.id
            WHERE o.sale_id IS NOT NULL AND o.device IS NOT NULL AND o.status IN ('awaiting_payment', 'paid')
              AND NOT l.gift
            GROUP BY o.sale_id, o.device) o ON o.sale_id = d.sale_id AND o.device = d.device
        WHERE coalesce(d.quantity, 0) <> coalesce(o.quantity, 0)""",
}
"""Queries that list broken rows."""


LOOKS, LOOK_S = 10, 0.3


async def verify_gates(database: Database, redis: Redis) -> Broken:
    """Gates of running sales that stay different from the ledger: while units move, one is a moment behind the other.
    A gate that is not there, or not to be reached, is no difference: it is laid before it decides."""
    differ: dict[UUID, dict[str, Any]] = {}
    for look in range(LOOKS):
        async with database.transaction() as session:
            sales = [
                sale_id
                for sale_id in await selling.running(session, utc_now())
                if not look or sale_id in differ
            ]
            units = await cards.moved_units(session, sales)
        differ = {}
        for sale_id, lines in units.items():
            ledger = {line["sku_id"]: line["free"] for line in lines}
            try:
                at_gate = await Gate(redis, sale_id).free()
            except GateDown:
                continue
            if (
                at_gate is not None
                and (gate := {str(sku): free for sku, free in at_gate[1].items()}) != ledger
            ):
                differ[sale_id] = {"sale_id": str(sale_id), "ledger": ledger, "gate": gate}
        if not differ:
            break
        await asyncio.sleep(LOOK_S)
    return {"gates_equal_ledger": list(differ.values())}


async def verify(session: AsyncSession) -> Broken:
    return await broken_rows(session, VERIFY)
