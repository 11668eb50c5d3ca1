from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from server.kit.settings import SettingsError
from server.run.embedded import EmbeddedServerFailed, EmbeddedServers, Valkey
from server.run.processes import running
from server.run.reach import reached

Folder = Callable[[], Path]


def test_running_system_is_joined_and_left_running(embedded_servers: EmbeddedServers) -> None:
    before = embedded_servers.valkey.pid
    with reached(embedded_servers.folder.root, {}) as settings:
        assert redis.from_url(settings.redis_url).ping()
    assert embedded_servers.valkey.alive
    assert embedded_servers.valkey.pid == before


def test_stopped_system_is_started_for_the_time(short_folder: Folder) -> None:
    folder = short_folder()
    with EmbeddedServers(folder, durable=False) as servers:
        url = servers.redis_url
    with reached(folder, {}) as settings:
        assert settings.redis_url == url
        assert redis.from_url(url).ping()
    with pytest.raises(redis.ConnectionError):
        redis.from_url(url).ping()


def test_only_what_no_url_names_is_the_folders(short_folder: Folder) -> None:
    folder = short_folder()
    with EmbeddedServers(folder, durable=False):
        pass
    for given, server in (("REDIS_URL", "postgres"), ("DATABASE_URL", "valkey")):
        url = {"REDIS_URL": "redis://cache", "DATABASE_URL": "postgresql://shop@db/shop"}[given]
        with reached(folder, {f"SHOWFLOOR_{given}": url}) as settings:
            assert url in (settings.redis_url, settings.database_url)
            assert _running(folder) == [server]
    assert not _running(folder)


def test_server_that_does_not_come_up_takes_the_other_along(
    short_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short_folder()
    with EmbeddedServers(folder, durable=False):
        pass
    monkeypatch.setattr(Valkey, "command", lambda _: ["false"])
    with pytest.raises(EmbeddedServerFailed), reached(folder, {}):
        pass
    assert not _running(folder)


def _running(folder: Path) -> list[str]:
    """By name, in the order of their names."""
    kept = re.escape(str(folder))
    patterns = {"postgres": f".*postgres -D {kept}/", "valkey": f".*valkey-server .*{kept}/"}
    return [name for name, pattern in patterns.items() if running(re.compile(pattern))]


def test_folder_without_a_system_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no embedded system"), reached(tmp_path, {}):
        pass
    assert not list(tmp_path.iterdir())


def test_configured_urls_come_first(embedded_servers: EmbeddedServers, tmp_path: Path) -> None:
    environ = {
        "SHOWFLOOR_DATABASE_URL": "postgresql://shop@db/shop",
        "SHOWFLOOR_REDIS_URL": "redis://cache",
        "SHOWFLOOR_DATA": str(tmp_path),
    }
    with reached(embedded_servers.folder.root, environ) as settings:
        assert settings.redis_url == "redis://cache"
