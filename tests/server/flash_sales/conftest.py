from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from server.flash_sales import service
from server.flash_sales.claims import ClaimDesk
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.redis import Redis, connect
from tests.server.shop import Shop


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
async def shop(database: Database) -> Shop:
    return await Shop.open(database)


@pytest.fixture
def lost_gates() -> list[UUID]:
    """Sales whose gate was laid anew because claims found it lost, or had passed it by."""
    return []


@pytest.fixture
async def desk(lay, database: Database, redis: Redis, lost_gates: list[UUID]) -> AsyncIterator[ClaimDesk]:
    async def lay_lost(sale_id: UUID) -> None:
        lost_gates.append(sale_id)
        await lay(sale_id)

    desk = ClaimDesk(database.url, redis, utc_now, lay_lost)
    await desk.start()
    yield desk
    await desk.stop()


@pytest.fixture
def lay(database: Database, redis: Redis):
    async def lay_gate(sale_id: UUID) -> None:
        await service.lay_gate(database, redis, sale_id)

    return lay_gate
