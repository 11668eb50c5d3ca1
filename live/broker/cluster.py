"""A Redis or Valkey Cluster: any number of servers that share 16,384 slots, each key in the slot of its hash tag.

Which server owns which slot is asked of any one of them (`CLUSTER SLOTS`) and corrected by what they answer to calls
(https://valkey.io/topics/cluster-spec).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import msgspec
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from live.broker import BrokerUnavailable
from live.broker.scripts import Script
from live.broker.server import UNREACHABLE, Connection, Server
from live.broker.tasks import end

WITHIN_S = 4.0
"""The longest that a call may take, with all that it learns on the way."""
ASK_S = 1.0
"""How long one node may take to say who owns what, before another is asked."""
SETTLE_S = 0.1
"""Between the two tries of a call whose keys are being moved."""

DOUBT = (ConnectionError, TimeoutError, ReadOnlyError, ClusterDownError)
"""After these the server may not be the owner any more."""
OUTDATED = (ConnectionError, ReadOnlyError, ClusterDownError, TryAgainError)
"""After these another try is worth its while. Who waited in vain for an answer has waited long enough."""
Call = Callable[[Server, bool], Awaitable[Any]]
"""What is done at a server, asking for keys under way or not."""
MOVING_AWAY = "non local key"
"""A script asked for a key that had left already, while its declared ones were still there."""


class ClusterUrl(msgspec.Struct, frozen=True):
    """`redis+cluster://[user:password@]host[:port],host[:port]…[?options]`, or `rediss+cluster://` for TLS.

    The hosts are some of the nodes, from which the others are learnt; name several, as one may be down at the start.
    User, password and redis-py's options (`ssl_ca_certs=…`) hold for every node.
    """

    scheme: str
    credentials: str
    seeds: tuple[str, ...]
    """`host:port`"""
    options: str

    @staticmethod
    def matches(url: str) -> bool:
        return url.startswith(("redis+cluster://", "rediss+cluster://"))

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError."""
        scheme, _, rest = url.partition("+cluster://")
        rest, _, options = rest.partition("?")
        place, _, database = rest.partition("/")
        credentials, at, hosts = place.rpartition("@")
        seeds = tuple(_with_port(host) for host in hosts.split(",") if host)
        if scheme not in {"redis", "rediss"} or not seeds:
            raise ValueError("a cluster's URL is redis+cluster://host:port,host:port")
        if database not in {"", "0"}:
            raise ValueError("a cluster has one database, 0")
        return cls(scheme, credentials + at, seeds, options)

    def of(self, node: str) -> str:
        """The ordinary URL of one node, `host:port`."""
        return f"{self.scheme}://{self.credentials}{node}" + (f"?{self.options}" if self.options else "")


class Cluster:
    """See `Deployment`. Owners are named `host:port`."""

    def __init__(self, url: str) -> None:
        self.layout = 0
        self._url = ClusterUrl.parse(url)
        self._servers: dict[str, Server] = {}
        self._nodes: set[str] = set()
        self._owners: list[str | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._doubtful: set[str] = set()
        self._learning: asyncio.Task[None] | None = None

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        return await self._where(
            keys[0], lambda server, asking: server.call(script, keys, args, asking=asking)
        )

    async def execute(self, key: str, *command: Any) -> Any:
        """Run a command whose keys live with this one. Raises BrokerUnavailable."""
        return await self._where(key, lambda server, asking: server.execute(*command, asking=asking))

    async def ping(self) -> None:
        """Every primary answers. Raises BrokerUnavailable."""
        await self.refresh()
        owners = {owner for owner in self._owners if owner is not None}
        try:
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(*(self._server(owner).execute("PING") for owner in owners))
        except UNREACHABLE as error:
            raise BrokerUnavailable(str(error)) from error

    async def owner(self, key: str) -> str:
        slot = key_slot(key.encode())
        return self._owners[slot] or await self._owner(slot)

    def dial(self, owner: str) -> Connection:
        return self._server(owner).dial()

    async def refresh(self) -> None:
        """Whoever asks while it is being learnt waits for the same answer."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(self._learn())
        await asyncio.shield(self._learning)

    async def aclose(self) -> None:
        if self._learning is not None:
            await end([self._learning])
        for server in self._servers.values():
            await server.aclose()

    async def _where(self, key: str, call: Call) -> Any:
        """Redirections are followed. After an error that another server may mend, it is asked who owns the slot now,
        and the call is made once more."""
        slot = key_slot(key.encode())
        try:
            async with asyncio.timeout(WITHIN_S):
                try:
                    return await self._follow(slot, call)
                except OUTDATED as error:
                    if isinstance(error, TryAgainError):
                        await asyncio.sleep(SETTLE_S)
                    return await self._follow(slot, call)
        except (*UNREACHABLE, AskError) as error:
            raise BrokerUnavailable(f"slot {slot}: {error or 'no answer in time'}") from error
        except ResponseError as error:
            if MOVING_AWAY in str(error):
                raise BrokerUnavailable(f"slot {slot} is on its way to another server") from error
            raise

    async def _follow(self, slot: int, call: Call) -> Any:
        owner = await self._owner(slot)
        try:
            return await self._on(owner, call)
        except MovedError as error:
            self._owners[slot] = target = _target(error, owner)
            self.layout += 1
            return await self._on(target, call)
        except AskError as error:
            return await self._on(_target(error, owner), call, asking=True)

    async def _on(self, node: str, call: Call, *, asking: bool = False) -> Any:
        try:
            answer = await call(self._server(node), asking)
        except DOUBT:
            self._doubtful.add(node)
            raise
        self._doubtful.discard(node)
        return answer

    async def _owner(self, slot: int) -> str:
        owner = self._owners[slot]
        if owner is None or owner in self._doubtful:
            await self.refresh()
            owner = self._owners[slot]
        if owner is None:
            raise BrokerUnavailable(f"no server has slot {slot}")
        return owner

    async def _learn(self) -> None:
        trouble: Exception | None = None
        for node in self._nodes_to_ask():
            try:
                async with asyncio.timeout(ASK_S):
                    ranges = await self._server(node).slots()
            except (*UNREACHABLE, RedisError) as error:
                self._doubtful.add(node)
                trouble = error
                continue
            if ranges:  # a node that was taken out of its cluster knows of none
                self._doubtful.discard(node)
                self._take(ranges, node)
                return
        raise BrokerUnavailable(f"no node of the cluster answers: {trouble}") from trouble

    def _nodes_to_ask(self) -> list[str]:
        """Anyone, so that one node's outdated view doesn't last; those that failed come last."""
        nodes = list(self._nodes.union(self._url.seeds))
        random.shuffle(nodes)
        return sorted(nodes, key=self._doubtful.__contains__)

    def _take(self, ranges: list[Any], asked: str) -> None:
        owners: list[str | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        nodes: set[str] = set()
        for first, last, *servers in ranges:
            names = [_name(host, port, asked) for host, port, *_ in servers]
            owners[first : last + 1] = [names[0]] * (last - first + 1)
            nodes.update(names)
        self._nodes = nodes
        if owners != self._owners:
            self._owners = owners
            self.layout += 1

    def _server(self, node: str) -> Server:
        server = self._servers.get(node)
        if server is None:
            server = self._servers[node] = Server(self._url.of(node), retries=0)
        return server


def _with_port(host: str) -> str:
    bare = host.endswith("]") or ":" not in host
    return f"{host}:6379" if bare else host


def _name(host: bytes | None, port: int, asked: str) -> str:
    """A server that doesn't know what it is called is reached where it was asked."""
    text = host.decode() if host else asked.rpartition(":")[0]
    return f"[{text}]:{port}" if ":" in text and not text.startswith("[") else f"{text}:{port}"


def _target(error: AskError, asked: str) -> str:
    return _name(error.host.encode(), error.port, asked)
