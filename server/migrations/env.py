"""Alembic's environment: online only, over asyncpg, one migrator at a time.

SQL functions live beside their feature (`server/*/*.sql`, each `CREATE OR REPLACE`) and are laid anew every time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

import server.tables  # noqa: F401  every table, so that autogenerate sees them

MIGRATION_LOCK = 0x5F0C_0000


def _run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()
    context.configure(connection=connection, target_metadata=SQLModel.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
        # On the way to an older revision a function may name what isn't there.
        connection.execute(text("SET LOCAL check_function_bodies = off"))
        for routine in sorted(Path(__file__).parent.parent.glob("*/*.sql")):
            connection.exec_driver_sql(routine.read_text())


async def _online() -> None:
    engine = create_async_engine(context.config.attributes["url"])
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_online())
