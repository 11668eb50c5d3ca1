"""How the supervisor starts its two kinds of children: an embedded server, and a role."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from server.run.children import Life, Process
from server.run.embedded import EmbeddedServer, plain_environment
from server.run.processes import spawn_options

CLI = (sys.executable, "-P", "-m", "server.cli")  # -P: not whatever lies in the current folder


class Starter(Protocol):
    """Starts `showfloor ARGUMENTS --ready-fd N`, N being `ready_fd` in the new process."""

    async def __call__(
        self, arguments: Sequence[str], environment: Mapping[str, str], ready_fd: int
    ) -> Process: ...


def interpreters(pass_fds: Sequence[int]) -> Starter:
    """Each role in an interpreter of its own, with these descriptors."""

    async def start(arguments: Sequence[str], environment: Mapping[str, str], ready_fd: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *CLI,
            *arguments,
            "--ready-fd",
            str(ready_fd),
            env=dict(environment),
            pass_fds=(*pass_fds, ready_fd),
            **spawn_options(signal.SIGTERM),
        )

    return start


def role(
    start: Starter, arguments: Sequence[str], environment: Mapping[str, str]
) -> Callable[[], Awaitable[Life]]:
    """It is ready when it says so."""

    async def begin() -> Life:
        process, words = await start_with_words(start, arguments, environment)
        return Life(process, _any(words))

    return begin


def embedded(server: EmbeddedServer) -> Callable[[], Awaitable[Life]]:
    """It is ready when it answers."""

    async def begin() -> Life:
        await asyncio.to_thread(server.prepare)
        with server.folder.log(server.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *server.command(),
                env=plain_environment(),
                stdout=log,
                stderr=log,
                cwd="/",
                **spawn_options(server.stop_signal, server.folder.account),
            )
        return Life(process, _until(lambda: server.ready(process.pid)))

    return begin


async def start_with_words(
    start: Starter, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[Process, asyncio.StreamReader]:
    """The process, and what it says on its `--ready-fd`."""
    reading, writing = os.pipe()
    words = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(words), os.fdopen(reading, "rb", buffering=0)
    )
    try:
        return await start(arguments, environment, writing), words
    finally:
        os.close(writing)


async def _any(words: asyncio.StreamReader) -> bool:
    return bool(await words.read(1))


async def _until(answers: Callable[[], bool]) -> bool:
    while not answers():  # noqa: ASYNC110  the servers offer no event
        await asyncio.sleep(0.02)
    return True
