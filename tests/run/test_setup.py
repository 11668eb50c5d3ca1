from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("_setup", ROOT / "scripts" / "_setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "BIN", tmp_path / ".venv" / "bin")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "stamp")
    monkeypatch.setattr(module, "LOCK", tmp_path / "requirements.lock")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return module


@pytest.fixture
def installs(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What was installed, instead of installing it."""
    done: list[tuple[str, ...]] = []

    def make_venv() -> None:
        setup.BIN.mkdir(parents=True)
        (setup.BIN / "python").touch()

    monkeypatch.setattr(setup, "_make_venv", make_venv)
    monkeypatch.setattr(setup, "_install", lambda *what: done.append(what))
    return done


def test_second_start_installs_nothing(setup: ModuleType, installs: list[tuple[str, ...]]) -> None:
    setup.environment()
    setup.environment()
    assert len(installs) == 1


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock"])
def test_changed_dependencies_are_installed(
    setup: ModuleType, installs: list[tuple[str, ...]], name: str
) -> None:
    setup.environment()
    (setup.ROOT / name).write_text("# changed\n")
    setup.environment()
    assert len(installs) == 2


def test_group_once_installed_stays_up_to_date(setup: ModuleType, installs: list[tuple[str, ...]]) -> None:
    setup.environment("test")
    setup.environment()
    assert len(installs) == 1
    (setup.ROOT / "pyproject.toml").write_text("# changed\n")
    setup.environment()
    assert "test" in installs[1]


def test_missing_ensurepip_is_named_with_one_command(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match=r"sudo apt-get install -y python3\.\d+-venv"):
        setup.environment()


def test_index_of_pips_configuration_is_handed_on(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    setup.BIN.mkdir(parents=True)
    (setup.BIN / "python").symlink_to(sys.executable)
    assert setup._uv_settings() == {"UV_DEFAULT_INDEX": "https://mirror.example/simple"}


def test_locks_name_no_host() -> None:
    assert "//" not in (ROOT / "requirements.lock").read_text()
    packages = json.loads((ROOT / "static" / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "//" in package.get("resolved", "")]


def test_lock_holds_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *chain(*project["dependency-groups"].values())]
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert {_name(requirement) for requirement in wanted} <= locked


def _name(requirement: str) -> str:
    found = re.match(r"[\w-]+", requirement)
    assert found
    return found[0].lower().replace("_", "-")
