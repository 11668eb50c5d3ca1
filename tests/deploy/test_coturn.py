"""deploy/turnserver.conf in Debian's coturn: a signed, short-lived user is served, an unsigned one is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def _allocates(port: int, password: str, user: str) -> bool:
    """Whether an allocation is granted (the relay itself must stay shut towards private addresses)."""
    client = [CLIENT, "-y", "-n", "1", "-c", "-u", user, "-w", password, "-p", str(port), "-v", "127.0.0.1"]
    try:
        seen = subprocess.run(client, capture_output=True, text=True, timeout=8)
        output = seen.stdout + seen.stderr
    except subprocess.TimeoutExpired as hung:
        output = ((hung.stdout or b"") + (hung.stderr or b"")).decode()
    return "Received relay addr" in output


def test_a_signed_user_is_served_and_a_forged_one_is_not(turn_port: int) -> None:
    user = f"{int(time.time()) + 600}:viewer"
    password = base64.b64encode(hmac.digest(SECRET.encode(), user.encode(), hashlib.sha1)).decode()
    assert _allocates(turn_port, password, user)
    assert not _allocates(turn_port, "forged", user)
