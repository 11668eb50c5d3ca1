"""Roles forked from one process that has imported everything: the imports are most of a start's work.

Four roles that import the same 3 seconds of CPU each are slow on two cores; forked, all of them are ready when one
is, one that died is back in a tenth of a second, and they share the memory of their code. Linux only: macOS's system
libraries don't survive a fork, and there each role is an interpreter of its own.

`showfloor nursery FD` is single-threaded and opens nothing. On FD, a SOCK_SEQPACKET socket, it takes one
JSON message for each process to start, with the descriptor on which that one will say that it is ready, and tells of
each start and end. The death of the supervisor ends the nursery, and that ends its roles (`server.run.processes`).
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

import msgspec
from setproctitle import setproctitle

from server.run.processes import die_with_parent, spawn_options
from server.run.starting import CLI

PRELOADED = (
    "server.app",
    "server.worker",
    "server.rooms.media_node",
    "server.run.prepare",
    "server.run.roles",
    "alembic.command",
)
LONGEST_MESSAGE = 128 << 10  # bytes; it holds an environment


class Order(msgspec.Struct):
    """`showfloor ARGUMENTS --ready-fd N` in this environment; N is the descriptor sent along."""

    arguments: list[str]
    environment: dict[str, str]


class Started(msgspec.Struct, tag=True):
    pid: int


class Ended(msgspec.Struct, tag=True):
    """`code` as `subprocess` has it: negative for a signal."""

    pid: int
    code: int


class ForkedProcess:
    """What the supervisor needs of `asyncio.subprocess.Process`, for a process whose parent is the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def end(self, code: int) -> None:
        self.returncode = code
        self._ended.set()


class Nursery:
    """The supervisor's end. The nursery's process starts with the first order, or again after its death."""

    def __init__(self, pass_fds: Sequence[int]) -> None:
        self._pass_fds = tuple(pass_fds)
        self._process: subprocess.Popen[bytes] | None = None
        self._living: dict[int, ForkedProcess] = {}
        self._starting: asyncio.Future[ForkedProcess] | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def open(self) -> None:
        """Begin with the imports; orders wait for them."""
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                [*CLI, "nursery", str(theirs.fileno())],
                pass_fds=(*self._pass_fds, theirs.fileno()),
                **spawn_options(signal.SIGKILL),
            )
        asyncio.get_running_loop().add_reader(self._line, self._read)

    async def fork(
        self, arguments: Sequence[str], environment: Mapping[str, str], ready_fd: int
    ) -> ForkedProcess:
        """Raises ConnectionError when the nursery dies over it."""
        async with self._turn:
            if self._process is None:
                self.open()
            self._starting = asyncio.get_running_loop().create_future()
            order = msgspec.json.encode(Order(list(arguments), dict(environment)))
            socket.send_fds(self._line, [order], [ready_fd])
            return await self._starting

    def close(self) -> None:
        """To be called when every forked process has ended."""
        if self._process is not None:
            self._process.kill()
            self._lost()

    def _read(self) -> None:
        try:
            message = self._line.recv(LONGEST_MESSAGE)
        except OSError:
            message = b""
        if not message:
            return self._lost()
        said = msgspec.json.decode(message, type=Started | Ended)
        if isinstance(said, Ended):
            process = self._living.pop(said.pid, None)
            return process.end(said.code) if process else None
        process = self._living[said.pid] = ForkedProcess(said.pid)
        if self._starting and not self._starting.done():
            self._starting.set_result(process)
        return None

    def _lost(self) -> None:
        """It is gone, and its processes with it."""
        assert self._process
        asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()
        self._process.wait()
        self._process = None
        for process in self._living.values():
            process.end(-signal.SIGTERM)
        self._living.clear()
        if self._starting and not self._starting.done():
            self._starting.set_exception(ConnectionResetError("the nursery ended"))


def serve(line: socket.socket, become: Callable[[list[str]], int]) -> None:
    """Until the other end is closed. `become` is what a forked process does with its arguments."""

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = found
                line.send(msgspec.json.encode(Ended(pid, os.waitstatus_to_exitcode(status))))

    for module in PRELOADED:
        with suppress(Exception):  # the role that needs it will say what is wrong
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is shared stays shared: the collector doesn't write to it
    nursery = os.getpid()
    signal.signal(signal.SIGCHLD, reap)
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, LONGEST_MESSAGE, 1)
        if not message:
            return
        order = msgspec.json.decode(message, type=Order)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # an end is told after its start
        pid = os.fork()
        if pid == 0:
            die_with_parent(signal.SIGTERM, nursery)
            _live(order, descriptors[0], line, become)
        os.close(descriptors[0])
        line.send(msgspec.json.encode(Started(pid)))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _live(order: Order, ready_fd: int, line: socket.socket, become: Callable[[list[str]], int]) -> NoReturn:
    """The child's whole life."""
    code = 1
    try:
        os.setsid()
        line.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.environ.clear()
        os.environ.update(order.environment)
        setproctitle(f"showfloor {' '.join(order.arguments)}")
        code = become([*order.arguments, "--ready-fd", str(ready_fd)])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
