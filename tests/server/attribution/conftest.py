from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.kit.database import Database
from tests.server.attribution.scene import Scene
from tests.server.shop import Shop


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """One that all these tests share, each with a brand of its own."""
    database = Database(postgres_url)
    yield database
    await database.close()


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await Shop.open(database)


@pytest.fixture
async def scene(shop: Shop) -> Scene:
    return await Scene.open(shop)
