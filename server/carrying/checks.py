"""What must hold of rooms and the stores that carry them."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "rooms_reach_stores_of_their_brand": """
        SELECT r.id::text AS room_id, r.reach, s.id::text AS store_id
        FROM room r LEFT JOIN room_reach x ON x.room_id = r.id LEFT JOIN store s ON s.id = x.store_id
        LEFT JOIN region g ON g.id = r.region_id
        WHERE (r.reach = 'stores') <> (x.store_id IS NOT NULL) OR s.brand_id <> r.brand_id
           OR g.brand_id <> r.brand_id""",
    "stores_carry_rooms_of_headquarters": """
        SELECT c.room_id::text, c.store_id::text FROM carrying c
        JOIN room r ON r.id = c.room_id JOIN store s ON s.id = c.store_id
        WHERE r.store_id IS NOT NULL OR s.brand_id <> r.brand_id""",
}
"""Queries that list broken rows; an empty answer is the proof."""


async def verify(session: AsyncSession) -> Broken:
    return await broken_rows(session, VERIFY)
