"""Regions that were texts of the stores become rows, and go back to texts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

import server.migrations
from server.kit.database import engine_url
from server.kit.ids import uuid7


async def _moved(move: Callable[[Config, str], None], url: str, revision: str) -> None:
    config = Config()
    (folder,) = server.migrations.__path__
    config.set_main_option("script_location", str(Path(folder)))
    config.attributes["url"] = engine_url(url)
    await asyncio.to_thread(move, config, revision)  # which runs an event loop of its own


async def test_the_regions_of_stores_become_rows_of_their_brands_and_texts_again(postgres_url: str) -> None:
    admin = await asyncpg.connect(postgres_url)
    name = f"regions_{uuid7().hex}"
    await admin.execute(f"CREATE DATABASE {name}")
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    await _moved(command.upgrade, url, "0016")
    connection = await asyncpg.connect(url)
    one, two = uuid7(), uuid7()
    stores = [(one, "华东"), (one, "华东"), (one, ""), (two, "华东"), (two, "西南")]
    await connection.executemany(
        "INSERT INTO brand (id, name, created_at) VALUES ($1, 'Tea', now())", [(one,), (two,)]
    )
    await connection.executemany(
        "INSERT INTO store (id, brand_id, name, code, region, address, created_at)"
        " VALUES (uuidv7(), $1, 'Store', $3, $2, '', now())",
        [(*store, str(at)) for at, store in enumerate(stores)],
    )
    await _moved(command.upgrade, url, "0017")
    rows = await connection.fetch(
        "SELECT s.brand_id, r.brand_id AS of, coalesce(r.name, '') AS name FROM store s"
        " LEFT JOIN region r ON r.id = s.region_id ORDER BY s.code"
    )
    assert [(row["brand_id"], row["name"]) for row in rows] == stores
    assert all(row["of"] in (None, row["brand_id"]) for row in rows)
    assert await connection.fetchval("SELECT count(*) FROM region") == 3
    await _moved(command.downgrade, url, "0016")
    texts = await connection.fetch("SELECT brand_id, region FROM store ORDER BY code")
    assert [tuple(row) for row in texts] == stores
    await connection.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
