"""What stands before the roles may start: the schema, the demo's data, the owner's first link."""

from __future__ import annotations

import asyncio

from server.kit.database import Database, migrate
from server.kit.settings import Settings
from server.run.state import Prepared


async def prepare(settings: Settings) -> Prepared:
    await asyncio.to_thread(migrate, settings.database_url)
    if settings.demo:
        from server.demo import seed

        await seed(settings)
        return Prepared()
    return Prepared(owner_link=await _owner_link(settings))


async def _owner_link(settings: Settings) -> str | None:
    from server.accounts.service import owner_setup_link

    database = Database(settings.database_url, pool=1)
    try:
        async with database.transaction() as session:
            return await owner_setup_link(session, settings)
    finally:
        await database.close()
