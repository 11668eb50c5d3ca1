"""Keeps how many watch each open room: the most of every minute, and the most of all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.presence import Presence
from server.kit.clock import Clock, utc_now
from server.kit.database import Database, log_failure

log = structlog.get_logger()

EVERY_S = 5.0


async def open_rooms(session: AsyncSession) -> list[UUID]:
    rows = await session.execute(
        text("SELECT id FROM room WHERE state IN ('warming', 'live', 'paused') ORDER BY id")
    )
    return list(rows.scalars())


async def write(session: AsyncSession, watching: Mapping[UUID, int], now: datetime) -> None:
    """Counts only grow within a minute, so that any number of recorders may write."""
    values = {
        "rooms": sorted(watching),
        "counts": [watching[room_id] for room_id in sorted(watching)],
        "minute": now.replace(second=0, microsecond=0),
    }
    await session.execute(
        text(
            """
            INSERT INTO room_minute (room_id, at, watching)
            SELECT room_id, :minute, watching
            FROM unnest(CAST(:rooms AS uuid[]), CAST(:counts AS int[])) AS w(room_id, watching)
            ON CONFLICT (room_id, at) DO UPDATE SET watching = excluded.watching
            WHERE room_minute.watching < excluded.watching
            """
        ),
        values,
    )
    del values["minute"]
    await session.execute(
        text(
            """
            WITH grown AS (  -- in one order with everybody who writes to several rooms
                SELECT r.id, w.watching FROM room r
                JOIN unnest(CAST(:rooms AS uuid[]), CAST(:counts AS int[])) AS w(room_id, watching)
                    ON w.room_id = r.id
                WHERE w.watching > r.peak_watching ORDER BY r.id FOR NO KEY UPDATE OF r)
            UPDATE room r SET peak_watching = greatest(r.peak_watching, grown.watching)
            FROM grown WHERE r.id = grown.id
            """
        ),
        values,
    )


async def record_minutes(
    database: Database, presence: Presence, stop: asyncio.Event, clock: Clock = utc_now
) -> None:
    """The worker's loop."""
    while not stop.is_set():
        try:
            async with database.transaction() as session:
                rooms = await open_rooms(session)
            watching = {room_id: await presence.count(str(room_id)) for room_id in rooms}
            if watching:
                async with database.transaction() as session:
                    await write(session, watching, clock())
        except Exception as error:
            log_failure(log, "watching was not recorded", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_S)
