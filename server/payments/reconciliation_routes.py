"""Daily reconciliation over HTTP, for whoever keeps the merchant's money."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import SHOP_ZONE, Clock
from server.kit.database import Database
from server.kit.paging import Page
from server.kit.principal import HEADQUARTERS, Principal, Role, allow
from server.kit.problems import Invalid
from server.payments import reconciling
from server.payments.providers import ProviderError, Providers
from server.payments.providers.port import StatementAway

RECONCILES = [allow(Role.OWNER, Role.FINANCE)]


@post(
    "/api/payments/reconciliations",
    guards=RECONCILES,
    request_max_body_size=reconciling.MOST_BYTES,
    tags=["payments"],
)
async def reconcile(
    request: Request[Any, Any, Any],
    staff: Principal,
    database: Database,
    providers: Providers,
    clock: Clock,
    provider: Annotated[str, Parameter(max_length=40)],
    day: date,
) -> Response[reconciling.ReconciliationDetail]:
    """The provider's statement file of that day (the shop's) as the body; without a body it is fetched. The same file
    again gives the same report, with 200. 422 `unreadable-statement`, 503 `statement-away`."""
    if day >= clock().astimezone(SHOP_ZONE).date() + timedelta(days=1):
        raise Invalid(errors=[{"field": "day", "message": "is not here yet"}])
    asked = providers[provider]
    raw = await request.body()
    fetched = not raw
    if fetched:
        try:
            raw = await asked.statement(day)
        except ProviderError as error:
            raise StatementAway(str(error)) from None
    lines = await asyncio.to_thread(asked.read_statement, raw)
    async with database.transaction() as session:
        row, new = await reconciling.keep(
            session,
            staff.brand_id,
            provider,
            day,
            raw,
            lines,
            fetched=fetched,
            made_by=staff.id,
            now=clock(),
        )
    return Response(reconciling.detail(row), status_code=HTTP_201_CREATED if new else HTTP_200_OK)


@get("/api/payments/reconciliations", guards=[allow(*HEADQUARTERS)], tags=["payments"])
async def list_reconciliations(
    staff: Principal,
    session: AsyncSession,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[reconciling.ReconciliationView]:
    """Newest first."""
    return await reconciling.listing(session, staff.brand_id, cursor)


@get(
    "/api/payments/reconciliations/{reconciliation_id:uuid}", guards=[allow(*HEADQUARTERS)], tags=["payments"]
)
async def show_reconciliation(
    reconciliation_id: UUID, staff: Principal, session: AsyncSession
) -> reconciling.ReconciliationDetail:
    return await reconciling.get(session, staff.brand_id, reconciliation_id)


@get(
    "/api/payments/reconciliations/{reconciliation_id:uuid}/differences.csv",
    guards=[allow(*HEADQUARTERS)],
    media_type="text/csv",
    tags=["payments"],
)
async def download_differences(
    reconciliation_id: UUID, staff: Principal, session: AsyncSession
) -> Response[bytes]:
    found = await reconciling.get(session, staff.brand_id, reconciliation_id)
    name = f"{found.head.provider}-{found.head.day}.csv"
    return Response(
        reconciling.as_csv(found.report),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


ROUTES = [reconcile, list_reconciliations, show_reconciliation, download_differences]
