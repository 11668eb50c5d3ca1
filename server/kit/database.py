"""PostgreSQL: one engine a process, one session a request, one commit at the edge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy.event
import sqlalchemy.ext.asyncio
import sqlalchemy.orm
import sqlmodel
from sqlalchemy import BigInteger, DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.ids import uuid7

SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


PATIENCE_S = 5.0
"""For a connection, free or new; whoever waits longer would have gone."""


class Row(SQLModel):
    """Base of every table. Rows never leave as response bodies; they are not validated either (SQLModel)."""

    id: UUID = Field(default_factory=uuid7, primary_key=True)


def moment(**options: Any) -> Any:
    """A column of aware UTC time."""
    return Field(sa_type=DateTime(timezone=True), **options)


def minor(**options: Any) -> Any:
    """A column of money in integer minor units."""
    return Field(sa_type=BigInteger, **options)


def document(**options: Any) -> Any:
    """A JSONB column."""
    return Field(sa_type=JSONB, **options)


def engine_url(database_url: str) -> URL:
    """The asyncpg form of a `postgresql://` URL; `?host=/folder` names a unix socket."""
    return make_url(database_url).set(drivername="postgresql+asyncpg")


class _SyncSession(sqlmodel.Session):
    execute = sqlalchemy.orm.Session.execute


class Session(AsyncSession):
    """SQLModel's session, whose `exec` is for models; `execute` is for SQL written out, without its warning."""

    sync_session_class = _SyncSession
    execute = sqlalchemy.ext.asyncio.AsyncSession.execute


_AWAY = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # asyncpg's own confusion over a line that breaks under a statement
    asyncpg.TooManyConnectionsError,
    PoolTimeout,  # no connection of the pool was free in time
    TimeoutError,  # nor a new one made
)


def is_away(error: BaseException) -> bool:
    """Whether PostgreSQL could not be asked: down, starting, crowded, or gone under a statement, whose effect is
    unknown."""
    return any(_says_away(cause) for cause in _causes(error))


def _says_away(cause: BaseException) -> bool:
    if isinstance(cause, DBAPIError):
        return cause.connection_invalidated
    if isinstance(cause, FileNotFoundError):
        return cause.filename is None  # no file, then, but the server's unix socket
    return isinstance(cause, _AWAY)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def log_failure(log: Any, event: str, error: Exception, **fields: Any) -> None:
    """An error with its traceback; one short line while PostgreSQL is away, when all that ask it fail alike."""
    if is_away(error):
        why = str(error).partition("\n")[0]  # SQLAlchemy adds the statement and its values below
        log.warning(event, why=f"{type(error).__name__}: {why}", **fields)
    else:
        log.error(event, exc_info=error, **fields)


def cause_of(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Whether one of these, which asyncpg raised, stands behind the error."""
    return any(isinstance(cause, kinds) for cause in _causes(error))


def after_commit(session: AsyncSession, act: Callable[[], object]) -> None:
    """Once, when what the session holds now is committed; never when it is rolled back."""
    sqlalchemy.event.listen(session.sync_session, "after_commit", lambda _: act(), once=True)


class Database:
    """The engine and its sessions. `pool` counts connections of this process."""

    def __init__(self, database_url: str, *, pool: int = 16) -> None:
        self.url = database_url
        self.engine: AsyncEngine = create_async_engine(
            engine_url(database_url),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=PATIENCE_S,
            connect_args={"timeout": PATIENCE_S},
            pool_pre_ping=True,
            json_serializer=lambda value: msgspec.json.encode(value).decode(),
            json_deserializer=msgspec.json.decode,
        )
        self._sessions = async_sessionmaker(self.engine, class_=Session, expire_on_commit=False)

    def session(self) -> AsyncSession:
        """A session that its caller commits and closes."""
        return self._sessions()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits when the block ends and rolls back when it raises."""
        async with self._sessions() as session, session.begin():
            yield session

    async def close(self) -> None:
        await self.engine.dispose()


def migrate(database_url: str) -> None:
    """Bring the schema to head; concurrent callers wait for each other (advisory lock in `env.py`)."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.attributes["url"] = engine_url(database_url)
    command.upgrade(config, "head")
