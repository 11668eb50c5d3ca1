"""deploy/turnserver.conf in Debian's coturn: a signed, short-lived user is served, an unsigned one is not."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.kit.settings import IceServer, Settings
from server.rooms.media_proxy import TURN_TTL, turn_server
from tests.acceptance.demo import ROOT, eventually, free_port

TURNSERVER = shutil.which("turnserver") or ""
CLIENT = shutil.which("turnutils_uclient") or ""
SECRET = "a secret of this test"

pytestmark = pytest.mark.skipif(not TURNSERVER, reason="to be complete: sudo apt-get install -y coturn")


@pytest.fixture
def turn_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    options = ["-c", str(ROOT / "deploy/turnserver.conf"), f"--static-auth-secret={SECRET}"]
    here = ["-L", "127.0.0.1", "-E", "127.0.0.1", f"--listening-port={port}", f"--pidfile={tmp_path}/pid"]
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(
        [TURNSERVER, *options, *here, f"--userdb={tmp_path}/db"], stdout=log, stderr=log
    )
    try:
        eventually("coturn answers", lambda: _answers(port))
        yield port
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _answers(port: int) -> bool:
    """Ask for our own address (RFC 8489, 6: a bare Binding request)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.3)
        probe.connect(("127.0.0.1", port))
        try:
            probe.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"showfloor 01")
            return bool(probe.recv(200))
        except OSError:
            return False


def _handed_out(at: datetime) -> IceServer:
    """The credential that the web role makes for a session."""
    settings = Settings(
        database_url="",
        redis_url="",
        data=Path("/nowhere"),
        secret="ab" * 32,
        base_url="",
        turn_urls=("turn:turn.example.net",),
        turn_secret=SECRET,
    )
    return turn_server(settings, at)


def _allocates(port: int, user: str | None, password: str | None) -> bool:
    """Whether an allocation is granted (the relay itself must stay shut towards private addresses)."""
    assert user
    assert password
    client = [CLIENT, "-y", "-n", "1", "-c", "-u", user, "-w", password, "-p", str(port), "-v", "127.0.0.1"]
    try:
        seen = subprocess.run(client, capture_output=True, text=True, timeout=8)
        output = seen.stdout + seen.stderr
    except subprocess.TimeoutExpired as hung:
        output = ((hung.stdout or b"") + (hung.stderr or b"")).decode()
    return "Received relay addr" in output


def test_a_user_of_ours_is_served_until_its_time_is_over_and_a_forged_one_is_not(turn_port: int) -> None:
    now = datetime.now(UTC)
    fresh, over = _handed_out(now), _handed_out(now - TURN_TTL - timedelta(minutes=1))
    assert _allocates(turn_port, fresh.username, fresh.credential)
    assert not _allocates(turn_port, over.username, over.credential)
    assert not _allocates(turn_port, fresh.username, "forged")
