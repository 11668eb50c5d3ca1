"""One Redis or Valkey server: calls to it, and connections of one's own."""

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
        """None when nothing came within `timeout` seconds. An error that the server answered is raised; the connection
        is good for more."""


class Server:
    """Connects when first used, and again whenever it has to. `retries`: how often a call is made again on a new
    connection when the pooled one proves dead."""

    def __init__(self, url: str, *, retries: int) -> None:
        self._pool: Any = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=ANSWER_S,
            protocol=2,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), retries),
        )
        self._redis: Any = Redis.from_pool(self._pool)

    async def execute(self, *command: Any, asking: bool = False) -> Any:
        """`asking`: for keys that are on their way to this server; holds for the next command of a connection."""
        if not asking:
            return await self._redis.execute_command(*command)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("ASKING")
            pipe.execute_command(*command)
            _, answer = await pipe.execute()
            return answer

    async def call(
        self, script: Script, keys: Sequence[str], args: Sequence[Any], *, asking: bool = False
    ) -> Any:
        given = (len(keys), *keys, *args)
        try:
            return await self.execute("EVALSHA", script.sha, *given, asking=asking)
        except NoScriptError:
            return await self.execute("EVAL", script.text, *given, asking=asking)

    async def slots(self) -> list[Any]:
        """[first slot, last slot, [host, port, …] of the primary, [host, port, …] of a replica, …] for each range, as
        this server sees its cluster."""
        answer: list[Any] = await self.execute("CLUSTER", "SLOTS")
        return answer

    def dial(self) -> Connection:
        """A connection of one's own, not yet open; speaks RESP 2, because published messages are told apart from
        answers by their content."""
        connection: Connection = self._pool.make_connection()
        return connection

    async def aclose(self) -> None:
        await self._redis.aclose()
        await self._pool.aclose()
