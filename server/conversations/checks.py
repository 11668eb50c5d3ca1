"""What must hold between conversations and their lines."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows

VERIFY = {
    "conversation_lines_are_numbered_without_gaps": """
        SELECT c.id::text, c.last_number, count(l.id) AS lines, coalesce(max(l.number), 0) AS highest
        FROM conversation c LEFT JOIN conversation_line l ON l.conversation_id = c.id
        GROUP BY c.id
        HAVING count(l.id) <> c.last_number OR coalesce(max(l.number), 0) <> c.last_number
          OR coalesce(min(l.number), 1) <> 1""",
    "conversation_read_up_to_what_was_written": """
        SELECT id::text, last_number, member_read, guide_read FROM conversation
        WHERE member_read NOT BETWEEN 0 AND last_number OR guide_read NOT BETWEEN 0 AND last_number""",
    "conversation_recalled_lines_are_empty": """
        SELECT l.conversation_id::text AS id, l.number
        FROM conversation_line l LEFT JOIN conversation_picture p ON p.line_id = l.id
        WHERE (l.recalled_at IS NOT NULL AND (l.content <> '{}' OR p.id IS NOT NULL))
           OR (l.recalled_at IS NULL AND (l.kind = 'picture') <> (p.id IS NOT NULL))""",
}
"""Queries that list broken rows."""


async def verify(session: AsyncSession) -> Broken:
    """Invariants of conversations: check name → broken rows."""
    return await broken_rows(session, VERIFY)
