"""Redis or Valkey: the gate and the presence, never the truth. Everything here may vanish and is built again.

Connection troubles come out as `GateDown`, so that callers can fall back to PostgreSQL alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError


class GateDown(Exception):
    """Redis can't answer right now."""


def connect(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0, health_check_interval=15)


class Script:
    """One Lua act, named by its file. Loads itself again after a Redis restart."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._source = path.read_text()
        self._sha: str | None = None

    async def __call__(self, client: Redis, keys: list[str], arguments: list[Any]) -> Any:
        """Raises `GateDown`. A script that ran and failed is a bug and raises as it is."""
        try:
            if self._sha is None:
                self._sha = await client.script_load(self._source)
            try:
                return await client.evalsha(self._sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await client.eval(self._source, len(keys), *keys, *arguments)  # loads it too
        except (RedisConnectionError, RedisTimeoutError, OSError) as error:
            raise GateDown(str(error)) from error


__all__ = ["GateDown", "Redis", "RedisError", "Script", "connect"]
