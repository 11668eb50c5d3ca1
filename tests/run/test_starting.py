"""Both ways to start a role, forked and in an interpreter of its own, do the same."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from server.kit.settings import Settings
from server.run.embedded import RunningServer
from server.run.nursery import Nursery
from server.run.processes import HAS_PARENT_DEATH_SIGNAL
from server.run.roles import visit
from server.run.starting import Starter, interpreters, start_with_words
from server.run.state import Prepared

WAYS = ["interpreter", *(["fork"] if HAS_PARENT_DEATH_SIGNAL else [])]


@pytest.fixture(params=WAYS)
async def start(request: pytest.FixtureRequest) -> AsyncIterator[Starter]:
    if request.param == "interpreter":
        yield interpreters([])
    else:
        nursery = Nursery([])
        yield nursery.fork
        nursery.close()


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA": str(tmp_path)}
    return {**os.environ, **{f"SHOWFLOOR_{name}": value for name, value in given.items()}}


async def test_role_speaks_to_its_starter_and_its_end_is_known(
    start: Starter, environ: dict[str, str]
) -> None:
    process, words = await start_with_words(start, ["prepare"], environ)
    prepared = msgspec.json.decode(await words.read(), type=Prepared)
    assert prepared.owner_link
    assert "/setup/" in prepared.owner_link
    assert await process.wait() == 0


async def test_failure_has_its_exit_code(start: Starter, environ: dict[str, str]) -> None:
    del environ["SHOWFLOOR_REDIS_URL"]
    process, words = await start_with_words(start, ["prepare"], environ)
    assert await words.read() == b""
    assert await process.wait() == 2


async def test_killed_role_is_known_by_its_signal(start: Starter, environ: dict[str, str]) -> None:
    process, words = await start_with_words(start, ["worker"], environ)
    assert await words.read(1)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def test_worker_is_ready_when_its_servers_have_answered(
    start: Starter, environ: dict[str, str], valkey_server: Callable[[], RunningServer]
) -> None:
    valkey = valkey_server()
    valkey.kill()
    process, words = await start_with_words(start, ["worker"], {**environ, "SHOWFLOOR_REDIS_URL": valkey.url})
    word = asyncio.create_task(words.read(1))
    assert not (await asyncio.wait([word], timeout=4))[0], "it can't have spoken with Valkey"
    valkey.start()
    assert await word
    process.kill()
    await process.wait()


async def test_demos_visitors_are_ready_when_the_web_role_has_answered(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(_: Settings, stop: asyncio.Event) -> None:
        await stop.wait()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    monkeypatch.setattr("server.demo.act", act)
    stop, ready = asyncio.Event(), asyncio.Event()
    with socket.socket() as web:
        web.bind(("127.0.0.1", 0))  # and doesn't listen yet
        url = f"http://127.0.0.1:{web.getsockname()[1]}"
        settings = Settings.from_env({**environ, "SHOWFLOOR_INTERNAL_URL": url})
        visiting = asyncio.create_task(visit(settings, stop, ready.set))
        waiting = asyncio.create_task(ready.wait())
        assert not (await asyncio.wait([waiting], timeout=1))[0]
        async with await asyncio.start_server(answer, sock=web):
            await asyncio.wait_for(waiting, 10)
    stop.set()
    await visiting


async def test_role_alone_stops_in_order(start: Starter, environ: dict[str, str]) -> None:
    process, words = await start_with_words(start, ["web"], {**environ, "SHOWFLOOR_PORT": "0"})
    assert await words.read(1)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() in {0, -signal.SIGTERM}  # uvicorn ends by the signal it was sent


@pytest.mark.skipif(not HAS_PARENT_DEATH_SIGNAL, reason="only there the kernel is asked")
def test_child_whose_parent_was_gone_before_the_kernel_was_asked_ends_itself() -> None:
    said = "from server.run.processes import die_with_parent; die_with_parent(15, {parent}); print('lives')"
    orphan, child = (
        subprocess.run([sys.executable, "-c", said.format(parent=parent)], capture_output=True)
        for parent in (1 << 22, os.getpid())
    )
    assert (orphan.returncode, orphan.stdout) == (1, b"")
    assert (child.returncode, child.stdout) == (0, b"lives\n")


@pytest.mark.skipif("fork" not in WAYS, reason="nothing is forked here")
async def test_order_that_the_nursery_dies_over_fails_and_the_next_one_gets_a_new_nursery(
    environ: dict[str, str],
) -> None:
    nursery = Nursery([])
    nursery.open()
    assert nursery.pid
    os.kill(nursery.pid, signal.SIGSTOP)  # it takes the order and does nothing about it
    order = asyncio.create_task(start_with_words(nursery.fork, ["worker"], environ))
    while nursery._starting is None:
        await asyncio.sleep(0)
    os.kill(nursery.pid, signal.SIGKILL)
    with pytest.raises(ConnectionError):
        await order
    process, words = await start_with_words(nursery.fork, ["worker"], environ)
    assert await words.read(1)
    process.kill()
    await process.wait()
    nursery.close()
