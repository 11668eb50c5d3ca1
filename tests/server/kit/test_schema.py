"""The tables in the code and the tables that the migrations make."""

from __future__ import annotations

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlmodel import SQLModel

import server.tables  # noqa: F401  every table
from server.kit.database import Database, engine_url
from server.kit.jobs.queue import queries_on


async def test_the_migrations_make_exactly_the_tables_of_the_models(postgres_url: str) -> None:
    database = Database(postgres_url, pool=1)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, SQLModel.metadata)

    try:
        async with database.engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.close()


async def test_the_queues_library_finds_its_tables_as_it_wants_them(postgres_url: str) -> None:
    url = engine_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(url)
    try:
        assert (await queries_on(connection).plan_upgrade()).statements == ()
    finally:
        await connection.close()
