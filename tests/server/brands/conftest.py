from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from argon2 import PasswordHasher
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

import server.tables  # noqa: F401  every table, so that all are emptied
from server.accounts import passwords
from server.kit.database import Database, engine_url
from server.kit.redis import Redis, connect
from tests.conftest import TEMPLATE
from tests.server.brands.desk import Desk, settings_for

_numbers = count(1)
# Of a few rows, deleting is quicker than truncating: that makes new files for every table and index.
EMPTY = "DO $$ BEGIN {} END $$".format(
    " ".join(f"DELETE FROM {table.name};" for table in reversed(SQLModel.metadata.sorted_tables))
)


@pytest.fixture(scope="session")
def emptied_url(postgres_url: str) -> str:
    """A database of this folder's own: emptying one is quicker than making one for each of many small tests."""
    name = f"emptied_{next(_numbers)}"

    async def create() -> None:
        server = create_async_engine(engine_url(postgres_url), isolation_level="AUTOCOMMIT")
        async with server.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"))
        await server.dispose()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, create()).result()
    return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
async def database(emptied_url: str) -> AsyncIterator[Database]:
    database = Database(emptied_url)
    async with database.transaction() as session:
        await session.execute(text(EMPTY))
    yield database
    await database.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at its least cost."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def desk(database: Database, redis: Redis, redis_url: str, cheap_hashes: None) -> Desk:
    return Desk(database, redis, settings_for(database.url, redis_url))
