"""A room's board over HTTP, as pages and as a workbook."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import anyio.to_thread
from litestar import Response, get
from litestar.params import QueryParameter

from server.dashboards import board_sheet
from server.dashboards.board import Asked, By, Reader, RoomBoard, Sort, board
from server.dashboards.service import RoomBoards
from server.kit.clock import SHOP_ZONE, Clock
from server.kit.database import Database
from server.kit.principal import INVITES, Principal
from server.kit.problems import Forbidden, Invalid
from server.kit.sheets import MEDIA_TYPE
from server.rooms import service as rooms
from server.rooms.rules import may_see_figures

MOST = 200
Cursor = Annotated[str | None, QueryParameter(max_length=64)]


@get("/api/rooms/{room_id:uuid}/board", tags=["dashboards"])
async def room_board(
    room_id: UUID,
    staff: Principal,
    database: Database,
    room_boards: RoomBoards,
    by: By = By.GUIDES,
    sort: Sort = Sort.AMOUNT,
    store_id: UUID | None = None,
    region_id: UUID | None = None,
    named: Annotated[str, QueryParameter(max_length=80)] = "",
    cursor: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MOST)] = 50,
) -> RoomBoard:
    """Ranked as of `at`, less than a second ago. Headquarters and whoever runs the room see all of it; a manager the
    figures of the own store and its guides, a guide the own, and both who is ahead. Regions are for who sees all."""
    reader = await _reader(database, staff, room_id)
    if by is By.REGIONS and not reader.sees_all:
        raise Forbidden
    asked = Asked(
        by=by,
        sort=sort,
        store_id=store_id,
        region_id=region_id,
        named=named,
        skip=_skip(cursor),
        limit=limit,
    )
    return board(await room_boards.of(room_id), reader, asked)


def _skip(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 9):
        raise Invalid(errors=[{"field": "cursor", "message": "not a cursor of ours"}])
    return int(cursor)


async def _reader(database: Database, staff: Principal, room_id: UUID) -> Reader:
    """Raises `NotFound`, `Forbidden`."""
    async with database.transaction() as session:
        room = await rooms.to_see(session, staff, room_id)
    sees_all = may_see_figures(staff, rooms.scope_of(room))
    if not sees_all and staff.role not in INVITES:
        raise Forbidden
    return Reader(staff, sees_all)


@get("/api/rooms/{room_id:uuid}/board/export", media_type=MEDIA_TYPE, tags=["dashboards"])
async def export_board(
    room_id: UUID,
    staff: Principal,
    database: Database,
    room_boards: RoomBoards,
    clock: Clock,
    language: Literal["zh-CN", "en"] = "zh-CN",
) -> Response[bytes]:
    """All of it as an Excel workbook: a sheet each of guides, stores and regions. For whoever sees all of it."""
    if not (await _reader(database, staff, room_id)).sees_all:
        raise Forbidden
    standings = await room_boards.of(room_id)
    name = f"board-{clock().astimezone(SHOP_ZONE):%Y%m%d-%H%M%S}.xlsx"
    return Response(
        await anyio.to_thread.run_sync(board_sheet.workbook, standings, language),
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


ROUTES = [room_board, export_board]
