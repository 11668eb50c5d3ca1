"""Real servers for the tests: one PostgreSQL and one Valkey a session, a fresh database for each test.

`database_url` is a copy of a database that was migrated once; `redis_url` is emptied before each test. A test
that has to kill a server makes its own by `postgres_server()` or `valkey_server()`. `valkey_cluster` is one for all
that ask for it, mended and emptied before each test.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
import redis

from server.kit.database import migrate
from server.run.embedded import EmbeddedServers, Postgres, RunningServer, Valkey
from server.run.folders import DataFolder
from tests.live.cluster import ValkeyCluster

TEMPLATE = "tests_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders whose unix sockets have short enough paths, and that a server of another user can reach."""
    with ExitStack() as folders:

        def make() -> Path:
            folder = Path(tempfile.mkdtemp(prefix="showfloor-", dir="/tmp"))
            folders.callback(shutil.rmtree, folder, ignore_errors=True)
            return folder

        yield make


@pytest.fixture(scope="session")
def embedded_servers(short_folder: Callable[[], Path]) -> Iterator[EmbeddedServers]:
    with EmbeddedServers(short_folder(), durable=False) as servers:
        yield servers


@pytest.fixture(scope="session")
def postgres_url(embedded_servers: EmbeddedServers) -> str:
    """A migrated database that all tests of the session share."""
    url = embedded_servers.database_url
    with ThreadPoolExecutor(1) as thread:  # it runs an event loop of its own
        thread.submit(migrate, url).result()
    administer(
        embedded_servers,
        f"CREATE DATABASE {TEMPLATE} TEMPLATE showfloor IS_TEMPLATE true ALLOW_CONNECTIONS false",
    )
    return url


@pytest.fixture
def database_url(embedded_servers: EmbeddedServers, postgres_url: str) -> Iterator[str]:
    """A migrated database of this test alone."""
    name = f"test_{next(_numbers)}"
    administer(embedded_servers, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    postgres = embedded_servers.postgres.server
    assert isinstance(postgres, Postgres)
    yield postgres.url_of(name)
    administer(embedded_servers, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def redis_url(embedded_servers: EmbeddedServers) -> str:
    """An empty Valkey."""
    with redis.from_url(embedded_servers.redis_url) as client:
        client.flushall()
    return embedded_servers.redis_url


@pytest.fixture
def valkey_server(short_folder: Callable[[], Path]) -> Iterator[Callable[[], RunningServer]]:
    """Starts a Valkey of the test's own: `.url`, `.pid`, `.kill()`, `.start()` again with what it kept."""
    with ExitStack() as running:
        yield lambda: _started(Valkey(DataFolder(short_folder())), running)


@pytest.fixture(scope="session")
def running_cluster(short_folder: Callable[[], Path]) -> Iterator[ValkeyCluster]:
    cluster = ValkeyCluster(short_folder())
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def valkey_cluster(running_cluster: ValkeyCluster) -> ValkeyCluster:
    """Three primaries and a replica of each, empty."""
    running_cluster.mend()
    running_cluster.flush()
    return running_cluster


@pytest.fixture
def postgres_server(short_folder: Callable[[], Path]) -> Iterator[Callable[[], RunningServer]]:
    """Starts a PostgreSQL of the test's own, as durable as in production; its database is empty."""
    with ExitStack() as running:
        yield lambda: _started(Postgres(DataFolder(short_folder())), running)


def _started(server: Postgres | Valkey, running: ExitStack) -> RunningServer:
    started = RunningServer(server)
    running.callback(started.stop)
    started.start()
    return started


def administer(servers: EmbeddedServers, statement: str) -> None:
    postgres = servers.postgres.server
    assert isinstance(postgres, Postgres)
    subprocess.run([*postgres.psql(), "-qc", statement], check=True)
