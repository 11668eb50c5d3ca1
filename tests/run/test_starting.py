"""Both ways to start a role, forked and in an interpreter of its own, do the same."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from server.run.nursery import Nursery
from server.run.processes import HAS_PARENT_DEATH_SIGNAL
from server.run.starting import Starter, interpreters, start_with_words
from server.run.state import Prepared

WAYS = ["interpreter", *(["fork"] if HAS_PARENT_DEATH_SIGNAL else [])]


@pytest.fixture(params=WAYS)
async def start(request: pytest.FixtureRequest) -> AsyncIterator[Starter]:
    if request.param == "interpreter":
        yield interpreters([])
    else:
        nursery = Nursery([])
        yield nursery.fork
        nursery.close()


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA": str(tmp_path)}
    return {**os.environ, **{f"SHOWFLOOR_{name}": value for name, value in given.items()}}


async def test_role_speaks_to_its_starter_and_its_end_is_known(
    start: Starter, environ: dict[str, str]
) -> None:
    process, words = await start_with_words(start, ["prepare"], environ)
    prepared = msgspec.json.decode(await words.read(), type=Prepared)
    assert prepared.owner_link
    assert "/setup/" in prepared.owner_link
    assert await process.wait() == 0


async def test_failure_has_its_exit_code(start: Starter, environ: dict[str, str]) -> None:
    del environ["SHOWFLOOR_REDIS_URL"]
    process, words = await start_with_words(start, ["prepare"], environ)
    assert await words.read() == b""
    assert await process.wait() == 2


async def test_killed_role_is_known_by_its_signal(start: Starter, environ: dict[str, str]) -> None:
    process, words = await start_with_words(start, ["worker"], environ)
    assert await words.read(1)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def test_role_alone_stops_in_order(start: Starter, environ: dict[str, str]) -> None:
    process, words = await start_with_words(start, ["web"], {**environ, "SHOWFLOOR_PORT": "0"})
    assert await words.read(1)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() in {0, -signal.SIGTERM}  # uvicorn ends by the signal it was sent


@pytest.mark.skipif("fork" not in WAYS, reason="nothing is forked here")
async def test_order_that_the_nursery_dies_over_fails_and_the_next_one_gets_a_new_nursery(
    environ: dict[str, str],
) -> None:
    nursery = Nursery([])
    nursery.open()
    order = asyncio.create_task(start_with_words(nursery.fork, ["worker"], environ))
    assert nursery.pid
    os.kill(nursery.pid, signal.SIGKILL)
    with pytest.raises(ConnectionError):
        await order
    process, words = await start_with_words(nursery.fork, ["worker"], environ)
    assert await words.read(1)
    process.kill()
    await process.wait()
    nursery.close()
