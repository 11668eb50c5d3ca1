"""How often somebody may try: one Lua counter in Redis, or this process's own while Redis is away."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import Provide

from server.kit.breaker import Breaker
from server.kit.problems import TooMany
from server.kit.redis import GateDown, Redis, Script

_COUNT = Script(Path(__file__).parent / "lua" / "count.lua")


class Limiter:
    """Fixed windows. A limit holds over all processes while Redis answers, for each process while it doesn't."""

    def __init__(self, client: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._breaker = Breaker(monotonic)
        self._own = _OwnCounts(monotonic)
        # A crowd waits here instead of opening a connection each.
        self._lanes = asyncio.Semaphore(32)

    async def take(self, what: str, who: str, limit: int, window_s: int) -> None:
        """Count one try. Raises `TooMany` (429, with `retry_after_s`) beyond `limit` tries in `window_s`."""
        wait_ms = await self._step(what, who, limit, window_s, 1)
        if wait_ms:
            raise TooMany(retry_after_s=-(-wait_ms // 1000))

    async def give_back(self, what: str, who: str) -> None:
        """Uncount one try: it turned out well."""
        await self._step(what, who, 0, 0, -1)

    async def _step(self, what: str, who: str, limit: int, window_s: int, step: int) -> int:
        # Names come from outside: hashed, a key is never long nor of anybody's making.
        key = f"limit:{what}:{hashlib.blake2b(who.encode(), digest_size=16).hexdigest()}"
        arguments = [limit, window_s * 1000, step]
        try:
            async with self._lanes:
                return int(await self._breaker.ask(lambda: _COUNT(self._client, [key], arguments)))
        except GateDown:
            return self._own.step(key, limit, window_s, step)


class _OwnCounts:
    """The same counting in this process, bounded."""

    MOST = 10_000

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._counts: dict[str, tuple[int, float]] = {}

    def step(self, key: str, limit: int, window_s: int, step: int) -> int:
        now = self._monotonic()
        count, ends = self._counts.get(key, (0, now + window_s))
        if ends <= now:
            count, ends = 0, now + window_s
        if step < 0:
            if key in self._counts:
                self._counts[key] = (max(count - 1, 0), ends)
            return 0
        if count >= limit:
            return max(int((ends - now) * 1000), 1)
        self._counts.pop(key, None)  # newest last, so that the oldest goes first
        self._counts[key] = (count + 1, ends)
        if len(self._counts) > self.MOST:
            del self._counts[next(iter(self._counts))]
        return 0


def provide_limiter(request: Request[Any, Any, Any], redis: Redis) -> Limiter:
    """One for each app, made at first use."""
    limiter: Limiter | None = request.app.state.get("limiter")
    if limiter is None:
        limiter = request.app.state.limiter = Limiter(redis)
    return limiter


LIMITED = {"limiter": Provide(provide_limiter, sync_to_thread=False)}
"""Dependencies of a handler that takes a `limiter: Limiter`."""


def address_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The caller's address; an IPv6 caller stands for the whole /64, which is one household's or phone's."""
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
