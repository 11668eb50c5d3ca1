"""A database that has no connection to give is away for a moment, and no fault of the request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from litestar import Litestar, get
from sqlalchemy import make_url, text

from server.kit.database import Database
from server.kit.problems import EXCEPTION_HANDLERS


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.kit.database.PATIENCE_S", 0.3)


async def answer_of(database: Database) -> httpx.Response:
    @get("/")
    async def ask() -> None:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))

    app = Litestar([ask], exception_handlers=EXCEPTION_HANDLERS, openapi_config=None)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.get("/", timeout=5)
    finally:
        await database.close()


def must_ask_to_come_again(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["slug"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_a_pool_that_is_all_taken_asks_to_come_again(database_url: str) -> None:
    database = Database(database_url, pool=1)
    async with database.engine.connect():
        must_ask_to_come_again(await answer_of(database))


async def test_a_server_that_takes_no_more_connections_asks_to_come_again(database_url: str) -> None:
    async with nobody_gets_in(database_url) as url:
        must_ask_to_come_again(await answer_of(Database(url)))


async def test_a_server_that_never_says_a_word_asks_to_come_again() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        must_ask_to_come_again(await answer_of(Database(f"postgresql://shop@127.0.0.1:{port}/shop")))


@asynccontextmanager
async def nobody_gets_in(url: str) -> AsyncIterator[str]:
    """The URL of a user whose connections are counted, and who may have none."""
    database = Database(url)
    async with database.transaction() as session:
        await session.execute(text("CREATE ROLE crowd LOGIN CONNECTION LIMIT 0"))
    yield make_url(url).set(username="crowd").render_as_string(hide_password=False)
    async with database.transaction() as session:
        await session.execute(text("DROP ROLE crowd"))
    await database.close()
