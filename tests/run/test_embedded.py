from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
import redis

from server.run.embedded import EmbeddedServerFailed, EmbeddedServers, Postgres, RunningServer, Valkey
from server.run.folders import DataFolder, FolderInUse, FolderUnusable

Folder = Callable[[], Path]
Start = Callable[[], RunningServer]


async def test_what_was_committed_survives_a_killed_postgres(postgres_server: Start) -> None:
    server = postgres_server()
    await _on(server.url, "CREATE TABLE kept AS SELECT 42 AS number")
    server.kill()
    server.start()
    assert await _on(server.url, "SELECT number FROM kept") == 42


async def test_busy_backends_of_a_killed_postgres_do_not_keep_it_down(postgres_server: Start) -> None:
    server = postgres_server()
    connection = await asyncpg.connect(server.url)
    busy = asyncio.create_task(connection.execute("SELECT count(*) FROM generate_series(1, 1000000000)"))
    while not await _on(server.url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%1000000000)'"):
        pass
    server.kill()
    server.start()
    with pytest.raises((asyncpg.PostgresError, ConnectionError)):
        await busy


async def test_every_commit_waits_for_the_disk(postgres_server: Start) -> None:
    server = postgres_server()
    assert await _on(server.url, "SHOW synchronous_commit") == "on"
    assert await _on(server.url, "SHOW fsync") == "on"


def test_what_was_synced_survives_a_killed_valkey(valkey_server: Start) -> None:
    server = valkey_server()
    with redis.from_url(server.url) as client:
        client.set("kept", 42)
        client.execute_command("WAITAOF", 1, 0, 5000)
    server.kill()
    server.start()
    with redis.from_url(server.url) as client:
        assert client.get("kept") == b"42"
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_starting_what_runs_changes_nothing(valkey_server: Start) -> None:
    server = valkey_server()
    before = server.pid
    server.start()
    assert server.pid == before


def test_process_number_in_a_stale_pid_file_may_be_another_process_now(postgres_server: Start) -> None:
    server = postgres_server()
    pid_file = server.server.folder.postgres / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.kill()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    server.start()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_server_left_by_a_killed_starter_is_ended_first(short_folder: Folder) -> None:
    folder = short_folder()
    left = RunningServer(Valkey(DataFolder(folder)))
    left.start()
    again = RunningServer(Valkey(DataFolder(folder)))
    again.start()
    assert not left.alive
    again.stop()


def test_another_systems_server_whose_path_ends_like_ours_goes_on(short_folder: Folder) -> None:
    mine = short_folder()
    theirs = short_folder() / mine.relative_to("/")
    theirs.mkdir(parents=True)
    servers = [RunningServer(Valkey(DataFolder(folder))) for folder in (theirs, mine)]
    for server in servers:
        server.start()
    assert all(server.alive for server in servers)
    for server in servers:
        server.stop()


def test_half_made_cluster_is_made_anew(short_folder: Folder) -> None:
    folder = DataFolder(short_folder())
    (folder.root / "postgres.new" / "base").mkdir(parents=True)
    server = RunningServer(Postgres(folder, durable=False))
    server.start()
    server.stop()
    assert not (folder.root / "postgres.new").exists()


def test_cluster_of_another_version_is_refused_in_words(short_folder: Folder) -> None:
    folder = DataFolder(short_folder())
    folder.postgres.mkdir()
    (folder.postgres / "PG_VERSION").write_text("17\n")
    with pytest.raises(FolderUnusable, match="written by PostgreSQL 17"):
        Postgres(folder).prepare()


def test_valkey_that_cannot_read_its_log_starts_empty_after_setting_it_aside(valkey_server: Start) -> None:
    server = valkey_server()
    with redis.from_url(server.url) as client:
        client.set("lost", 1)
    server.stop()
    log = next(server.server.folder.valkey.glob("appendonlydir/*.incr.aof"))
    log.write_bytes(b"not a log\r\n" * 100)
    with pytest.raises(EmbeddedServerFailed):
        server.start()
    assert server.server.set_aside()
    server.start()
    with redis.from_url(server.url) as client:
        assert client.get("lost") is None


def test_folder_serves_one_system_at_a_time(short_folder: Folder) -> None:
    root = short_folder()
    first, second = EmbeddedServers(root), EmbeddedServers(root)
    first.folder.lock()
    with pytest.raises(FolderInUse):
        second.start()
    first.folder.unlock()
    second.folder.lock()
    second.folder.unlock()


def test_deep_folder_gets_sockets_with_short_paths(short_folder: Folder) -> None:
    folder = DataFolder(short_folder() / ("deep" * 30))
    assert not folder.sockets.is_relative_to(folder.root)
    folder.root.mkdir()
    server = RunningServer(Valkey(folder))
    server.start()
    assert redis.from_url(server.url).ping()
    server.stop()
    shutil.rmtree(folder.sockets)


def test_nobody_else_reaches_the_sockets(valkey_server: Start) -> None:
    assert stat.S_IMODE(valkey_server().server.folder.sockets.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of other users")
def test_socket_folder_that_another_user_made_is_refused(short_folder: Folder) -> None:
    folder = DataFolder(short_folder())
    folder.root.chmod(0o711)
    folder.sockets.mkdir()
    os.chown(folder.sockets, 12345, 12345)
    with pytest.raises(FolderUnusable, match="another user"):
        folder.prepare()


def test_folder_that_was_there_keeps_its_rights(short_folder: Folder) -> None:
    shared = short_folder()
    shared.chmod(0o1777)
    folder = DataFolder(shared)
    folder.lock()
    folder.prepare()
    folder.unlock()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


@pytest.mark.skipif(os.geteuid() != 0, reason="as a user the folders above are one's own affair")
def test_root_lets_others_pass_but_not_list_and_says_so(short_folder: Folder) -> None:
    closed = short_folder()
    folder = DataFolder(closed / "data")
    folder.lock()
    folder.prepare()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    assert any(str(closed) in line for line in folder.said)
    folder.unlock()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as another user")
def test_programs_in_a_closed_folder_are_copied_not_opened(
    short_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots_folder = short_folder()
    monkeypatch.setattr("server.run.folders.ROOTS_FOLDER", roots_folder)
    monkeypatch.setattr("server.run.folders._anyone_may_run", lambda folder: False)
    server = RunningServer(Postgres(DataFolder(short_folder()), durable=False))
    server.start()
    server.stop()
    assert server.server.command()[0].startswith(str(roots_folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as another user")
def test_the_first_starts_on_a_machine_make_one_user_between_them(
    short_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[SimpleNamespace] = []

    def known(name: str) -> SimpleNamespace:
        found = made[-1:]
        time.sleep(0.05)  # others look meanwhile
        if not found:
            raise KeyError(name)
        return found[0]

    def add(folder: DataFolder, name: str) -> None:
        made.append(SimpleNamespace(pw_uid=50_000 + len(made), pw_gid=50_000))

    monkeypatch.setattr("server.run.folders.ROOTS_FOLDER", short_folder())
    monkeypatch.setattr("pwd.getpwnam", known)
    monkeypatch.setattr(DataFolder, "_add_user", add)
    folders = [DataFolder(short_folder()) for _ in range(4)]
    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(DataFolder.prepare, folders))
    assert len(made) == 1
    assert {folder.account.uid for folder in folders if folder.account} == {50_000}


async def _on(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
