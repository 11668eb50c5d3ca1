"""Starting jobs, and reading how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows
from server.kit.clock import utc_now
from server.kit.idempotency import KeyReused, request_hash, require_key
from server.kit.jobs import queue
from server.kit.jobs.models import Job, JobRefusal, JobState, JobUpload
from server.kit.principal import Principal
from server.kit.problems import NotFound
from server.kit.sheets import RowProblem

KEEP = timedelta(days=30)
SHOWN = 100
"""Refusals that come with a job; all of them are a request of their own."""
RECENT = 20
LONGEST_NAME = 200


class JobView(msgspec.Struct, frozen=True):
    """`total` is null until it is known. `refusals` are the first 100 of `refusal_count`; a list of jobs has none.
    `problem` says why a job failed."""

    job_id: UUID
    kind: str
    name: str
    state: JobState
    done: int
    total: int | None
    counts: dict[str, int]
    refusals: list[RowProblem]
    refusal_count: int
    problem: dict[str, Any] | None
    started_by: UUID
    starter: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job, refusals: Sequence[RowProblem] = (), refusal_count: int = 0) -> Self:
        return cls(
            job.id,
            job.kind,
            job.name,
            JobState(job.state),
            job.done,
            job.total,
            job.counts,
            list(refusals),
            refusal_count,
            job.problem,
            job.started_by,
            job.starter,
            job.created_at,
            job.started_at,
            job.finished_at,
        )


async def start(
    session: AsyncSession,
    staff: Principal,
    kind: str,
    *,
    upload: bytes | None = None,
    name: str = "",
    key: str | None = None,
) -> Job:
    """`upload` is kept until the job is over. With a key that this person has used before, it is the job of that time.
    It begins when the session is committed.

    Raises `KeyReused` (422) for another upload under the same key, `KeyRequired` (422) for one that is none."""
    job = Job(
        brand_id=staff.brand_id,
        kind=kind,
        name=name[:LONGEST_NAME],
        started_by=staff.id,
        starter=staff.name,
        key=None if key is None else require_key(key),
        request=request_hash(kind, upload),
    )
    made = (
        insert(Job)
        .values(**job.model_dump(exclude={"problem"}))
        .on_conflict_do_nothing()
        .returning(col(Job.id))
    )
    if (await session.execute(made)).scalar_one_or_none() is None:
        return await _under_key(session, staff, job)
    if upload is not None:
        session.add(JobUpload(job_id=job.id, body=upload))
    await queue.enqueue(session, job)
    return job


async def _under_key(session: AsyncSession, staff: Principal, again: Job) -> Job:
    asked = select(Job).where(col(Job.started_by) == staff.id, col(Job.key) == again.key)
    job = (await session.exec(asked)).one()
    if job.request != again.request:
        raise KeyReused
    return job


async def view(session: AsyncSession, staff: Principal, job_id: UUID) -> JobView:
    """Raises `NotFound` (404) for whoever neither started it nor belongs to headquarters."""
    job = await _get(session, staff, job_id)
    asked = select(func.count()).select_from(JobRefusal).where(col(JobRefusal.job_id) == job.id)
    count = (await session.exec(asked)).one()
    return JobView.of(job, await _refusals(session, job.id, SHOWN) if count else (), count)


async def refusals(session: AsyncSession, staff: Principal, job_id: UUID) -> list[RowProblem]:
    """All, in the upload's order. Raises `NotFound` (404)."""
    return await _refusals(session, (await _get(session, staff, job_id)).id, None)


async def recent(session: AsyncSession, staff: Principal, kind: str | None) -> list[JobView]:
    """The latest 20 that this person may see, newest first."""
    asked = select(Job).where(col(Job.brand_id) == staff.brand_id)
    if kind:
        asked = asked.where(col(Job.kind) == kind)
    if not staff.is_headquarters:
        asked = asked.where(col(Job.started_by) == staff.id)
    return [JobView.of(job) for job in await session.exec(asked.order_by(col(Job.id).desc()).limit(RECENT))]


async def _get(session: AsyncSession, staff: Principal, job_id: UUID) -> Job:
    job = await session.get(Job, job_id)
    if job is None or job.brand_id != staff.brand_id:
        raise NotFound
    if not staff.is_headquarters and job.started_by != staff.id:
        raise NotFound
    return job


async def _refusals(session: AsyncSession, job_id: UUID, most: int | None) -> list[RowProblem]:
    asked = (
        select(JobRefusal).where(col(JobRefusal.job_id) == job_id).order_by(col(JobRefusal.id)).limit(most)
    )
    return [RowProblem(one.row, one.column, one.message) for one in await session.exec(asked)]


# For those who run the installation


class Figures(msgspec.Struct, frozen=True):
    """`states` counts the jobs that are kept, by (kind, state); `waiting_s` is how long the oldest has waited that no
    worker has taken up."""

    states: dict[tuple[str, str], int]
    waiting_s: float


async def figures(session: AsyncSession) -> Figures:
    counted = await session.execute(text("SELECT kind, state, count(*) FROM job GROUP BY kind, state"))
    states = {(kind, state): count for kind, state, count in counted.all()}
    oldest = text("SELECT min(created_at) FROM job WHERE state = 'waiting'")
    since = (await session.execute(oldest)).scalar_one()
    return Figures(states, (utc_now() - since).total_seconds() if since else 0.0)


async def forget(session: AsyncSession) -> None:
    """Drop what ended long ago, with its refusals."""
    await session.execute(text("DELETE FROM job WHERE finished_at < :before"), {"before": utc_now() - KEEP})


VERIFY = {
    "jobs_open_are_queued": """
        SELECT j.id::text, j.kind, j.state FROM job j WHERE j.state IN ('waiting', 'running') AND NOT EXISTS (
            SELECT FROM pgqueuer.pgqueuer q WHERE q.dedupe_key = j.id::text)""",
}
"""Queries that list broken rows."""


async def verify(session: AsyncSession) -> Broken:
    return await broken_rows(session, VERIFY)
