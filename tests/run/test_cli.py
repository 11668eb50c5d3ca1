from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server.payments import wechat


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
    assert ("ok    media           accelerated" in done.stdout) == bool(shutil.which("cc"))


def test_doctor_names_what_to_mend(tmp_path: Path) -> None:
    done = _showfloor("doctor", "--data", str(tmp_path), "--port", "0", "--host", "192.0.2.1")
    assert done.returncode == 1
    assert "MEND  port" in done.stdout


def test_doctor_says_where_wechat_pay_is_taken(tmp_path: Path) -> None:
    known = wechat.account("")
    (tmp_path / "key.pem").write_text(known.private_key)
    (tmp_path / "pub.pem").write_text(known.public_key)
    half = {
        "SHOWFLOOR_WECHAT_PAY_MERCHANT_ID": known.merchant_id,
        "SHOWFLOOR_BASE_URL": "https://shop.example",
    }
    whole = half | {
        "SHOWFLOOR_WECHAT_PAY_APP_ID": known.app_id,
        "SHOWFLOOR_WECHAT_PAY_CERTIFICATE_SERIAL": known.certificate_serial,
        "SHOWFLOOR_WECHAT_PAY_PRIVATE_KEY": str(tmp_path / "key.pem"),
        "SHOWFLOOR_WECHAT_PAY_API_V3_KEY": known.api_v3_key,
        "SHOWFLOOR_WECHAT_PAY_PUBLIC_KEY": str(tmp_path / "pub.pem"),
        "SHOWFLOOR_WECHAT_PAY_PUBLIC_KEY_ID": known.public_key_id,
    }
    for given, told in (
        (half, "MEND  WeChat Pay"),
        (whole, "not within WeChat: set SHOWFLOOR_WECHAT_PAY_APP_SECRET"),
        (whole | {"SHOWFLOOR_WECHAT_PAY_APP_SECRET": "0a" * 16}, "also within WeChat"),
    ):
        assert told in _showfloor("doctor", "--data", str(tmp_path), "--port", "0", **given).stdout


def _showfloor(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", **variables},
    )
