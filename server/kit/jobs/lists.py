"""Lists that people send as a sheet, landed by a job: some rows a transaction, each of them told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.jobs.models import Job
from server.kit.jobs.run import Run
from server.kit.jobs.service import start
from server.kit.lists import Form, Listed, R, batches, in_order
from server.kit.principal import Principal
from server.kit.sheets import RowProblem


class Landed(msgspec.Struct, frozen=True):
    """What became of a batch's good rows: those with `problems` changed nothing, nor did the rest."""

    created: int
    updated: int
    problems: list[RowProblem] = []


Land = Callable[[AsyncSession, UUID, Listed[R]], Awaitable[Landed]]
"""Of the brand with this id."""


async def begin_list(
    session: AsyncSession,
    staff: Principal,
    kind: str,
    form: Form[R],
    body: bytes,
    *,
    file: str,
    key: str | None,
) -> Job:
    """Raises `UnreadableSheet` (422) for a file whose header says that it is no such list, `KeyReused` (422)."""
    await asyncio.to_thread(form.check, body)
    return await start(session, staff, kind, upload=body, name=file, key=key)


async def land_list(run: Run, listed: Listed[R], size: int, land: Land[R]) -> None:
    """`size` rows a step. The job counts rows `created`, `updated`, `unchanged`, `refused`."""
    await run.expect(listed.count)
    for batch in batches(listed, size, start=run.done):
        async with run.step(batch.count) as step:
            landed = await land(step.session, run.brand_id, batch)
            good = len(batch.rows) - len(landed.problems)
            step.count(
                created=landed.created,
                updated=landed.updated,
                unchanged=good - landed.created - landed.updated,
                refused=batch.count - good,
            )
            step.refuse(in_order(batch.problems, landed.problems))


async def read_list(run: Run, form: Form[R]) -> Listed[R]:
    return await asyncio.to_thread(form.read, await run.upload())
