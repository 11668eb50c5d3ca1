from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from server.kit.settings import SettingsError
from server.run.embedded import EmbeddedServers
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
