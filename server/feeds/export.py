"""Everything that happened in a room, oldest first, read in pages by id (UUIDv7: by time): what is exported costs the
same however much came before it, and no connection waits for the reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from heapq import heappop, heappush, heapreplace
from uuid import UUID

import msgspec
from sqlalchemy import text

from server.kit.database import Database

PAGE = 500


class Comment(msgspec.Struct, tag_field="kind", tag="comment"):
    """A line that the room saw. `name` is the writer's at the time."""

    id: UUID
    at: datetime
    member_id: UUID
    name: str
    role: str
    text: str
    reply_to: UUID | None
    deleted_at: datetime | None


class Entry(msgspec.Struct, tag_field="kind", tag="entry"):
    """A viewer's first entry; store, guide and link are who carries them in this room now."""

    id: UUID
    at: datetime
    member_id: UUID
    name: str
    store_id: UUID | None
    store: str | None
    guide_id: UUID | None
    guide: str | None
    link_id: UUID | None


class Gift(msgspec.Struct, tag_field="kind", tag="gift"):
    id: UUID
    at: datetime
    member_id: UUID
    name: str
    gift: str
    quantity: int
    amount_minor: int


class Item(msgspec.Struct):
    sku_id: UUID
    title: str
    quantity: int
    price_minor: int


class Bought(msgspec.Struct, tag_field="kind", tag="order"):
    """An order as it is now, whatever became of it. `refunded_minor` counts against its goods."""

    id: UUID
    at: datetime
    member_id: UUID
    name: str
    store_id: UUID | None
    store: str | None
    guide_id: UUID | None
    guide: str | None
    link_id: UUID | None
    quantity: int
    amount_minor: int
    number: str
    status: str
    paid_at: datetime | None
    refunded_minor: int
    sale_id: UUID | None
    items: list[Item]


Happened = Comment | Entry | Gift | Bought

_PAGE = "{0}.room_id = :room_id AND {0}.id > :after AND {0}.id < :until"
_CARRIED = "s.name AS store, {0}.guide_id, a.name AS guide, {0}.link_id"
_CARRIERS = "LEFT JOIN store s ON s.id = {0}.store_id LEFT JOIN account a ON a.id = {0}.guide_id"

_COMMENTS = f"""
    SELECT c.id, c.at, c.writer_id AS member_id, c.name, c.role, c.text, c.reply_to, c.deleted_at
    FROM chat_message c WHERE {_PAGE.format("c")} AND c.state = 'shown' ORDER BY c.id LIMIT :page
"""  # noqa: S608  constants of this module
_ENTRIES = f"""
    SELECT v.id, v.entered_at AS at, v.member_id, m.name, v.store_id, {_CARRIED.format("v")}
    FROM visit v JOIN member m ON m.id = v.member_id {_CARRIERS.format("v")}
    WHERE {_PAGE.format("v")} ORDER BY v.id LIMIT :page
"""  # noqa: S608  constants of this module
_GIFTS = f"""
    SELECT t.id, t.at, t.member_id, m.name, g.name AS gift, t.quantity, t.amount_minor
    FROM tip t JOIN member m ON m.id = t.member_id JOIN gift g ON g.id = t.gift_id
    WHERE {_PAGE.format("t")} ORDER BY t.id LIMIT :page
"""  # noqa: S608  constants of this module
_ORDERS = f"""
    SELECT o.id, o.created_at AS at, o.member_id, m.name, o.store_id, {_CARRIED.format("o")}, o.amount_minor,
           o.number, o.status, o.paid_at, o.goods_refunded_minor AS refunded_minor, o.sale_id, l.quantity, l.items
    FROM orders o JOIN member m ON m.id = o.member_id {_CARRIERS.format("o")}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(quantity), 0)::int AS quantity, coalesce(jsonb_agg(jsonb_build_object(
            'sku_id', sku_id, 'title', title, 'quantity', quantity, 'price_minor', price_minor) ORDER BY id), '[]')
            AS items
        FROM order_line WHERE order_id = o.id) l
    WHERE {_PAGE.format("o")} ORDER BY o.id LIMIT :page
"""  # noqa: S608  constants of this module

_TOLD: dict[str, tuple[str, type[Happened]]] = {
    "comments": (_COMMENTS, Comment),
    "entries": (_ENTRIES, Entry),
    "gifts": (_GIFTS, Gift),
    "orders": (_ORDERS, Bought),
}
KINDS = tuple(_TOLD)


async def happened(
    database: Database, room_id: UUID, kinds: Collection[str], until: UUID
) -> AsyncIterator[Happened]:
    """What has an id before `until`, which bounds the export of a room where things go on happening."""
    sources = [_read(database, room_id, kind, until) for kind in KINDS if kind in kinds]
    async for one in _merged(sources):
        yield one


async def _read(database: Database, room_id: UUID, kind: str, until: UUID) -> AsyncIterator[Happened]:
    statement, shape = _TOLD[kind]
    asked = {"room_id": room_id, "after": UUID(int=0), "until": until, "page": PAGE}
    while True:
        async with database.transaction() as session:
            rows = (await session.execute(text(statement), asked)).mappings().all()
        for row in rows:
            yield msgspec.convert(dict(row), shape)
        if len(rows) < PAGE:
            return
        asked["after"] = rows[-1]["id"]


async def _merged(sources: Sequence[AsyncIterator[Happened]]) -> AsyncIterator[Happened]:
    """By id; `place` only keeps rows from being compared."""
    heads: list[tuple[UUID, int, Happened]] = []
    for place, source in enumerate(sources):
        async for one in source:
            heappush(heads, (one.id, place, one))
            break
    while heads:
        _, place, one = heads[0]
        yield one
        if (following := await anext(sources[place], None)) is None:
            heappop(heads)
        else:
            heapreplace(heads, (following.id, place, following))
