from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from live.broker.redis import RedisBroker
from live.presence import Presence
from server.kit.database import Database
from server.kit.redis import Redis, connect
from tests.server.rooms.stage import Stage


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
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
