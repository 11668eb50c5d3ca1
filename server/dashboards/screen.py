"""Headquarters' wall: the brand's day as it happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.presence import Presence
from server.dashboards.figures import StoreSales
from server.kit.ids import first_id
from server.orders.service import shown_name

TICKER = 20
STORES = 50


class Sold(msgspec.Struct):
    """`name` is shortened, as viewers see it."""

    name: str
    title: str
    quantity: int
    amount_minor: int
    store: str | None
    at: datetime


class OpenRoom(msgspec.Struct):
    id: UUID
    title: str
    state: str
    host: str | None
    started_at: datetime | None
    watching: int


class Screen(msgspec.Struct):
    """Sums of what was paid since `since`; `watching` now, over all open rooms."""

    since: datetime
    amount_minor: int
    orders: int
    watching: int
    rooms: list[OpenRoom]
    stores: list[StoreSales]
    ticker: list[Sold]


# An order is paid within hours of being made, and ids sort by time: the index by brand and id bounds the scan.
PAID_WITHIN = timedelta(days=2)

_SUMS = text(
    """
    SELECT coalesce(sum(amount_minor), 0)::bigint, count(*) FROM orders
    WHERE brand_id = :brand_id AND id >= :first_id AND paid_at >= :since
    """
)
_STORES = text(
    """
    SELECT s.id, s.name, o.amount_minor, o.orders
    FROM (SELECT CASE WHEN c.id IS NULL THEN p.store_id ELSE c.store_id END AS store_id,
                 sum(p.amount_minor)::bigint AS amount_minor, count(*) AS orders
          FROM orders p
          LEFT JOIN credit c ON c.order_id = p.id AND c.superseded_at IS NULL AND c.dispute_id IS NOT NULL
          WHERE p.brand_id = :brand_id AND p.id >= :first_id AND p.paid_at >= :since GROUP BY 1) o
    JOIN store s ON s.id = o.store_id ORDER BY o.amount_minor DESC, s.name LIMIT :most
    """
)
_TICKER = text(
    """
    SELECT m.name, l.title, l.quantity, o.amount_minor, s.name, o.paid_at
    FROM (SELECT * FROM orders
          WHERE brand_id = :brand_id AND id >= :first_id AND paid_at >= :since
          ORDER BY paid_at DESC LIMIT :most) o
    JOIN member m ON m.id = o.member_id LEFT JOIN store s ON s.id = o.store_id
    CROSS JOIN LATERAL (
        SELECT min(title) AS title, sum(quantity)::int AS quantity FROM order_line WHERE order_id = o.id) l
    ORDER BY o.paid_at DESC
    """
)


async def today(session: AsyncSession, presence: Presence, brand_id: UUID, since: datetime) -> Screen:
    """Four queries, and a count for each open room."""
    paid = {"brand_id": brand_id, "since": since, "first_id": first_id(since - PAID_WITHIN)}
    sums = (await session.execute(_SUMS, paid)).one()
    stores = await session.execute(_STORES, {**paid, "most": STORES})
    ticker = await session.execute(_TICKER, {**paid, "most": TICKER})
    rooms = await _open_rooms(session, presence, brand_id)
    return Screen(
        since=since,
        amount_minor=sums[0],
        orders=sums[1],
        watching=sum(room.watching for room in rooms),
        rooms=rooms,
        stores=[StoreSales(*row) for row in stores],
        ticker=[Sold(shown_name(name), *rest) for name, *rest in ticker],
    )


async def _open_rooms(session: AsyncSession, presence: Presence, brand_id: UUID) -> list[OpenRoom]:
    rows = (
        await session.execute(
            text(
                """
                SELECT r.id, r.title, r.state, a.name AS host, r.started_at FROM room r
                LEFT JOIN account a ON a.id = r.host_id
                WHERE r.brand_id = :brand_id AND r.state IN ('warming', 'live', 'paused')
                ORDER BY r.started_at NULLS LAST, r.id
                """
            ),
            {"brand_id": brand_id},
        )
    ).mappings()
    return [OpenRoom(**row, watching=await presence.count(str(row["id"]))) for row in rows]
