from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from live.media import accelerator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "scripts" / "hatch_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_accelerator_is_built_where_there_is_a_compiler_and_loads(build: ModuleType, tmp_path: Path) -> None:
    library = tmp_path / "_accelerator.so"
    assert build.compiled(ROOT / build.SOURCE, library)
    assert accelerator._ffi.dlopen(str(library)).accelerator_version() == accelerator.VERSION
    assert list(tmp_path.iterdir()) == [library]


def test_an_installation_without_a_compiler_goes_on_without_it(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert not build.compiled(ROOT / build.SOURCE, tmp_path / "_accelerator.so")


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_source_that_does_not_compile_leaves_the_library_that_is_there(
    build: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, library = tmp_path / "broken.c", tmp_path / "_accelerator.so"
    source.write_text("int accelerator(")
    library.write_text("the one before")
    assert not build.compiled(source, library)
    assert library.read_text() == "the one before"
    assert "no accelerator" in capfd.readouterr().err
