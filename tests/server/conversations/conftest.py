from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.kit.database import Database
from server.kit.redis import Redis, connect
from tests.server.conversations.pair import Pair


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """One that all these tests share, each with a brand of its own."""
    database = Database(postgres_url)
    yield database
    await database.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def pair(database: Database, redis: Redis) -> Pair:
    return await Pair.met(database, redis)
