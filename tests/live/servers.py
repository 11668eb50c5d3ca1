"""Where the servers are (fixture `site`), and what befalls a Valkey of the test's own (fixture `valkey_server`)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from tests.live.cluster import ValkeyCluster


class Site(NamedTuple):
    url: str
    owner: Callable[[str], Redis]
    """A client of the very server that has a key."""


def alone(url: str) -> Site:
    return Site(url, lambda key: Redis.from_url(url))


def clustered(cluster: ValkeyCluster) -> Site:
    return Site(cluster.url, lambda key: Redis(port=cluster.owner(key).port))


def written_through(server: Any) -> Any:
    """From now on it answers only after its log is on disk. As it comes, a busy disk may let the log wait for a second
    or two, and a killed server loses what it had acknowledged."""
    command = server.server.command
    server.server.command = lambda: [*command(), "--appendfsync", "always"]
    server.stop()
    server.start()
    return server


def lose_everything(server: Any) -> None:
    server.kill()
    shutil.rmtree(Path(server.server.folder.valkey) / "appendonlydir")
