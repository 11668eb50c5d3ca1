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
    with running_demo() as demo:
        text = (ROOT / "deploy/nginx.conf").read_text()
        assert "server web:8000;" in text
        text = text.replace("server web:8000;", f"server {demo.base_url.removeprefix('http://')};")
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("listen [::]:8080;", "")
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
    assert httpx.get(f"{url}/health/ready").status_code == 200
    assert httpx.get(f"{url}/live/{demo.room}").status_code == 200
    assert httpx.post(f"{url}/api/guests", json={"name": "Ann"}).status_code == 201
    assert httpx.get(f"{url}/metrics").status_code == 403
    token = demo.guest("Ben").token
    with connect(f"{url.replace('http', 'ws')}/ws/rooms/{demo.room}?token={token}", proxy=None) as seat:
        seat.send('{"type":"hello","v":1,"positions":{}}')
        assert '"welcome"' in str(seat.recv(timeout=10))


def test_the_committed_file_is_valid_as_it_is(tmp_path: Path) -> None:
    text = (ROOT / "deploy/nginx.conf").read_text().replace("server web:8000;", "server 127.0.0.1:8000;")
    text = text.replace("/tmp/nginx", f"{tmp_path}/nginx")
    (tmp_path / "nginx.conf").write_text(text)
    checked = subprocess.run(
        [NGINX, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
