"""Headquarters' wall: the brand's day as it happens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.presence import Presence
from server.dashboards.figures import StoreSales
from server.orders.rules import shown_name

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
_PAID = """
    FROM orders o WHERE o.brand_id = :brand_id AND o.paid_at >= :since
    AND o.id >= CAST(lpad(to_hex((extract(epoch FROM CAST(:since AS timestamptz)) * 1000)::bigint - 172800000), 12, '0')
                     || '00000000000000000000' AS uuid)
"""


async def today(session: AsyncSession, presence: Presence, brand_id: UUID, since: datetime) -> Screen:
    """Four queries, and a count for each open room."""
    values = {"brand_id": brand_id, "since": since}
    sums = (
        await session.execute(
            text(f"SELECT coalesce(sum(o.amount_minor), 0)::bigint, count(*) {_PAID}"), values
        )
    ).one()
    rooms = await _open_rooms(session, presence, brand_id)
    return Screen(
        since=since,
        amount_minor=sums[0],
        orders=sums[1],
        watching=sum(room.watching for room in rooms),
        rooms=rooms,
        stores=await _stores(session, values),
        ticker=await _ticker(session, values),
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


async def _stores(session: AsyncSession, values: dict[str, object]) -> list[StoreSales]:
    rows = await session.execute(
        text(
            f"""
            SELECT s.id, s.name, o.amount_minor, o.orders FROM (
                SELECT o.store_id, sum(o.amount_minor)::bigint AS amount_minor, count(*) AS orders
                {_PAID} AND o.store_id IS NOT NULL GROUP BY o.store_id) o
            JOIN store s ON s.id = o.store_id ORDER BY o.amount_minor DESC, s.name LIMIT {STORES}
            """  # noqa: S608  constants of this module
        ),
        values,
    )
    return [StoreSales(*row) for row in rows]


async def _ticker(session: AsyncSession, values: dict[str, object]) -> list[Sold]:
    rows = await session.execute(
        text(
            f"""
            SELECT m.name, l.title, l.quantity, o.amount_minor, s.name, o.paid_at
            FROM (SELECT o.* {_PAID} ORDER BY o.paid_at DESC LIMIT {TICKER}) o
            JOIN member m ON m.id = o.member_id LEFT JOIN store s ON s.id = o.store_id
            CROSS JOIN LATERAL (
                SELECT min(title) AS title, sum(quantity)::int AS quantity FROM order_line WHERE order_id = o.id) l
            ORDER BY o.paid_at DESC
            """  # noqa: S608  constants of this module
        ),
        values,
    )
    return [Sold(shown_name(name), *rest) for name, *rest in rows]
