"""Listening sockets and free ports."""

from __future__ import annotations

import socket
from contextlib import suppress

from server.kit.settings import Explained


class PortTaken(Explained):
    """The text names the port and says what to do."""


def listen(host: str, port: int, *, option: str) -> socket.socket:
    """A listening TCP socket that children inherit, so that connections wait while one is started again.

    Raises PortTaken; `option` is how to choose another port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise PortTaken(
            f"{host}:{port} can't be used: {error.strerror}. Choose another by {option}."
        ) from None


def listen_near(host: str, port: int) -> socket.socket:
    """On `port` if it is free, otherwise on any."""
    with suppress(PortTaken):
        return listen(host, port, option="")
    return listen(host, 0, option="--host")


def free_udp_port(host: str, preferred: int) -> int:
    """`preferred` if it is free: one number to open in a firewall, for TCP and UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (preferred, 0):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise PortTaken(f"{host} offers no UDP port")


def loopback_of(host: str) -> str:
    """Where this machine reaches a server that is bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
