"""A room's figures while it runs, its report when it is over, and headquarters' wall."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from uuid import UUID

import msgspec
from sqlalchemy import update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from live.room import Phase
from server.attribution import lines
from server.dashboards import figures
from server.dashboards.board import Standings
from server.dashboards.checks import verify as verify
from server.dashboards.figures import (
    Audience,
    GuideSales,
    Mark,
    Minute,
    Money,
    ProductSales,
    StoreSales,
)
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.latest import Latest
from server.kit.problems import Conflict
from server.rooms.models import Room

BOARD_FRESH_S, BOARD_RESTS = 0.3, 2
"""A board is looked at while it changes: fresher than figures, and read for half of the time at most."""


class NotEnded(Conflict):
    """`state` is what the room is in; its figures can be had."""

    slug, title = "not-ended", "There is a report when the room has ended"


class RoomFigures(msgspec.Struct, kw_only=True):
    watching: int
    peak: int
    visits: int
    likes: int
    comments: int
    orders_held: int
    orders_paid: int
    amount_minor: int
    refunded_minor: int
    tips_minor: int
    minutes: list[Minute]
    marks: list[Mark]
    stores: list[StoreSales]


class RoomReport(RoomFigures, kw_only=True):
    """Audience and curve as they were at the end; money as it is now, since orders are still paid and refunded."""

    started_at: datetime | None
    ended_at: datetime | None
    products: list[ProductSales]
    guides: list[GuideSales]


class KeptReport(msgspec.Struct, kw_only=True):
    """What `room.report` holds: everything as it was when the room ended."""

    at: datetime
    audience: Audience
    money: Money
    minutes: list[Minute]
    marks: list[Mark]
    stores: list[StoreSales]
    products: list[ProductSales]
    guides: list[GuideSales]


async def room_figures(session: AsyncSession, room_id: UUID, watching: int) -> RoomFigures:
    """Five queries, whatever the room has seen."""
    audience = await figures.audience(session, room_id)
    money = await figures.money(session, room_id)
    return RoomFigures(
        watching=watching,
        **msgspec.structs.asdict(audience),
        **msgspec.structs.asdict(money),
        minutes=await figures.minutes(session, room_id),
        marks=await figures.marks(session, room_id),
        stores=await figures.stores(session, room_id),
    )


class LatestFigures:
    """This process's latest figures of each room: any number of control pages cost one count a second, or fewer where
    there is much to count."""

    def __init__(self, database: Database, time: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._rooms: Latest[UUID, RoomFigures] = Latest(self._count, time=time)

    async def of(self, room_id: UUID, watching: int) -> RoomFigures:
        return msgspec.structs.replace(await self._rooms.of(room_id), watching=watching)

    async def _count(self, room_id: UUID) -> RoomFigures:
        async with self._database.transaction() as session:
            return await room_figures(session, room_id, watching=0)


class RoomBoards:
    """This process's latest standings of each room, however many look at them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._rooms: Latest[UUID, Standings] = Latest(self._read, fresh_s=BOARD_FRESH_S, rests=BOARD_RESTS)

    async def of(self, room_id: UUID) -> Standings:
        return await self._rooms.of(room_id)

    async def _read(self, room_id: UUID) -> Standings:
        at = self._clock()
        async with self._database.transaction() as session:
            return Standings(await lines.of_room(session, room_id), at)


async def keep_report(session: AsyncSession, room_id: UUID, now: datetime) -> None:
    """Called once, after the room's end was committed."""
    kept = KeptReport(
        at=now,
        audience=await figures.audience(session, room_id),
        money=await figures.money(session, room_id),
        minutes=await figures.minutes(session, room_id),
        marks=await figures.marks(session, room_id),
        stores=await figures.stores(session, room_id),
        products=await figures.products(session, room_id),
        guides=await figures.guides(session, room_id),
    )
    await session.execute(
        update(Room).where(col(Room.id) == room_id).values(report=msgspec.to_builtins(kept))
    )


async def report(session: AsyncSession, room: Room) -> RoomReport:
    """Raises `NotEnded` (409)."""
    if room.state != Phase.ENDED:
        raise NotEnded(state=room.state)
    kept = msgspec.convert(room.report, KeptReport) if room.report else None
    audience = kept.audience if kept else await figures.audience(session, room.id)
    money = await figures.money(session, room.id)
    return RoomReport(
        watching=0,
        **msgspec.structs.asdict(audience),
        **msgspec.structs.asdict(money),
        minutes=kept.minutes if kept else await figures.minutes(session, room.id),
        marks=kept.marks if kept else await figures.marks(session, room.id),
        stores=await figures.stores(session, room.id),
        started_at=room.started_at,
        ended_at=room.ended_at,
        products=await figures.products(session, room.id),
        guides=await figures.guides(session, room.id),
    )
