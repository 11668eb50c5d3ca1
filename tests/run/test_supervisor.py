from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest
import redis

from server.run.embedded import EmbeddedServers
from server.run.processes import HAS_PARENT_DEATH_SIGNAL
from tests.run.showfloor_process import ShowfloorProcess, is_alive, until

Start = Callable[..., ShowfloorProcess]


@pytest.fixture(scope="module")
def start(short_folder: Callable[[], Path]) -> Iterator[Start]:
    """Starts a system; on a folder of its own, or again on one that is given."""
    with ExitStack() as running:

        def begin(*options: str, data: Path | None = None, **variables: str) -> ShowfloorProcess:
            started = ShowfloorProcess(data or short_folder() / "data", *options, **variables)
            running.callback(started.stop)
            return started

        yield begin


@pytest.fixture(scope="module")
def system(start: Start) -> ShowfloorProcess:
    system = start()
    system.await_ready()
    return system


def test_it_is_ready_when_it_says_so(system: ShowfloorProcess) -> None:
    assert system.status_of("/health/ready") == 200
    assert {child.state for child in system.state().processes.values()} == {"ready"}


def test_owner_gets_a_link_for_the_first_log_in(system: ShowfloorProcess) -> None:
    assert system.process.stdout
    printed = iter(system.process.stdout.readline, "")
    assert any(f"{system.base_url}/setup/" in line for line in printed)


@pytest.mark.parametrize("name", ["web", "media", "worker", "valkey", "postgres"])
def test_what_dies_is_started_again(system: ShowfloorProcess, name: str) -> None:
    system.kill_child(name)
    assert system.state().processes[name].restarts == 1
    until(lambda: system.status_of("/health/ready") == 200)


def test_everything_adds_up_beside_the_running_system(system: ShowfloorProcess) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "verify", "--json", "--data", str(system.data)],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["ok"] is True


def test_second_start_on_the_same_folder_says_who_has_it(system: ShowfloorProcess) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "server.cli", "run", "--data", str(system.data), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"in use by process {system.process.pid} at {system.base_url}" in second.stderr


def test_taken_port_is_named(system: ShowfloorProcess, start: Start) -> None:
    taken = system.base_url.rpartition(":")[2]
    second = start("--port", taken)
    assert second.process.wait() == 1
    assert f"127.0.0.1:{taken} can't be used" in second.log()
    assert "--port" in second.log()


def test_own_servers_are_used_when_their_urls_are_set(
    start: Start, database_url: str, redis_url: str
) -> None:
    system = start(SHOWFLOOR_DATABASE_URL=database_url, SHOWFLOOR_REDIS_URL=redis_url)
    system.await_ready()
    assert {"postgres", "valkey"}.isdisjoint(system.pids())
    assert not (system.data / "postgres").exists()


def test_database_that_does_not_answer_ends_the_start(start: Start, redis_url: str) -> None:
    system = start(SHOWFLOOR_DATABASE_URL="postgresql://shop@127.0.0.1:1/shop", SHOWFLOOR_REDIS_URL=redis_url)
    assert system.process.wait() == 1
    assert "the database could not be prepared" in system.log()


def test_phone_that_trusts_the_certificate_reaches_the_pages_over_https(start: Start) -> None:
    system = start("--lan", "127.0.0.1")
    base_url = system.await_ready()
    assert system.process.stdout
    printed = iter(system.process.stdout.readline, "")
    door = next(found[1] for line in printed if (found := re.search(r"(http://\S+/) gives", line)))
    authority = ssl.create_default_context(cadata=httpx.get(door + "lan-ca.crt").content)
    with httpx.Client(base_url=base_url, verify=authority) as phone:
        assert base_url.startswith("https://127.0.0.1:")
        assert phone.get("/health/ready").status_code == 200


def test_two_systems_live_side_by_side_and_sigterm_ends_each_in_time(
    system: ShowfloorProcess, start: Start
) -> None:
    other = start()
    assert other.await_ready() != system.base_url
    assert other.stop(signal.SIGTERM) <= 5
    assert other.process.returncode == 0
    assert not other.left()
    assert system.status_of("/health/ready") == 200


@pytest.mark.skipif(not HAS_PARENT_DEATH_SIGNAL, reason="only there are roles forked from a nursery")
def test_killed_nursery_takes_its_roles_and_all_come_back(system: ShowfloorProcess) -> None:
    before = system.pids()
    after_the_name = Path(f"/proc/{before['web']}/stat").read_text().rpartition(")")[2]
    os.kill(int(after_the_name.split()[1]), signal.SIGKILL)  # its parent: proc(5)
    roles = ("web", "media", "worker")
    until(lambda: not any(is_alive(before[name]) for name in roles))
    until(lambda: all(system.state().processes[name].state == "ready" for name in roles))
    assert system.status_of("/health/ready") == 200
    assert system.pids()["postgres"] == before["postgres"]


async def test_killed_supervisor_leaves_no_orphan_and_its_folder_starts_again_with_what_it_held(
    start: Start,
) -> None:
    first = start()
    first.await_ready()
    servers = EmbeddedServers(first.data)
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
    with redis.from_url(servers.redis_url) as client:
        client.set("kept", 42)
        client.execute_command("WAITAOF", 1, 0, 5000)

    first.process.kill()
    first.process.wait()
    again = start(data=first.data)
    again.await_ready()

    assert not any(is_alive(pid) for pid in first.children)
    connection = await asyncpg.connect(servers.database_url)
    assert await connection.fetchval("SELECT number FROM kept") == 42
    await connection.close()
    with redis.from_url(servers.redis_url) as client:
        assert client.get("kept") == b"42"

    again.process.kill()
    again.process.wait()
    until(lambda: not again.left(), seconds=10)


def test_ctrl_c_before_it_is_ready_leaves_nothing(start: Start) -> None:
    system = start()
    until(lambda: "postgres" in system.pids())
    assert system.stop(signal.SIGINT) <= 5
    assert not system.left()
