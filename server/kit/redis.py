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
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from live.broker import BrokerUnavailable
from live.broker.cluster import Cluster, ClusterUrl

WITHIN_S = 3.0
"""The longest that a script is waited for, whatever is tried meanwhile."""


class GateDown(Exception):
    """Redis can't answer right now."""


@runtime_checkable
class Redis(Protocol):
    """What is used of redis-py's client, and what a cluster is called by as well. The keys of one call share a hash tag
    (`{sale:…}:…`)."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Awaitable[Any]: ...

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Awaitable[Any]: ...

    def hgetall(self, name: str) -> Awaitable[dict[bytes, bytes]]: ...

    def ping(self) -> Awaitable[Any]:
        """Raises when the server, or one primary of a cluster, doesn't answer."""

    async def aclose(self) -> None: ...


def connect(url: str) -> Redis:
    """`redis://`, `rediss://`, `unix://`, or a cluster as in `ClusterUrl`; ValueError for one that can't be read. Opens
    nothing yet."""
    if ClusterUrl.matches(url):
        return _ClusterClient(url)
    client: Any = OneServer.from_url(
        url, socket_timeout=2.0, socket_connect_timeout=2.0, health_check_interval=15
    )
    connected: Redis = client
    return connected


class _ClusterClient:
    """redis-py's own client of a cluster loses calls that start together: one closes another's connection."""

    def __init__(self, url: str) -> None:
        self._cluster = Cluster(url)

    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        return await self._cluster.execute(keys_and_args[0], "EVALSHA", sha, numkeys, *keys_and_args)

    async def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        return await self._cluster.execute(keys_and_args[0], "EVAL", script, numkeys, *keys_and_args)

    async def hgetall(self, name: str) -> dict[bytes, bytes]:
        fields: dict[bytes, bytes] = await self._cluster.execute(name, "HGETALL", name)
        return fields

    async def ping(self) -> bool:
        await self._cluster.ping()
        return True

    async def aclose(self) -> None:
        await self._cluster.aclose()


class Script:
    """One Lua act, named by its file. Loads itself again after a Redis restart."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.source = path.read_text()
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, client: Redis, keys: list[str], arguments: list[Any]) -> Any:
        """Raises `GateDown`. A script that ran and failed is a bug and raises as it is."""
        try:
            async with asyncio.timeout(WITHIN_S):
                try:
                    return await client.evalsha(self.sha, len(keys), *keys, *arguments)
                except NoScriptError:
                    return await client.eval(self.source, len(keys), *keys, *arguments)  # loads it too
        except (RedisConnectionError, RedisTimeoutError, BrokerUnavailable, OSError) as error:
            raise GateDown(str(error)) from error


__all__ = ["GateDown", "Redis", "RedisError", "Script", "connect"]
