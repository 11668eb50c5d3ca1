from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.server.rooms.fixtures import database, shared_url, stage
from tests.server.rooms.floor import Floor, open_floor
from tests.server.rooms.stage import Stage

__all__ = ["database", "shared_url", "stage"]


@pytest.fixture
async def floor(stage: Stage, redis_url: str) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor
