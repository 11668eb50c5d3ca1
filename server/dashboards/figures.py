"""A room's figures, counted from the truth: orders, tips, lines, and the minutes that the recorder kept; visits and
what stores and guides sold are the boards' (`attribution.models.BoardLine`).

An order counts as paid from the moment it was paid, whatever became of it; what went back for its goods is
`refunded_minor` (money that came twice or too late was never a sale, and neither is its way back).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

TOP = 20


class Minute(msgspec.Struct):
    """`watching` is the most that were seen in that minute."""

    at: datetime
    watching: int
    comments: int
    orders: int
    amount_minor: int


class Mark(msgspec.Struct):
    at: datetime
    kind: str
    label: str


class StoreSales(msgspec.Struct):
    store_id: UUID
    name: str
    amount_minor: int
    orders: int


class ProductSales(msgspec.Struct):
    product_id: UUID
    title: str
    image: str | None
    quantity: int
    amount_minor: int


class GuideSales(msgspec.Struct):
    guide_id: UUID
    name: str
    store: str | None
    orders: int
    amount_minor: int


class Money(msgspec.Struct):
    """`orders_held` wait for their payment now. All others are sums over the room's whole life."""

    orders_held: int
    orders_paid: int
    amount_minor: int
    refunded_minor: int
    tips_minor: int


class Audience(msgspec.Struct):
    peak: int
    visits: int
    likes: int
    comments: int


async def money(session: AsyncSession, room_id: UUID) -> Money:
    row = (
        await session.execute(
            text(
                """
                SELECT count(*) FILTER (WHERE status = 'awaiting_payment') AS orders_held,
                       count(*) FILTER (WHERE paid_at IS NOT NULL) AS orders_paid,
                       coalesce(sum(amount_minor) FILTER (WHERE paid_at IS NOT NULL), 0)::bigint AS amount_minor,
                       coalesce(sum(goods_refunded_minor), 0)::bigint AS refunded_minor,
                       (SELECT coalesce(sum(amount_minor), 0)::bigint FROM tip WHERE room_id = :room_id) AS tips_minor
                FROM orders WHERE room_id = :room_id
                """
            ),
            {"room_id": room_id},
        )
    ).one()
    return Money(*row)


async def audience(session: AsyncSession, room_id: UUID) -> Audience:
    row = (
        await session.execute(
            text(
                """
                SELECT peak_watching,
                       (SELECT coalesce(sum(visits), 0)::int FROM board_line WHERE room_id = :room_id), likes,
                       (SELECT count(*) FROM chat_message WHERE room_id = :room_id AND deleted_at IS NULL)
                FROM room WHERE id = :room_id
                """
            ),
            {"room_id": room_id},
        )
    ).one()
    return Audience(*row)


async def minutes(session: AsyncSession, room_id: UUID) -> list[Minute]:
    """Only minutes in which something was counted; oldest first, the last day of the room at most."""
    rows = await session.execute(
        text(
            """
            WITH watched AS (
                SELECT at, watching FROM room_minute WHERE room_id = :room_id),
            said AS (
                SELECT date_trunc('minute', at) AS at, count(*) AS comments FROM chat_message
                WHERE room_id = :room_id AND deleted_at IS NULL GROUP BY 1),
            paid AS (
                SELECT date_trunc('minute', paid_at) AS at, count(*) AS orders, sum(amount_minor)::bigint AS amount
                FROM orders WHERE room_id = :room_id AND paid_at IS NOT NULL GROUP BY 1)
            SELECT * FROM (
                SELECT at, coalesce(watching, 0), coalesce(comments, 0), coalesce(orders, 0), coalesce(amount, 0)
                FROM watched FULL JOIN said USING (at) FULL JOIN paid USING (at) ORDER BY at DESC LIMIT 1440
            ) AS newest ORDER BY at
            """
        ),
        {"room_id": room_id},
    )
    return [Minute(*row) for row in rows]


async def marks(session: AsyncSession, room_id: UUID) -> list[Mark]:
    rows = await session.execute(
        text("SELECT at, kind, label FROM room_mark WHERE room_id = :room_id ORDER BY at, id"),
        {"room_id": room_id},
    )
    return [Mark(*row) for row in rows]


async def stores(session: AsyncSession, room_id: UUID) -> list[StoreSales]:
    """By what they sold; orders that no store carried are in the room's sums only. A credit that was moved counts for
    whom it went to."""
    rows = await session.execute(
        text(
            """
            SELECT s.id, s.name, sum(l.amount_minor)::bigint AS amount_minor, sum(l.orders)::int AS orders
            FROM board_line l JOIN store s ON s.id = l.store_id
            WHERE l.room_id = :room_id AND l.orders > 0
            GROUP BY s.id ORDER BY amount_minor DESC, s.name, s.id
            """
        ),
        {"room_id": room_id},
    )
    return [StoreSales(*row) for row in rows]


async def products(session: AsyncSession, room_id: UUID) -> list[ProductSales]:
    rows = await session.execute(
        text(
            """
            SELECT p.id, p.title, CASE WHEN p.image IS NOT NULL THEN '/images/' || p.image || '.webp' END,
                   sum(l.quantity)::int, sum(l.quantity * l.price_minor)::bigint AS amount_minor
            FROM orders o JOIN order_line l ON l.order_id = o.id
            JOIN sku k ON k.id = l.sku_id JOIN product p ON p.id = k.product_id
            WHERE o.room_id = :room_id AND o.paid_at IS NOT NULL
            GROUP BY p.id ORDER BY amount_minor DESC, p.id LIMIT :top
            """
        ),
        {"room_id": room_id, "top": TOP},
    )
    return [ProductSales(*row) for row in rows]


async def guides(session: AsyncSession, room_id: UUID) -> list[GuideSales]:
    rows = await session.execute(
        text(
            """
            SELECT g.id, g.name, s.name, l.orders, l.amount_minor
            FROM board_line l JOIN account g ON g.id = l.guide_id LEFT JOIN store s ON s.id = l.store_id
            WHERE l.room_id = :room_id AND l.orders > 0
            ORDER BY l.amount_minor DESC, g.id LIMIT :top
            """
        ),
        {"room_id": room_id, "top": TOP},
    )
    return [GuideSales(*row) for row in rows]
