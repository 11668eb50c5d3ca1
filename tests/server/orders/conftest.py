from __future__ import annotations

import pytest

from server.kit.database import Database
from server.kit.redis import Redis
from tests.server.brands.conftest import database, emptied_url, redis
from tests.server.orders.counter import Counter
from tests.server.shop import Shop

__all__ = ["database", "emptied_url", "redis"]


@pytest.fixture
async def counter(database: Database, redis: Redis) -> Counter:
    return await Counter.open(await Shop.open(database, stock_units=100), redis)
