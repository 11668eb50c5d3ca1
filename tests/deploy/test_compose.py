"""docker-compose.yml, as far as it can be tried without containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.kit.settings import Settings
from tests.acceptance.demo import ROOT


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_what_prepares_prints_the_owners_link(
    services: dict[str, Any], database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "SHOWFLOOR_DATABASE_URL": database_url,
        "SHOWFLOOR_REDIS_URL": redis_url,
        "SHOWFLOOR_DATA": str(tmp_path),
        "SHOWFLOOR_BASE_URL": "https://live.example.com",
    }
    command = [sys.executable, "-m", "server.cli", *services["prepare"]["command"]]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
    assert "https://live.example.com/setup/" in done.stdout


def test_every_role_understands_what_it_is_told(services: dict[str, Any], tmp_path: Path) -> None:
    env_file = {"SECRET": "ab" * 32, "TURN_SECRET": "cd" * 32, "TURN_URL": "turn:live.example.com"}
    for name in ("web", "media", "worker"):
        given = {
            key: _filled_in(str(value), env_file) for key, value in services[name]["environment"].items()
        }
        settings = Settings.from_env(given | {"SHOWFLOOR_DATA": str(tmp_path)})
        assert (settings.turn_urls, settings.turn_secret) == (("turn:live.example.com",), "cd" * 32)


def _filled_in(value: str, env_file: dict[str, str]) -> str:
    """`${NAME}`, with `:-default` or `:?complaint`."""
    if not value.startswith("${"):
        return value
    name, _, default = value.strip("${}").partition(":")
    return env_file.get(name.removeprefix("SHOWFLOOR_")) or default.removeprefix("-")
