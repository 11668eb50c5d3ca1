"""deploy/turnserver.conf in Debian's coturn: a signed, short-lived user is served, an unsigned one is not."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from live.media.clip import published
from server.kit.settings import IceServer, Settings
from server.rooms.media_proxy import TURN_TTL, turn_server
from tests.acceptance.demo import ROOT, eventually, free_port
from tests.live.media.players import make_small_clip
from tests.live.media.stage import TOKEN, stage
from tests.live.media.tabs import chromium, more_frames, page, watching

TURNSERVER = shutil.which("turnserver") or ""
CLIENT = shutil.which("turnutils_uclient") or ""
SECRET = "a secret of this test"

RELAYED = """async () => [...(await connection.getStats()).values()]
    .filter((one) => one.type === 'local-candidate').map((one) => one.candidateType)"""
"""Of what the viewer's tab sends from."""

pytestmark = pytest.mark.skipif(not TURNSERVER, reason="to be complete: sudo apt-get install -y coturn")


@pytest.fixture
def turn_port(tmp_path: Path) -> Iterator[int]:
    with coturn(ROOT / "deploy/turnserver.conf", tmp_path) as port:
        yield port


@pytest.fixture
def turn_port_here(tmp_path: Path) -> Iterator[int]:
    """The same, but that it relays into this machine, where the test's media node is."""
    shipped = (ROOT / "deploy/turnserver.conf").read_text()
    opened = shipped.replace("denied-peer-ip=127.0.0.0-127.255.255.255\n", "allow-loopback-peers\n")
    assert opened != shipped
    configuration = tmp_path / "turnserver.conf"
    configuration.write_text(opened)
    with coturn(configuration, tmp_path) as port:
        yield port


@contextmanager
def coturn(configuration: Path, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    options = ["-c", str(configuration), f"--static-auth-secret={SECRET}"]
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


@pytest.mark.browser
async def test_viewer_behind_a_wall_watches_through_the_relay(turn_port_here: int, tmp_path: Path) -> None:
    relay = _handed_out(datetime.now(UTC))
    server = {
        "urls": f"turn:127.0.0.1:{turn_port_here}",
        "username": relay.username,
        "credential": relay.credential,
    }
    clip = make_small_clip(tmp_path / "clip.mkv")
    async with (
        stage(tmp_path / "stage", lambda: [page]) as room,
        chromium(tmp_path / "profile") as browser,
        httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client,
        published(client, room.url("whip", "r"), clip),
    ):
        viewer = await watching(browser, room, ice={"iceServers": [server], "iceTransportPolicy": "relay"})
        await more_frames(viewer, 15)
        assert set(await viewer.evaluate(RELAYED)) == {"relay"}
