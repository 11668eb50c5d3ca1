"""How a job stands, for whoever started it and for headquarters."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import Parameter
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.jobs import service
from server.kit.jobs.service import JobView
from server.kit.principal import Principal
from server.kit.sheets import RowProblem, harmless


class Jobs(msgspec.Struct):
    items: list[JobView]


class Refusals(msgspec.Struct):
    items: list[RowProblem]


@get("/api/jobs", tags=["jobs"])
async def listing(
    staff: Principal, session: AsyncSession, kind: Annotated[str | None, Parameter(max_length=100)] = None
) -> Jobs:
    """The latest 20, newest first: headquarters see their brand's, others their own."""
    return Jobs(await service.recent(session, staff, kind))


@get("/api/jobs/{job_id:uuid}", tags=["jobs"])
async def show(job_id: UUID, staff: Principal, session: AsyncSession) -> JobView:
    """Ask again, once or twice a second, until `state` is `done` or `failed`."""
    return await service.view(session, staff, job_id)


@get("/api/jobs/{job_id:uuid}/refusals", tags=["jobs"])
async def refusals(job_id: UUID, staff: Principal, session: AsyncSession) -> Refusals:
    """Every row that was not taken, in the upload's order."""
    return Refusals(await service.refusals(session, staff, job_id))


@get("/api/jobs/{job_id:uuid}/refusals.csv", tags=["jobs"], media_type="text/csv; charset=utf-8")
async def refusals_csv(job_id: UUID, staff: Principal, session: AsyncSession) -> Response[str]:
    """The same as CSV, which Excel reads as UTF-8."""
    sheet = StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["row", "column", "problem"])
    for one in await service.refusals(session, staff, job_id):
        writer.writerow([one.row, harmless(one.column), harmless(one.message)])
    headers = {"Content-Disposition": f'attachment; filename="refusals-{job_id}.csv"'}
    return Response("\ufeff" + sheet.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


ROUTES = [listing, show, refusals, refusals_csv]
