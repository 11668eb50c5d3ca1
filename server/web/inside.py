"""What only those who run the installation may see: figures, processes."""

from __future__ import annotations

import ipaddress

from server.kit.principal import AnyConnection
from server.kit.settings import Settings


def from_inside(connection: AnyConnection, settings: Settings) -> bool:
    """This machine, or a neighbour in the proxies' network; nobody for whom a proxy asks."""
    if connection.client is None or "x-forwarded-for" in connection.headers:
        return False
    try:
        address = ipaddress.ip_address(connection.client.host)
    except ValueError:
        return False
    trusted = map(ipaddress.ip_network, settings.trusted_proxies)
    return address.is_loopback or any(address in network for network in trusted)
