"""Jobs on the real queue: there if committed, taken up again by another, and never kept twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import select

from server.brands.models import Brand
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.jobs import queue, run, service
from server.kit.jobs.models import Job, JobRefusal, JobState, JobUpload
from server.kit.jobs.queue import Queue
from server.kit.jobs.run import Later, Run, perform, work
from server.kit.jobs.service import JobView
from server.kit.principal import Principal, Role
from server.kit.problems import Invalid, NotFound
from server.kit.sheets import RowProblem

KIND = "tests.count"
UNITS = 5


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def owner(database: Database) -> Principal:
    return await _staff(database)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kinds of a test are its own, and dead workers are found at once."""
    known = dict(run._kinds)
    monkeypatch.setattr(queue, "POLL_S", 0.1)
    yield
    run._kinds.clear()
    run._kinds.update(known)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():
            await asyncio.sleep(0.02)


async def _staff(database: Database, role: Role = Role.OWNER, brand_id: UUID | None = None) -> Principal:
    async with database.transaction() as session:
        if brand_id is None:
            brand = Brand(name="Tea House")
            session.add(brand)
            brand_id = brand.id
    return Principal(kind="staff", id=uuid7(), brand_id=brand_id, role=role, name="Li")


async def _start(database: Database, staff: Principal, upload: bytes = b"list") -> UUID:
    async with database.transaction() as session:
        return (await service.start(session, staff, KIND, upload=upload, name="list.csv")).id


async def _look(database: Database, staff: Principal, job_id: UUID) -> JobView:
    async with database.transaction() as session:
        return await service.view(session, staff, job_id)


async def _count(run: Run, *, until_unit: int = UNITS) -> None:
    """Each unit leaves one refusal: what is kept twice is seen."""
    await run.expect(UNITS)
    while run.done < until_unit:
        async with run.step(1) as step:
            step.count(seen=1)
            step.refuse([RowProblem(run.done, "", "counted")])


async def _rows_kept(database: Database, job_id: UUID) -> list[int]:
    async with database.transaction() as session:
        asked = select(JobRefusal.row).where(JobRefusal.job_id == job_id).order_by(JobRefusal.id)  # type: ignore[arg-type]
        return list(await session.exec(asked))


async def _queued(database: Database) -> int:
    async with database.transaction() as session:
        return int((await session.execute(text("SELECT count(*) FROM pgqueuer.pgqueuer"))).scalar_one())


async def test_a_job_is_in_the_queue_if_and_only_if_its_row_was_committed(
    database: Database, owner: Principal
) -> None:
    async with database.session() as session:
        await service.start(session, owner, KIND, upload=b"list")
        await session.rollback()
    assert await _queued(database) == 0
    await _start(database, owner)
    assert await _queued(database) == 1


async def test_a_job_that_ran_says_what_became_of_it_and_drops_its_upload(
    database: Database, owner: Principal
) -> None:
    uploads = []

    @work(KIND)
    async def act(run: Run) -> None:
        uploads.append(await run.upload())
        await _count(run)

    job_id = await _start(database, owner)
    assert (await _look(database, owner, job_id)).state == JobState.WAITING
    await Queue(database).drain()
    job = await _look(database, owner, job_id)
    assert (job.state, job.done, job.total, job.counts) == (JobState.DONE, UNITS, UNITS, {"seen": UNITS})
    assert (job.name, job.starter, job.refusal_count, uploads) == ("list.csv", "Li", UNITS, [b"list"])
    assert job.started_at is not None
    assert job.finished_at is not None
    async with database.transaction() as session:
        assert (await session.exec(select(JobUpload))).all() == []
    assert await _queued(database) == 0


async def test_a_job_of_a_worker_that_ends_goes_on_where_it_was_with_another(
    database: Database, owner: Principal
) -> None:
    hanging = asyncio.Event()

    @work(KIND)
    async def act(run: Run) -> None:
        if run.done == 0:
            await _count(run, until_unit=2)
            async with run.step(1) as step:
                step.refuse([RowProblem(99, "", "never kept")])
                hanging.set()
                await asyncio.sleep(3600)
        await _count(run)

    job_id = await _start(database, owner)
    stop = asyncio.Event()
    worker = asyncio.create_task(Queue(database).run(stop))
    await asyncio.wait_for(hanging.wait(), 10)
    stop.set()
    await asyncio.wait_for(worker, 10)
    assert (await _look(database, owner, job_id)).state == JobState.RUNNING
    await Queue(database).drain()
    assert (await _look(database, owner, job_id)).state == JobState.DONE
    assert await _rows_kept(database, job_id) == [0, 1, 2, 3, 4]
    async with database.transaction() as session:
        assert (await session.get_one(Job, job_id)).attempt == 2


async def test_a_worker_taken_for_dead_keeps_nothing_more(database: Database, owner: Principal) -> None:
    at_two, go_on = asyncio.Event(), asyncio.Event()

    @work(KIND)
    async def act(run: Run) -> None:
        if run.attempt == 1:
            await _count(run, until_unit=2)
            at_two.set()
            await go_on.wait()
        await _count(run)

    job_id = await _start(database, owner)
    first = asyncio.create_task(perform(database, job_id, asyncio.Event()))
    await asyncio.wait_for(at_two.wait(), 10)
    await perform(database, job_id, asyncio.Event())
    go_on.set()
    await first
    job = await _look(database, owner, job_id)
    assert (job.state, job.done, job.counts) == (JobState.DONE, UNITS, {"seen": UNITS})
    assert await _rows_kept(database, job_id) == [0, 1, 2, 3, 4]


async def test_work_that_breaks_off_is_tried_again_later_and_later_and_fails_in_the_end(
    database: Database, owner: Principal
) -> None:
    @work(KIND)
    async def act(run: Run) -> None:
        raise ZeroDivisionError

    job_id = await _start(database, owner)
    pauses = []
    for _ in range(run.MOST_FAILURES):
        with pytest.raises(Later) as later:
            await perform(database, job_id, asyncio.Event())
        pauses.append(later.value.delay)
    assert pauses == [timedelta(seconds=s) for s in (1, 2, 4, 8, 16, 32, 60, 60)]
    await perform(database, job_id, asyncio.Event())
    job = await _look(database, owner, job_id)
    assert (job.state, job.problem and job.problem["slug"]) == (JobState.FAILED, "job-failed")


async def test_progress_makes_up_for_failures(database: Database, owner: Principal) -> None:
    @work(KIND)
    async def act(run: Run) -> None:
        await _count(run, until_unit=run.done + 1)
        if run.done < UNITS:
            raise ZeroDivisionError

    job_id = await _start(database, owner)
    for _ in range(UNITS - 1):
        with pytest.raises(Later) as later:
            await perform(database, job_id, asyncio.Event())
        assert later.value.delay == timedelta(seconds=1)
    await perform(database, job_id, asyncio.Event())
    assert (await _look(database, owner, job_id)).state == JobState.DONE


async def test_a_problem_ends_the_job_and_is_what_people_read(database: Database, owner: Principal) -> None:
    @work(KIND)
    async def act(run: Run) -> None:
        raise Invalid("no such list")

    job_id = await _start(database, owner)
    await Queue(database).drain()
    job = await _look(database, owner, job_id)
    assert (job.state, job.problem and job.problem["detail"]) == (JobState.FAILED, "no such list")
    async with database.transaction() as session:
        figures = await service.figures(session)
    assert figures.states == {(KIND, "failed"): 1}


async def test_a_kind_that_this_worker_does_not_know_waits_for_one_that_does(
    database: Database, owner: Principal
) -> None:
    @work("tests.other")
    async def other(run: Run) -> None: ...

    job_id = await _start(database, owner)
    await Queue(database).drain()
    assert (await _look(database, owner, job_id)).state == JobState.WAITING
    work(KIND)(_count)
    await Queue(database).drain()
    assert (await _look(database, owner, job_id)).state == JobState.DONE


async def test_a_job_that_the_queue_lost_is_told_of_and_put_back(
    database: Database, owner: Principal
) -> None:
    work(KIND)(_count)
    job_id = await _start(database, owner)
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM pgqueuer.pgqueuer"))
        assert [row["id"] for row in (await service.verify(session))["jobs_open_are_queued"]] == [str(job_id)]
    await Queue(database).mend()
    await Queue(database).mend()
    assert await _queued(database) == 1
    await Queue(database).drain()
    assert (await _look(database, owner, job_id)).state == JobState.DONE
    async with database.transaction() as session:
        assert (await service.verify(session))["jobs_open_are_queued"] == []


async def test_a_worker_whose_connection_breaks_begins_anew(database: Database, owner: Principal) -> None:
    work(KIND)(_count)
    stop = asyncio.Event()
    worker = asyncio.create_task(Queue(database).run(stop))
    listening = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND (query LIKE 'LISTEN%' OR query LIKE '%pgqueuer%')"
    )

    async def cut() -> bool:
        async with database.transaction() as session:
            others = (await session.execute(listening)).scalars().all()
            for pid in others:
                await session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            return bool(others)

    await until(cut)
    job_id = await _start(database, owner)

    async def done() -> bool:
        return (await _look(database, owner, job_id)).state == JobState.DONE

    await until(done)
    stop.set()
    await asyncio.wait_for(worker, 10)


async def test_a_job_is_read_by_its_starter_and_headquarters_alone(
    database: Database, owner: Principal
) -> None:
    host = await _staff(database, Role.HOST, owner.brand_id)
    job_id = await _start(database, host)
    finance = await _staff(database, Role.FINANCE, owner.brand_id)
    guide = await _staff(database, Role.GUIDE, owner.brand_id)
    stranger = await _staff(database)
    async with database.transaction() as session:
        for reader in (host, owner, finance):
            assert (await service.view(session, reader, job_id)).started_by == host.id
            assert [one.job_id for one in await service.recent(session, reader, KIND)] == [job_id]
        for reader in (guide, stranger):
            with pytest.raises(NotFound):
                await service.view(session, reader, job_id)
            with pytest.raises(NotFound):
                await service.refusals(session, reader, job_id)
            assert await service.recent(session, reader, None) == []


async def test_what_ended_long_ago_is_forgotten(database: Database, owner: Principal) -> None:
    work(KIND)(_count)
    job_id = await _start(database, owner)
    await Queue(database).drain()
    waiting = await _start(database, owner)
    async with database.transaction() as session:
        job = await session.get_one(Job, job_id)
        job.finished_at = utc_now() - service.KEEP - timedelta(hours=1)
        await session.flush()
        await service.forget(session)
        assert (await session.exec(select(Job.id))).all() == [waiting]
        assert (await session.exec(select(JobRefusal))).all() == []
