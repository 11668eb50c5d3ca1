"""Figures over HTTP."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import QueryParameter
from sqlmodel.ext.asyncio.session import AsyncSession

from live.presence import Presence
from server.dashboards import screen, service
from server.dashboards.screen import Screen
from server.dashboards.service import LatestFigures, RoomFigures, RoomReport
from server.kit.clock import SHOP_ZONE, Clock
from server.kit.database import Database
from server.kit.principal import HEADQUARTERS, RUNS_ROOMS, Principal, allow
from server.rooms import service as rooms

SHOP_MINUTES = SHOP_ZONE.utcoffset(None) // timedelta(minutes=1)


@get("/api/rooms/{room_id:uuid}/figures", tags=["dashboards"])
async def room_figures(
    room_id: UUID, staff: Principal, database: Database, presence: Presence, latest_figures: LatestFigures
) -> RoomFigures:
    """For whoever runs the room and for headquarters; a second old, some more after very long shows."""
    async with database.transaction() as session:
        await rooms.to_count(session, staff, room_id)
    return await latest_figures.of(room_id, await presence.count(str(room_id)))


@get("/api/rooms/{room_id:uuid}/report", tags=["dashboards"])
async def room_report(room_id: UUID, staff: Principal, session: AsyncSession) -> RoomReport:
    """After the end (409 `not-ended` before)."""
    return await service.report(session, await rooms.to_count(session, staff, room_id))


@get("/api/screen", guards=[allow(*(HEADQUARTERS | RUNS_ROOMS))], tags=["dashboards"])
async def show_screen(
    staff: Principal,
    session: AsyncSession,
    presence: Presence,
    clock: Clock,
    utc_offset_minutes: Annotated[int, QueryParameter(ge=-720, le=840)] = SHOP_MINUTES,
) -> Screen:
    """The brand's day since midnight, at a wall with this offset from UTC."""
    here = clock().astimezone(timezone(timedelta(minutes=utc_offset_minutes)))
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return await screen.today(session, presence, staff.brand_id, midnight.astimezone(UTC))


ROUTES = [room_figures, room_report, show_screen]
