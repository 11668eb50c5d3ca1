"""Every row of the database: what a request changed, whose that was, and all of it put back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from sqlmodel import SQLModel

import server.tables  # noqa: F401  every table
from server.kit.database import engine_url

Rows = dict[str, set[str]]
"""By table."""

UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TABLES = [table.name for table in SQLModel.metadata.sorted_tables]


READ = " UNION ALL ".join(f"""SELECT '{table}', r::text FROM public."{table}" r""" for table in TABLES)


@dataclass
class Books:
    connection: asyncpg.Connection
    kept: Rows = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    @asynccontextmanager
    async def open(cls, database_url: str) -> AsyncIterator[Books]:
        """Keeps a copy of all rows as they are now."""
        url = engine_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(url)
        try:
            copies = [f'CREATE TABLE kept."{table}" AS TABLE public."{table}"' for table in TABLES]
            await connection.execute(";".join(["CREATE SCHEMA kept", *copies]))
            books = cls(connection)
            books.kept = await books._read()
            yield books
        finally:
            await connection.close()

    def of_brand(self, brand_id: str) -> set[str]:
        """Ids of the brand's rows: those that name it, and those that name one of these."""
        rows = [set(UUIDS.findall(row)) for of_table in self.kept.values() for row in of_table]
        known, size = {brand_id}, 0
        while len(known) > size:
            size = len(known)
            for ids in rows:
                if ids & known:
                    known |= ids
        return known

    async def changed(self) -> Rows:
        """Rows that are new, gone, or other than they were kept, as they were and as they are."""
        now = await self._read()
        differing = {table: now[table] ^ self.kept[table] for table in TABLES}
        return {table: rows for table, rows in differing.items() if rows}

    async def put_back(self, changed: Rows) -> None:
        steps = ["BEGIN", "SET LOCAL session_replication_role = replica"]
        for table in changed:
            steps.append(f'DELETE FROM public."{table}"')
            steps.append(f'INSERT INTO public."{table}" OVERRIDING SYSTEM VALUE TABLE kept."{table}"')
        async with self.turn:
            await self.connection.execute(";".join([*steps, "COMMIT"]))

    async def _read(self) -> Rows:
        rows: Rows = {table: set() for table in TABLES}
        async with self.turn:
            for table, row in await self.connection.fetch(READ):
                rows[table].add(row)
        return rows
