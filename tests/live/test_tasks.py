"""Ending tasks for good."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from live.broker.tasks import end


async def test_a_task_that_loses_a_cancellation_is_ended_all_the_same() -> None:
    async def listen() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def fail() -> None:
        raise OSError

    tasks = [asyncio.create_task(listen()), asyncio.create_task(fail())]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await end(tasks)
    assert all(task.done() for task in tasks)
    await end([])
