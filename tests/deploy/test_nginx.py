"""deploy/nginx.conf in Debian's nginx, before a real web role."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.acceptance.demo import ROOT, Demo, eventually, free_port, running_demo

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or ""

pytestmark = pytest.mark.skipif(not NGINX, reason="to be complete: sudo apt-get install -y nginx-light")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, str]]:
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    # As in docker-compose.yml: nginx asks from an address of a network that is trusted.
    trusted = {"SHOWFLOOR_TRUSTED_PROXIES": "127.0.0.0/8"}
    with running_demo(environment=trusted) as demo:
        text = (ROOT / "deploy/nginx.conf").read_text()
        assert "server web:8000;" in text
        text = text.replace("server web:8000;", f"server {demo.base_url.removeprefix('http://')};")
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("listen [::]:8080;", "")
        text = text.replace("proxy_pass http://web;", "proxy_pass http://web; proxy_bind 127.0.0.9;")
        text = text.replace("/tmp/nginx", f"{folder}/nginx")
        (folder / "nginx.conf").write_text(text)
        server = subprocess.Popen([NGINX, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"])
        try:
            eventually("nginx listens", lambda: _listens(port))
            yield demo, f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_pages_api_and_sockets_pass_and_metrics_do_not(front: tuple[Demo, str]) -> None:
    demo, url = front
    health = httpx.get(f"{url}/health/ready")
    assert (health.status_code, health.json()) == (200, {"ok": True})
    assert httpx.get(f"{url}/live/{demo.room}").status_code == 200
    assert httpx.post(f"{url}/api/guests", json={"name": "Ann"}).status_code == 201
    for path in ("/metrics", "/metrics/", "//metrics", "/metrics%2F"):
        assert httpx.get(url + path).status_code == 403, path
    token = demo.guest("Ben").token
    with connect(f"{url.replace('http', 'ws')}/ws/rooms/{demo.room}?token={token}", proxy=None) as seat:
        seat.send('{"type":"hello","v":1,"positions":{}}')
        assert '"welcome"' in str(seat.recv(timeout=10))


def test_limits_count_the_visitors_own_address_whatever_they_write_in_a_header(
    front: tuple[Demo, str],
) -> None:
    _, url = front

    def wrong_password(address: str, forged: str) -> int:
        transport = httpx.HTTPTransport(local_address=address)
        with httpx.Client(transport=transport, base_url=url, headers={"X-Forwarded-For": forged}) as browser:
            return browser.post("/api/session", json={"login": "owner", "password": "wrong"}).status_code

    tries = [wrong_password("127.0.0.2", f"198.51.100.{number}") for number in range(11)]
    assert tries == [401] * 10 + [429]
    assert wrong_password("127.0.0.3", "198.51.100.1") == 401


def test_the_committed_file_is_valid_as_it_is(tmp_path: Path) -> None:
    text = (ROOT / "deploy/nginx.conf").read_text().replace("server web:8000;", "server 127.0.0.1:8000;")
    text = text.replace("/tmp/nginx", f"{tmp_path}/nginx")
    (tmp_path / "nginx.conf").write_text(text)
    checked = subprocess.run(
        [NGINX, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
