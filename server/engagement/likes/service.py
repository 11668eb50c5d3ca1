"""The broker counts likes for everybody to see; the worker writes the count to `room.likes` every few seconds.

Likes are worth no money: what came since the last write may be lost with Redis, and no more.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.broker import Broker, BrokerUnavailable
from live.events import room_topic
from server.engagement.likes.rules import owed
from server.kit.database import Database, log_failure

log = structlog.get_logger()

LIKES_LOCK = 0x5F0C_0005
EVERY_S = 5.0


async def keep(session: AsyncSession, broker: Broker) -> None:
    """Write the counts of open rooms. One worker at a time, so that a lost count is put right once."""
    locked = await session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LIKES_LOCK})
    if not locked.scalar_one():
        return
    rooms = await session.execute(
        text(
            """
            SELECT id, likes FROM room
            WHERE state IN ('warming', 'live', 'paused') OR ended_at > now() - interval '1 minute'
            """
        )
    )
    grown: dict[UUID, int] = {}
    for room_id, kept in rooms.all():
        topic = room_topic(room_id)
        counted = (await broker.totals(topic)).get("likes", 0)
        if counted > kept:
            grown[room_id] = counted
        elif lost := owed(kept, counted):
            await broker.count(topic, likes=lost)
    await write(session, grown)


async def write(session: AsyncSession, counts: dict[UUID, int]) -> None:
    """A count never goes back."""
    if counts:
        await session.execute(
            text(
                """
                WITH locked AS (  -- in one order with everybody who writes to several rooms
                    SELECT id FROM room WHERE id = ANY(CAST(:rooms AS uuid[])) ORDER BY id FOR NO KEY UPDATE)
                UPDATE room r SET likes = greatest(r.likes, c.likes)
                FROM locked JOIN unnest(CAST(:rooms AS uuid[]), CAST(:likes AS int[])) AS c(room_id, likes)
                    ON c.room_id = locked.id
                WHERE r.id = locked.id
                """
            ),
            {"rooms": list(counts), "likes": list(counts.values())},
        )


async def keep_likes(database: Database, broker: Broker, stop: asyncio.Event) -> None:
    """The worker's loop."""
    while not stop.is_set():
        try:
            async with database.transaction() as session:
                await keep(session, broker)
        except BrokerUnavailable:
            log.info("likes wait for the broker")
        except Exception as error:
            log_failure(log, "likes were not written", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_S)
