"""What a store and its guides see. Another store's things are not there (404)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import Parameter
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import board, credits
from server.attribution.board import ArrivalView, Board, GuidePage, OutsideBoard
from server.attribution.credits import CreditView
from server.attribution.models import Visit
from server.kit.paging import Page
from server.kit.principal import HEADQUARTERS, Principal, allow
from server.orders.service import OrderView

Cursor = Annotated[str | None, Parameter(max_length=64)]


@get("/api/stores/{store_id:uuid}/board", tags=["stores"])
async def store_board(
    store_id: UUID, staff: Principal, session: AsyncSession, room_id: UUID | None = None
) -> Board:
    """The store's guides by what they brought, of one room or of all; totals equal the order ledger."""
    store = await board.scoped_store(session, staff, store_id)
    return await board.store_board(session, store, room_id)


@get("/api/stores/{store_id:uuid}/orders", tags=["stores"])
async def store_orders(
    store_id: UUID, staff: Principal, session: AsyncSession, cursor: Cursor = None
) -> Page[OrderView]:
    await board.scoped_store(session, staff, store_id)
    return await board.store_orders(session, staff, store_id, cursor)


@get("/api/stores/{store_id:uuid}/credits", tags=["stores"])
async def store_credits(
    store_id: UUID, staff: Principal, session: AsyncSession, cursor: Cursor = None
) -> Page[CreditView]:
    await board.scoped_store(session, staff, store_id)
    return await credits.of_store(session, store_id, cursor)


@get("/api/stores/{store_id:uuid}/arrivals", tags=["stores"])
async def store_arrivals(
    store_id: UUID, staff: Principal, session: AsyncSession, cursor: Cursor = None
) -> Page[ArrivalView]:
    """Viewers whom this store carries, newest first."""
    await board.scoped_store(session, staff, store_id)
    return await board.arrivals(session, col(Visit.store_id) == store_id, cursor)


@get("/api/outside-guides/board", guards=[allow(*HEADQUARTERS)], tags=["stores"])
async def outside_board(staff: Principal, session: AsyncSession, room_id: UUID | None = None) -> OutsideBoard:
    """Distributors and group owners by what they brought, of one room or of all."""
    return await board.outside_board(session, staff.brand_id, room_id)


@get("/api/guide", tags=["stores"])
async def own_page(staff: Principal, session: AsyncSession) -> GuidePage:
    """The calling guide's own arrivals, credits and orders, newest first, and what they sum to."""
    return await board.guide_page(session, staff)


ROUTES = [store_board, store_orders, store_credits, store_arrivals, outside_board, own_page]
