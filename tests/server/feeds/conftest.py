from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.server.feeds.show import Show
from tests.server.rooms.fixtures import broker, database, own_database, presence, redis, shared_url, stage
from tests.server.rooms.floor import open_floor

__all__ = ["broker", "database", "own_database", "presence", "redis", "shared_url", "stage"]


@pytest.fixture
async def show(stage, redis_url) -> AsyncIterator[Show]:
    async with open_floor(stage, redis_url) as floor:
        yield Show(floor)
