"""Who of mine is here now, over HTTP."""

from __future__ import annotations

from uuid import UUID

from litestar import get
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.board import scoped_store
from server.kit.principal import INVITES, Principal, allow
from server.rooms.present import HereNow, PresentView, Whose, present


@get("/api/guide/present", guards=[allow(*INVITES)], tags=["stores"])
async def own_present(staff: Principal, session: AsyncSession, here_now: HereNow) -> PresentView:
    """The calling guide's customers who are in a room of the brand now. Who leaves is gone some seconds later: a reload
    is no leave."""
    return await present(session, here_now, Whose(staff.brand_id, staff.store_id, staff.id))


@get("/api/stores/{store_id:uuid}/present", tags=["stores"])
async def store_present(
    store_id: UUID, staff: Principal, session: AsyncSession, here_now: HereNow
) -> PresentView:
    """The store's customers, all guides' and nobody's. For its manager and headquarters."""
    await scoped_store(session, staff, store_id)
    return await present(session, here_now, Whose(staff.brand_id, store_id))


ROUTES = [own_present, store_present]
