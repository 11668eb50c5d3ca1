from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.acceptance.demo import ROOT, Demo, free_port, running_demo
from tests.browser.browser import chromium
from tests.browser.proxies import TcpProxy, UdpProxy

SHOTS = ROOT / "shots"


@dataclass
class Network:
    """A demo that browsers reach through proxies alone, so that a test can cut their line."""

    demo: Demo
    direct: str
    tcp: TcpProxy
    udp: UdpProxy

    def cut(self) -> None:
        self.tcp.cut()
        self.udp.cut()

    def mend(self) -> None:
        self.tcp.mend()
        self.udp.mend()


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="package")
def demo() -> Iterator[Demo]:
    with running_demo() as demo:
        yield demo


@pytest.fixture(scope="package")
def network() -> Iterator[Network]:
    port, media = free_port(), free_udp_port()
    tcp = TcpProxy(("127.0.0.1", port))
    udp = UdpProxy(("127.0.0.2", media), ("127.0.0.1", media))
    environment = {
        "SHOWFLOOR_BASE_URL": f"http://127.0.0.1:{tcp.port}",
        "SHOWFLOOR_MEDIA_UDP": f"127.0.0.1:{media}",
        "SHOWFLOOR_MEDIA_PUBLIC": "127.0.0.2",
    }
    try:
        with running_demo(port=port, environment=environment) as demo:
            yield Network(demo, f"http://127.0.0.1:{port}", tcp, udp)
    finally:
        tcp.close()
        udp.close()


@pytest.fixture(scope="module")  # its driver holds an event loop while it is open
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("camera")) as browser:
        yield browser


@pytest.fixture(scope="session")
def shots() -> Path:
    SHOTS.mkdir(exist_ok=True)
    return SHOTS
