"""Answers that many readers share: any number of them cost a process one reading at a time, and few of those."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FRESH_S = 1.0
RESTS = 10
REMEMBERED = 200


class Latest(Generic[K, V]):
    """This process's latest answer to each question. It is good for `fresh_s`, or for `rests` times as long as reading
    it took: however much there is to read, that takes no more than one part in `rests` of the time."""

    def __init__(
        self,
        read: Callable[[K], Awaitable[V]],
        *,
        fresh_s: float = FRESH_S,
        rests: float = RESTS,
        time: Callable[[], float] = monotonic,
    ) -> None:
        self._read = read
        self._fresh_s, self._rests = fresh_s, rests
        self._time = time
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()  # good until when, what
        self._reading: dict[K, asyncio.Lock] = {}

    async def of(self, key: K) -> V:
        """Raises what reading raises, to everybody who waits for it in turn."""
        async with self._reading.setdefault(key, asyncio.Lock()):
            known = self._known.get(key)
            if known is None or self._time() > known[0]:
                began = self._time()
                value = await self._read(key)
                took = self._time() - began
                known = (began + max(self._fresh_s, took * self._rests), value)
                self._remember(key, known)
        return known[1]

    def _remember(self, key: K, known: tuple[float, V]) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            oldest, _ = self._known.popitem(last=False)
            self._reading.pop(oldest, None)
