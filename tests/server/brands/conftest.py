from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher

from server.accounts import passwords
from server.kit.database import Database
from server.kit.redis import Redis, connect
from tests.server.brands.desk import Desk, settings_for


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
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
