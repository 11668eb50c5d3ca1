"""What one run stands on: its listening sockets, its address, and the environment that every role gets."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.kit.settings import SettingsError, split_address
from server.run.folders import DataFolder
from server.run.lan import LanCertificate, certificate_for, is_private, lan_addresses
from server.run.ports import free_udp_port, listen, loopback_of


@dataclass(frozen=True)
class Plan:
    """What `showfloor run` was asked for; everything else comes from SHOWFLOOR_* variables."""

    data: Path
    host: str
    port: int
    demo: bool
    lan: str | None
    """The address to announce; "" finds one; None is no `--lan`."""
    web_processes: int


@dataclass(frozen=True)
class Ground:
    """`local_url` is how this machine itself reaches the pages. The sockets are held for the whole run."""

    environ: dict[str, str]
    base_url: str
    local_url: str
    web: socket.socket
    media: socket.socket
    certificate: LanCertificate | None

    @property
    def descriptors(self) -> list[int]:
        return [self.web.fileno(), self.media.fileno()]


def stand(plan: Plan, given: Mapping[str, str], folder: DataFolder) -> Ground:
    """Raises PortTaken and SettingsError."""
    environ = dict(given)
    addresses = _lan(plan)
    certificate = certificate_for(folder.root / "lan", addresses) if addresses else None
    if certificate:
        environ.setdefault("SHOWFLOOR_MEDIA_PUBLIC", addresses[0])
        environ["SHOWFLOOR_INTERNAL_CA"] = str(certificate.authority)
    web = listen(plan.host, plan.port, option="--port")
    port = int(web.getsockname()[1])
    local_url = f"{'https' if certificate else 'http'}://{_in_url(loopback_of(plan.host))}:{port}"
    base_url = (
        f"https://{addresses[0]}:{port}" if addresses else environ.get("SHOWFLOOR_BASE_URL") or local_url
    )
    environ |= {
        "SHOWFLOOR_DATA": str(folder.root),
        "SHOWFLOOR_HOST": plan.host,
        "SHOWFLOOR_PORT": str(port),
        "SHOWFLOOR_BASE_URL": base_url.rstrip("/"),
        "SHOWFLOOR_INTERNAL_URL": local_url,
        "SHOWFLOOR_DEMO": "1" if plan.demo else "0",
    }
    media = _media(plan, environ, port)
    return Ground(environ, base_url.rstrip("/"), local_url, web, media, certificate)


def _lan(plan: Plan) -> list[str]:
    if plan.lan is None:
        return []
    addresses = [plan.lan] if plan.lan else lan_addresses()
    if not addresses:
        raise SettingsError("--lan: this machine has no address in a local network")
    if not is_private(addresses[0]):
        raise SettingsError(f"--lan: {addresses[0]} is not an address of a local network")
    return addresses


def _media(plan: Plan, environ: dict[str, str], port: int) -> socket.socket:
    """Internal signalling on a socket of ours, and one UDP port: the pages' own number if that is free."""
    host, http_port = split_address(environ.get("SHOWFLOOR_MEDIA_HTTP") or "127.0.0.1:0")
    listener = listen(host, http_port, option="SHOWFLOOR_MEDIA_HTTP")
    environ["SHOWFLOOR_MEDIA_HTTP"] = f"{_in_url(host)}:{listener.getsockname()[1]}"
    if not environ.get("SHOWFLOOR_MEDIA_UDP"):
        environ["SHOWFLOOR_MEDIA_UDP"] = f"{_in_url(plan.host)}:{free_udp_port(plan.host, port)}"
    return listener


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
