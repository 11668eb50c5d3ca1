"""Work that a request starts and doesn't wait for. Nothing that must happen belongs here: that is the outbox's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class Background:
    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def once(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Start `work` unless work of that name is under way."""
        if name in self._tasks:
            work.close()
            return
        task = self._tasks[name] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._finished(name, done))

    def _finished(self, name: str, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(name, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("background work failed", work=name, exc_info=error)

    async def stop(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
