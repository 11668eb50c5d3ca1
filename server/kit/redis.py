"""Redis or Valkey: the gate and the presence, never the truth. Everything here may vanish and is built again.

Connection troubles come out as `GateDown`, so that callers can fall back to PostgreSQL alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from hashlib import sha1
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from redis.asyncio import Redis as OneServer
from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, NoScriptError, ReadOnlyError, RedisClusterException, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from live.broker.cluster import ClusterUrl
from server.kit.settings import split_address

WITHIN_S = 3.0
"""The longest that a script is waited for, whatever a cluster tries meanwhile."""

DOWN = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,  # a primary that has just been replaced
    ClusterError,
    RedisClusterException,
    OSError,
)


class GateDown(Exception):
    """Redis can't answer right now."""


@runtime_checkable
class Redis(Protocol):
    """What redis-py's clients of one server and of a cluster have in common, as far as it is used here. The keys of one
    call share a hash tag (`{sale:…}:…`)."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Awaitable[Any]: ...

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Awaitable[Any]: ...

    def hgetall(self, name: str) -> Awaitable[dict[bytes, bytes]]: ...

    def ping(self) -> Awaitable[Any]:
        """Of a cluster, every primary answers or this raises."""

    async def aclose(self) -> None: ...


def connect(url: str) -> Redis:
    """`redis://`, `rediss://`, `unix://`, or a cluster as in `ClusterUrl`; ValueError for one that can't be read. Opens
    nothing yet."""
    limits: dict[str, Any] = {
        "socket_timeout": 2.0,
        "socket_connect_timeout": 2.0,
        "health_check_interval": 15,
    }
    client: Any
    if not ClusterUrl.matches(url):
        client = OneServer.from_url(url, **limits)
    else:
        cluster = ClusterUrl.parse(url)
        first, *others = cluster.seeds
        client = RedisCluster.from_url(
            cluster.of(first),
            startup_nodes=[ClusterNode(*split_address(node)) for node in others],
            dynamic_startup_nodes=False,  # the names that were given outlive the addresses that are learnt
            require_full_coverage=False,
            retry=Retry(NoBackoff(), 1),
            protocol=2,
            **limits,
        )
    connected: Redis = client
    return connected


class Script:
    """One Lua act, named by its file. Loads itself again after a Redis restart."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._source = path.read_text()
        self._sha = sha1(self._source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, client: Redis, keys: list[str], arguments: list[Any]) -> Any:
        """Raises `GateDown`. A script that ran and failed is a bug and raises as it is."""
        try:
            async with asyncio.timeout(WITHIN_S):
                try:
                    return await client.evalsha(self._sha, len(keys), *keys, *arguments)
                except NoScriptError:
                    return await client.eval(self._source, len(keys), *keys, *arguments)  # loads it too
        except DOWN as error:
            raise GateDown(str(error)) from error


__all__ = ["GateDown", "Redis", "RedisError", "Script", "connect"]
