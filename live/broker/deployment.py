"""How the Redis or Valkey behind the broker is laid out: which server owns a topic, and how to call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from redis.exceptions import MovedError

from live.broker import BrokerUnavailable
from live.broker.cluster import Cluster, ClusterUrl
from live.broker.scripts import Script
from live.broker.server import UNREACHABLE, Connection, Server


class Deployment(Protocol):
    """Keys of one call share a hash tag (`{topic}:…`), so that one server has them all, standalone or in a cluster."""

    layout: int
    """Rises whenever keys are known to have another owner than before."""

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script where the keys live. Raises BrokerUnavailable."""

    async def owner(self, key: str) -> str:
        """A name for the server that owns the key, for `dial`. Raises BrokerUnavailable."""

    def dial(self, owner: str) -> Connection:
        """A connection of one's own to that server (see `Server.dial`)."""

    async def refresh(self) -> None:
        """Learn again who owns what. Raises BrokerUnavailable."""

    async def aclose(self) -> None: ...


class Standalone:
    """One server, at `redis://`, `rediss://` or `unix://`."""

    def __init__(self, url: str) -> None:
        self.layout = 0
        self._server = Server(url, retries=1)  # a pooled connection may have died with the last server

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return await self._server.call(script, keys, args)
        except UNREACHABLE as error:
            raise BrokerUnavailable(str(error)) from error
        except MovedError as error:
            raise BrokerUnavailable(
                "this server is part of a cluster: its URL is redis+cluster://…"
            ) from error

    async def owner(self, key: str) -> str:
        return "standalone"

    def dial(self, owner: str) -> Connection:
        return self._server.dial()

    async def refresh(self) -> None:
        pass

    async def aclose(self) -> None:
        await self._server.aclose()


def deployment(url: str) -> Deployment:
    """By the URL's scheme; ValueError for one that can't be read."""
    return Cluster(url) if ClusterUrl.matches(url) else Standalone(url)
