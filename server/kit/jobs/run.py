"""One attempt at a job: steps that keep their progress with what they did, so that another attempt goes on behind
them.

A worker that is killed, stopped or cut off leaves the last step that was committed. Whoever takes the job up next
begins there; the one before, should it still live, keeps nothing more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, func, insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import utc_now
from server.kit.database import Database, log_failure
from server.kit.jobs.models import Job, JobRefusal, JobState, JobUpload
from server.kit.problems import Problem
from server.kit.sheets import RowProblem

log = structlog.get_logger()

MOST_FAILURES = 8
"""Attempts in a row that kept nothing; with the pauses between them that is some four minutes."""
LONGEST_PAUSE_S = 60


class Superseded(Exception):
    """Another worker has taken the job up since, taking this one for dead."""


class Stopping(Exception):
    """This worker ends; the job goes on elsewhere."""


class Later(Exception):
    """The job is to be taken up again after `delay`."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__(f"again in {delay}")
        self.delay = delay


class JobFailed(Problem):
    """Never an answer: a job's `problem`. What the job had done until then is kept."""

    status, slug, title = 500, "job-failed", "The work broke off again and again"


class Step:
    """A transaction of a job. What is told here is kept with it."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.counts: Counter[str] = Counter()
        self.refused: list[RowProblem] = []

    def count(self, **counts: int) -> None:
        self.counts.update(counts)

    def refuse(self, problems: Sequence[RowProblem]) -> None:
        self.refused += problems


class Run:
    """`done` units were kept by earlier attempts and the steps of this one."""

    def __init__(self, database: Database, job: Job, stop: asyncio.Event) -> None:
        self._database, self._stop = database, stop
        self.job_id, self.brand_id, self.kind = job.id, job.brand_id, job.kind
        self.attempt, self.done = job.attempt, job.done

    async def upload(self) -> bytes:
        """The file that came with it."""
        async with self._database.transaction() as session:
            asked = select(JobUpload.body).where(col(JobUpload.job_id) == self.job_id)
            return (await session.exec(asked)).one()

    async def expect(self, total: int) -> None:
        """Units that there are in all."""
        async with self._mine() as (_, job):
            job.total = total

    @asynccontextmanager
    async def step(self, units: int) -> AsyncIterator[Step]:
        """One transaction, all of it or nothing: what the work writes, and that `units` more are done.

        Raises `Stopping` and `Superseded`, which the work lets pass.
        """
        async with self._mine() as (session, job):
            step = Step(session)
            yield step
            if step.refused:
                rows = [
                    {"job_id": self.job_id, "row": one.row, "column": one.column, "message": one.message}
                    for one in step.refused
                ]
                await session.execute(insert(JobRefusal), rows)
            counts = Counter(job.counts)
            counts.update(step.counts)
            job.counts = dict(counts)
            job.done = self.done + units
            job.failures = 0
        self.done += units

    @asynccontextmanager
    async def _mine(self) -> AsyncIterator[tuple[AsyncSession, Job]]:
        if self._stop.is_set():
            raise Stopping
        async with self._database.transaction() as session:
            job = await session.get(Job, self.job_id, with_for_update=True)
            if job is None or job.attempt != self.attempt:
                raise Superseded
            yield session, job

    async def end(self, state: JobState, problem: dict[str, Any] | None = None) -> None:
        async with self._database.transaction() as session:
            ending = self._if_mine().values(state=state, finished_at=utc_now())
            if problem is not None:
                ending = ending.values(problem=problem)
            ended = await session.execute(ending.returning(col(Job.id)))
            if ended.scalar_one_or_none() is not None:
                await session.execute(delete(JobUpload).where(col(JobUpload.job_id) == self.job_id))

    async def give_back(self) -> None:
        """Undone by nobody's fault: this attempt is no failure."""
        async with self._database.transaction() as session:
            await session.execute(self._if_mine().values(failures=func.greatest(col(Job.failures) - 1, 0)))

    def _if_mine(self) -> Any:
        return update(Job).where(col(Job.id) == self.job_id, col(Job.attempt) == self.attempt)


Work = Callable[[Run], Awaitable[None]]
_kinds: dict[str, Work] = {}


def work(kind: str) -> Callable[[Work], Work]:
    """Names the work of a kind of job. It is called anew after every interruption, with what is done in `run.done`.

    A `Problem` that it raises ends the job, and is what people read; after any other error it is tried again.
    """

    def register(act: Work) -> Work:
        _kinds[kind] = act
        return act

    return register


def kinds() -> list[str]:
    """Those whose features are imported here."""
    return list(_kinds)


async def perform(database: Database, job_id: UUID, stop: asyncio.Event) -> None:
    """One attempt; nothing when the job is over. Raises `Later`."""
    job = await _take_up(database, job_id)
    if job is None:
        return
    run = Run(database, job, stop)
    told: dict[str, Any] = {"job": str(job_id), "kind": job.kind}
    if job.failures > MOST_FAILURES:
        log.error("a job failed: it broke off too often", attempts=job.attempt, **told)
        await run.end(JobState.FAILED, JobFailed().body())
        return
    try:
        await _kinds[job.kind](run)
        await run.end(JobState.DONE)
    except Superseded:
        log.warning("a job was taken over by another worker", **told)
    except Problem as problem:
        log.warning("a job failed", slug=problem.slug, why=str(problem), **told)
        await run.end(JobState.FAILED, problem.body())
    except Stopping:
        await run.give_back()
        raise Later(timedelta(0)) from None
    except Exception as error:
        log_failure(log, "a job broke off; it is tried again", error, **told)
        raise Later(timedelta(seconds=min(2 ** (job.failures - 1), LONGEST_PAUSE_S))) from error


async def _take_up(database: Database, job_id: UUID) -> Job | None:
    async with database.transaction() as session:
        job = await session.get(Job, job_id, with_for_update=True)
        if job is None or job.state in (JobState.DONE, JobState.FAILED):
            return None
        job.attempt += 1
        job.failures += 1
        job.state = JobState.RUNNING
        job.started_at = job.started_at or utc_now()
        return job
