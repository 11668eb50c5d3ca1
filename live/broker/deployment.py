"""How the Redis or Valkey behind the broker is laid out: which server owns a topic, and how to call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
    TryAgainError,
)

from live.broker import BrokerUnavailable
from live.broker.scripts import Script

UNREACHABLE = (
    ConnectionError,
    TimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    ClusterDownError,
    TryAgainError,
    OSError,
)
"""What passes when the server comes back or another takes over. BusyLoadingError is a ConnectionError."""

CONNECT_S = 1.5
ANSWER_S = 2.5
CONNECTIONS = 32


class Connection(Protocol):
    """What subscribing needs of redis-py's connection."""

    async def connect(self) -> None: ...

    async def disconnect(self, nowait: bool = False) -> None: ...

    async def send_command(self, *args: str | bytes, check_health: bool = True) -> None: ...

    async def send_packed_command(self, command: Sequence[bytes], check_health: bool = True) -> None: ...

    def pack_commands(self, commands: Sequence[Sequence[str | bytes]]) -> list[bytes]: ...

    async def read_response(self, *, timeout: float, disconnect_on_error: bool) -> Any:
        """None when nothing came within `timeout` seconds."""


class Deployment(Protocol):
    """Keys of one call share a hash tag (`{topic}:…`), so that one server has them all, standalone or in a cluster."""

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script where the keys live. Raises BrokerUnavailable."""

    async def owner(self, key: str) -> str:
        """A name for the server that owns the key, for `dial`. Raises BrokerUnavailable."""

    def dial(self, owner: str) -> Connection:
        """A connection of one's own to that server, not yet open; speaks RESP 2, because published messages are told
        apart from answers by their content."""

    async def refresh(self) -> None:
        """Learn again who owns what, after an error. Raises BrokerUnavailable."""

    async def aclose(self) -> None: ...


class Standalone:
    """One server, at `redis://`, `rediss://` or `unix://`."""

    def __init__(self, url: str) -> None:
        self._pool: Any = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=ANSWER_S,
            protocol=2,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 1),  # a pooled connection may have died with the last server
        )
        self._redis: Any = Redis.from_pool(self._pool)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            try:
                return await self._redis.execute_command("EVALSHA", script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await self._redis.execute_command("EVAL", script.text, len(keys), *keys, *args)
        except UNREACHABLE as error:
            raise BrokerUnavailable(str(error)) from error

    async def owner(self, key: str) -> str:
        return "standalone"

    def dial(self, owner: str) -> Connection:
        connection: Connection = self._pool.make_connection()
        return connection

    async def refresh(self) -> None:
        pass

    async def aclose(self) -> None:
        await self._redis.aclose()
        await self._pool.aclose()


def deployment(url: str) -> Deployment:
    return Standalone(url)
