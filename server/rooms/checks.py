"""What must hold of rooms, whatever was done to them."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "rooms_without_shelf_sell_nothing": """
        SELECT r.id::text AS room_id, r.kind, cardinality(r.pinned_ids) AS pinned,
               (SELECT count(*) FROM shelf_item i WHERE i.room_id = r.id) AS products,
               (SELECT count(*) FROM flash_sale s WHERE s.room_id = r.id) AS sales
        FROM room r
        WHERE r.shows->'shelf' = 'false' AND (
            cardinality(r.pinned_ids) > 0
            OR EXISTS (SELECT 1 FROM shelf_item i WHERE i.room_id = r.id)
            OR EXISTS (SELECT 1 FROM flash_sale s WHERE s.room_id = r.id))""",
    "drafts_are_planned": """
        SELECT id::text AS room_id, draft_of::text, state FROM room
        WHERE draft_of IS NOT NULL AND (state <> 'planned' OR started_at IS NOT NULL)""",
}
"""Queries that list broken rows; an empty answer is the proof."""


async def verify(session: AsyncSession) -> Broken:
    """What no room may be: check name → broken rows."""
    return await broken_rows(session, VERIFY)
