"""The queue: PgQueuer over asyncpg, in a PostgreSQL schema of its own. Nothing else here knows the library.

It hands a job's id to one worker at a time, wakes workers by NOTIFY, and hands a job on whose worker's heartbeat has
stopped. What a job is and how far it came stands in our own row; a job in the queue twice or too late does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from pgqueuer import AsyncpgDriver, Queries, QueueManager, RetryRequested
from pgqueuer.adapters.persistence import qb
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.models import Job as Ticket
from pgqueuer.types import Channel, QueueExecutionMode
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.database import PATIENCE_S, Database, engine_url, log_failure
from server.kit.jobs.models import Job
from server.kit.jobs.run import Later, kinds, perform

log = structlog.get_logger()

AT_ONCE = 2
"""Jobs of one worker: they share its event loop with the relay."""
HEARTBEAT_S = 10.0
"""Without a sign for so long, a job is another worker's."""
POLL_S = 5.0
"""Between looks for jobs whose worker died: of others NOTIFY tells."""
STOP_S = 0.8
"""For the step under way, when the worker ends."""
MEND_S = 60.0

# Said in full, for what is left out the library looks for in the environment, under names such as CHANNEL.
SETTINGS = DBSettings(
    prefix="",
    db_schema="pgqueuer",
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=True,
)

_LOST = text(
    """
    SELECT id, kind FROM job WHERE state IN ('waiting', 'running') AND NOT EXISTS (
        SELECT FROM pgqueuer.pgqueuer q WHERE q.dedupe_key = job.id::text AND q.status IN ('queued', 'picked'))
    ORDER BY id FOR UPDATE SKIP LOCKED
    """
)


def queries_on(connection: asyncpg.Connection) -> Queries:
    return Queries(
        AsyncpgDriver(connection),
        qbe=qb.QueryBuilderEnvironment(SETTINGS),
        qbq=qb.QueryQueueBuilder(SETTINGS),
        qbs=qb.QuerySchedulerBuilder(SETTINGS),
    )


async def enqueue(session: AsyncSession, job: Job) -> None:
    """In the session's own transaction: it is in the queue if and only if what the session holds is committed."""
    await session.flush()
    raw = await (await session.connection()).get_raw_connection()
    connection = raw.driver_connection
    assert isinstance(connection, asyncpg.Connection)
    await queries_on(connection).enqueue(job.kind, job.id.bytes, dedupe_key=str(job.id), on_conflict="skip")


class Queue:
    """The worker's side."""

    def __init__(self, database: Database, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._database = database
        self._heartbeat = timedelta(seconds=heartbeat_s)
        url = engine_url(database.url).set(drivername="postgresql")
        self._dsn = url.render_as_string(hide_password=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what is under way then is back in the queue a second later."""
        pause = 0.5
        while not stop.is_set():
            try:
                await self._serve(stop, QueueExecutionMode.continuous)
                pause = 0.5
            except Exception as error:
                log_failure(log, "the queue of jobs was interrupted", error)
                pause = min(pause * 2, 10.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def drain(self) -> None:
        """What waits now, then return."""
        await self._serve(asyncio.Event(), QueueExecutionMode.drain)

    async def mend(self) -> None:
        """Put jobs into the queue that are open and not in it, such as those of a restored backup."""
        async with self._database.transaction() as session:
            for row in (await session.execute(_LOST)).all():
                log.warning("a job was put back into the queue", job=str(row.id), kind=row.kind)
                await enqueue(session, await session.get_one(Job, row.id))

    async def forget(self) -> None:
        """The library's own record of jobs that are over: ours says more."""
        async with self._database.transaction() as session:
            await session.execute(
                text("DELETE FROM pgqueuer.pgqueuer_log WHERE created < now() - interval '1 day'")
            )

    async def _serve(self, stop: asyncio.Event, mode: QueueExecutionMode) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=PATIENCE_S)
        try:
            manager = QueueManager(queries_on(connection), SETTINGS.channel)
            connection.add_termination_listener(lambda _: manager.shutdown.set())

            async def take(ticket: Ticket) -> None:
                await self._attempt(UUID(bytes=ticket.payload), stop)

            for kind in kinds():
                manager.entrypoint(kind)(take)
            ending = asyncio.create_task(_pass_on(stop, manager.shutdown))
            try:
                await manager.run(
                    dequeue_timeout=timedelta(seconds=POLL_S),
                    batch_size=1,
                    mode=mode,
                    max_concurrent_tasks=AT_ONCE,
                    shutdown_on_listener_failure=True,
                    heartbeat_timeout=self._heartbeat,
                    log_aggregation_interval=timedelta(0),
                )
            finally:
                ending.cancel()
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=0.5)

    async def _attempt(self, job_id: UUID, stop: asyncio.Event) -> None:
        """Whatever happens to it, the job goes back into the queue unless it is over: the library would drop what is
        cancelled or raises anything else."""
        attempt = asyncio.create_task(perform(self._database, job_id, stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([attempt, stopping], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([attempt], timeout=STOP_S)
            if not attempt.done():
                attempt.cancel()
                await asyncio.wait([attempt], timeout=STOP_S / 2)
            if not attempt.done() or attempt.cancelled():
                raise RetryRequested(timedelta(0), "the worker ends")
            attempt.result()
        except Later as later:
            raise RetryRequested(later.delay, "later") from None
        except asyncio.CancelledError:
            attempt.cancel()
            raise RetryRequested(timedelta(0), "cancelled") from None
        except RetryRequested:
            raise
        except Exception as error:
            log_failure(log, "a job could not be taken up", error, job=str(job_id))
            raise RetryRequested(timedelta(seconds=5), "not taken up") from error
        finally:
            stopping.cancel()


async def _pass_on(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()
