"""A sale's gate, counted anew from the ledger."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales.gate import Gate, GateClaim, GateState
from server.kit.database import Database
from server.kit.redis import Redis

_EPOCH = text(
    "UPDATE flash_sale SET epoch = epoch + 1 WHERE id = :id "
    "RETURNING epoch, state, limit_per_buyer, opens_at, ends_at"
)
_FREE = text(
    "SELECT p.sku_id, sum(b.free)::int FROM flash_sale_pool p JOIN stock_balance b ON b.id = p.balance_id "
    "WHERE p.sale_id = :id GROUP BY p.sku_id"
)
_BUYERS = text("SELECT member_id, quantity FROM flash_sale_buyer WHERE sale_id = :id AND quantity > 0")
_DEVICES = text("SELECT device, quantity FROM flash_sale_device WHERE sale_id = :id AND quantity > 0")
# A guest's token may be out there after the guest was merged: the gate knows the member's taps under that name, too.
_GUESTS = text(
    "SELECT g.id, g.merged_into FROM member g WHERE g.merged_into IN "
    "(SELECT member_id FROM flash_sale_buyer WHERE sale_id = :id)"
)
_ORDERS = text(
    """
    SELECT o.id, o.member_id, o.key, o.device, o.status IN ('awaiting_payment', 'paid') AS stands, l.sku_id,
           l.quantity, l.gift
    FROM orders o JOIN order_line l ON l.order_id = o.id WHERE o.sale_id = :id ORDER BY o.id
    """
)


async def gate_state(session: AsyncSession, sale_id: UUID) -> GateState | None:
    """Counted under a higher epoch. The update waits for claims under way and holds new ones off until the end of the
    transaction."""
    sale = (await session.execute(_EPOCH, {"id": sale_id})).first()
    if sale is None:
        return None
    free, buyers, devices, guests = [
        {row[0]: row[1] for row in await session.execute(query, {"id": sale_id})}
        for query in (_FREE, _BUYERS, _DEVICES, _GUESTS)
    ]
    names: dict[UUID, list[UUID]] = defaultdict(list)
    for guest, member in guests.items():
        names[member].append(guest)
    taken: dict[UUID, GateClaim] = {}
    spent: list[tuple[UUID, str]] = []
    for row in await session.execute(_ORDERS, {"id": sale_id}):
        if not row.stands:
            spent += [(name, row.key) for name in (row.member_id, *names[row.member_id])]
            continue
        before = taken.get(row.id)
        taken[row.id] = GateClaim(
            row.member_id,
            row.key,
            (before.units if before else 0) + (0 if row.gift else row.quantity),
            [*(before.lines if before else ()), (row.sku_id, row.quantity)],
            row.device,
        )
        if before is None:
            spent += [(guest, row.key) for guest in names[row.member_id]]
    buyers |= {guest: buyers[member] for guest, member in guests.items() if member in buyers}
    return GateState(
        epoch=sale.epoch,
        state=sale.state,
        limit=sale.limit_per_buyer,
        opens_ms=_ms(sale.opens_at),
        ends_ms=_ms(sale.ends_at),
        free=free,
        buyers=buyers,
        devices=devices,
        taken=list(taken.values()),
        spent=spent,
    )


def _ms(moment: datetime | None) -> int:
    return int(moment.timestamp() * 1000) if moment else 0


async def lay_gate(database: Database, redis: Redis, sale_id: UUID) -> None:
    """Build a sale's gate from the ledger. Raises `GateDown`."""
    async with database.transaction() as session:
        state = await gate_state(session, sale_id)
    if state is not None:
        await Gate(redis, sale_id).rebuild(state)
