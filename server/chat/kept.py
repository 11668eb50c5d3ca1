"""Lines as they were kept, shown again as they were heard: with the line that each answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat.facts import QUOTED, Quoted, SaidLine
from server.chat.models import ChatMessage


async def quotes(session: AsyncSession, ids: Collection[UUID]) -> dict[tuple[UUID, UUID], Quoted]:
    """(room, line) → what answers to it quote. Nothing of a line that is gone, hidden or deleted."""
    if not ids:
        return {}
    rows = await session.execute(
        text(
            "SELECT id, room_id, writer_id, name, text FROM chat_message "
            "WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'shown' AND deleted_at IS NULL"
        ),
        {"ids": list(ids)},
    )
    return {
        (row.room_id, row.id): Quoted(
            id=row.id, member_id=row.writer_id, name=row.name, text=row.text[:QUOTED]
        )
        for row in rows
    }


async def lines_of(session: AsyncSession, messages: Sequence[ChatMessage]) -> list[SaidLine]:
    """Of each, in their order."""
    found = await quotes(session, {message.reply_to for message in messages if message.reply_to is not None})
    return [
        SaidLine(
            id=message.id,
            member_id=message.writer_id,
            name=message.name,
            role=message.role,
            text=message.text,
            at=message.at,
            reply_to=found.get((message.room_id, message.reply_to)) if message.reply_to else None,
            always=message.by_staff,
        )
        for message in messages
    ]


async def line_of(session: AsyncSession, message: ChatMessage) -> SaidLine:
    (line,) = await lines_of(session, [message])
    return line
