"""What a database that dies under a statement does to the two places that commit, without any process to kill."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from litestar import Litestar, get
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from server.flash_sales.claims import ClaimDesk, Tap
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.problems import EXCEPTION_HANDLERS, NotFound, Unavailable
from server.kit.redis import GateDown, Redis
from server.web.unit_of_work import UnitOfWork, provide_session
from tests.acceptance.demo import is_problem
from tests.server.flash_sales.test_claims import placed

CONFUSED = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
"""What asyncpg says when the server vanishes under a statement; it is no PostgresError."""


class BrokenSession:
    """Stands for the database, too."""

    def __init__(self, *, commit: Exception | None = None, close: Exception | None = None) -> None:
        self._commit, self._close = commit, close

    def session(self) -> BrokenSession:
        return self

    async def commit(self) -> None:
        if self._commit:
            raise self._commit

    async def close(self) -> None:
        if self._close:
            raise self._close

    async def invalidate(self) -> None:
        """Never fails: it asks nobody."""


@get("/kept")
async def kept(session: Any) -> dict[str, str]:
    return {"told": "kept"}


@get("/refused")
async def refused(session: Any) -> None:
    raise NotFound


@pytest.mark.parametrize(
    ("lost", "status", "slug"),
    [
        (CONFUSED, 503, "unavailable"),
        (ConnectionResetError(), 503, "unavailable"),
        (ValueError(), 500, "internal"),
    ],
)
async def test_a_commit_that_fails_is_told_as_a_problem(lost: Exception, status: int, slug: str) -> None:
    async with AsyncTestClient(_app(BrokenSession(commit=lost))) as client:
        answer = await client.get("/kept")
    is_problem(answer, status, slug)
    assert "kept" not in answer.text


async def test_a_refusal_arrives_though_nothing_can_be_rolled_back() -> None:
    async with AsyncTestClient(_app(BrokenSession(close=CONFUSED))) as client:
        is_problem(await client.get("/refused"), 404, "not-found")


def _app(session: BrokenSession) -> Litestar:
    return Litestar(
        [kept, refused],
        middleware=[UnitOfWork(cast(Database, session))],
        dependencies={"session": Provide(provide_session)},
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
    )


class BreakingPool:
    """The first statement breaks, once a second batch waits behind it; later ones grant everything."""

    def __init__(self) -> None:
        self.calls = 0
        self.goes_on = asyncio.Event()

    async def fetch(self, _: str, *columns: Any) -> list[dict[str, Any]]:
        self.calls += 1
        if self.calls == 1:
            await self.goes_on.wait()
            raise CONFUSED
        placed = {"hold_id": uuid7(), "order_id": uuid7(), "pay_by": utc_now(), "amount_minor": 1}
        return [{"claim": i, "fresh": True, "same_request": True, **placed} for i in columns[1]]


class NoRedis:
    async def script_load(self, _: str) -> None:
        raise GateDown


async def test_claims_behind_a_broken_batch_are_answered() -> None:
    desk = ClaimDesk("postgresql://", cast(Redis, NoRedis()), utc_now, _no_gate)
    pool = BreakingPool()
    desk._pool = cast(Any, pool)
    sale_id = uuid7()
    first = asyncio.create_task(_claim(desk, sale_id, "first"))
    while not pool.calls:
        await asyncio.sleep(0)
    second = asyncio.create_task(_claim(desk, sale_id, "second"))
    await asyncio.sleep(0)
    pool.goes_on.set()
    with pytest.raises(Unavailable):
        await first
    async with asyncio.timeout(20):
        assert (await second).amount_minor == 1
        assert (await _claim(desk, sale_id, "first")).amount_minor == 1


async def _claim(desk: ClaimDesk, sale_id: UUID, key: str) -> Any:
    return placed(await desk.claim(sale_id, Tap(BUYER, key, b"", 1, ((SKU, 1),))))


async def _no_gate(_: UUID) -> None:
    raise GateDown


BUYER, SKU = uuid7(), uuid7()
