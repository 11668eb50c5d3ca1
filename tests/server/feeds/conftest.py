from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import server.app
from server.feeds.routes import ROUTES
from server.feeds.transport import StreamProtocol
from server.rooms.transport import UVICORN
from tests.server.feeds.show import Show
from tests.server.rooms.fixtures import broker, database, own_database, presence, redis, shared_url, stage
from tests.server.rooms.floor import open_floor

__all__ = ["broker", "database", "own_database", "presence", "redis", "shared_url", "stage"]


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the application and its server have them."""
    if ROUTES[0] not in server.app.FEATURES:
        monkeypatch.setattr(server.app, "FEATURES", (*server.app.FEATURES, *ROUTES))
    monkeypatch.setitem(UVICORN, "http", StreamProtocol)


@pytest.fixture
async def show(stage, redis_url, wired) -> AsyncIterator[Show]:
    async with open_floor(stage, redis_url) as floor:
        yield Show(floor)
