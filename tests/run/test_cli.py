from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize("role", ["web", "media", "worker"])
def test_role_without_its_urls_says_what_is_missing(role: str, tmp_path: Path) -> None:
    done = _showfloor(role, SHOWFLOOR_DATA=str(tmp_path))
    assert done.returncode == 2
    assert "SHOWFLOOR_DATABASE_URL is not set" in done.stderr


@pytest.mark.parametrize("command", ["verify", "migrate"])
def test_folder_that_cannot_be_used_is_told_in_words(command: str, short_folder: Callable[[], Path]) -> None:
    folder = short_folder()
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("17\n")
    done = _showfloor(command, "--data", str(folder))
    assert done.returncode == 1
    assert done.stderr.startswith("showfloor: ")
    assert "written by PostgreSQL 17" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_finds_nothing_to_mend_on_a_good_machine(tmp_path: Path) -> None:
    done = _showfloor("doctor", "--data", str(tmp_path), "--port", "0")
    assert done.returncode == 0, done.stdout
    assert "postgres (PostgreSQL) 18" in done.stdout


def test_doctor_names_what_to_mend(tmp_path: Path) -> None:
    done = _showfloor("doctor", "--data", str(tmp_path), "--port", "0", "--host", "192.0.2.1")
    assert done.returncode == 1
    assert "MEND  port" in done.stdout


def _showfloor(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", **variables},
    )
