from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from live.broker.redis import RedisBroker
from live.presence import Presence
from server.kit.database import Database, engine_url
from server.kit.redis import Redis, connect
from tests.conftest import TEMPLATE
from tests.server.rooms.stage import Stage

_numbers = count(1)


@pytest.fixture(scope="session")
def shared_url(postgres_url: str) -> str:
    """A database that a folder's tests share: each stage is a brand of its own, and looks at nothing else."""
    name = f"shared_{next(_numbers)}"

    async def create() -> None:
        server = create_async_engine(engine_url(postgres_url), isolation_level="AUTOCOMMIT")
        async with server.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"))
        await server.dispose()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, create()).result()
    return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
async def database(shared_url: str) -> AsyncIterator[Database]:
    database = Database(shared_url)
    yield database
    await database.close()


@pytest.fixture
async def own_database(database_url: str) -> AsyncIterator[Database]:
    """For what looks at all brands."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def stage(database: Database) -> Stage:
    return await Stage.set(database)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(redis_url)
    yield broker
    await broker.aclose()


@pytest.fixture
async def presence(redis_url: str) -> AsyncIterator[Presence]:
    presence = Presence(redis_url, "tests", linger_s=0)
    yield presence
    await presence.aclose()
