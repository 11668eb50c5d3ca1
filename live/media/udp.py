"""One UDP port for all hosts and viewers of a node: an ICE-lite agent (RFC 8445) for each, told apart by the user
name in their connectivity checks and from then on by address."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import ifaddr
from aioice import stun

Address = tuple[str, int] | tuple[str, int, int, int]

IDLE_AFTER = 12.0  # seconds without an authentic packet; checks come every 2.5 s (browsers) to 6 s (libjuice)
_SWEEP_EVERY = 1.0
_MOST_ADDRESSES = 16  # remembered for one agent
_READS_PER_WAKE_UP = 64
_BUFFER = 4 << 20
_LARGEST = 2048
_BINDING_REQUEST = b"\x00\x01"


class Candidate(NamedTuple):
    """A host candidate; all components and streams share it."""

    address: str
    port: int
    priority: int


class Credentials(NamedTuple):
    ufrag: str
    password: str
    remote_ufrag: str


@dataclass
class Counters:
    received: int = 0
    unknown: int = 0  # from an address, or with a user name, that nobody has
    refused: int = 0  # checks that are not authentic
    unsent: int = 0  # full buffer or unreachable: to the peer it is loss


@dataclass(eq=False)
class IceAgent:
    """The lite end of one peer's ICE session. Callbacks run in the socket's reader and must not block."""

    mux: UdpMux
    credentials: list[Credentials]
    on_datagram: Callable[[bytes], None]
    on_address: Callable[[Address], None] = lambda _: None
    on_idle: Callable[[], None] = lambda: None
    address: Address | None = None
    heard_at: float = 0.0
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    _known: list[Address] = field(default_factory=list)

    @property
    def current(self) -> Credentials:
        return self.credentials[-1]

    def send(self, datagram: bytes) -> None:
        if self.address is not None:
            self.mux.send(datagram, self.address)

    def heard(self) -> None:
        """Something authentic came: the peer is there and consents."""
        self.heard_at = self.mux.clock()

    def restart(self, remote_ufrag: str) -> Credentials:
        """New credentials (RFC 8445, 9). The old ones hold until the first check with the new ones."""
        fresh = new_credentials(remote_ufrag)
        for stale in self.credentials[:-1]:
            self.mux.by_ufrag.pop(stale.ufrag, None)
        self.credentials = [self.current, fresh]
        self.mux.by_ufrag[fresh.ufrag] = self
        return fresh

    def checked(self, request: stun.Message, address: Address) -> stun.Message | None:
        """The answer to a connectivity check; None for one that isn't authentic."""
        used = self._authentic(request)
        if used is None:
            self.mux.counters.refused += 1
            return None
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id)
        if "ICE-CONTROLLED" in request.attributes:
            answer.message_class = stun.Class.ERROR
            answer.attributes["ERROR-CODE"] = (487, "Role Conflict")
        else:
            answer.attributes["XOR-MAPPED-ADDRESS"] = _plain(address)
            self._remember(address)
            self._follow(used, address, nominated="USE-CANDIDATE" in request.attributes)
        answer.add_message_integrity(used.password.encode())
        return answer

    def _authentic(self, request: stun.Message) -> Credentials | None:
        local, _, remote = request.attributes.get("USERNAME", "").partition(":")
        for credentials in self.credentials:
            named = (credentials.ufrag, credentials.remote_ufrag) == (local, remote)
            if named and request.check_message_integrity(credentials.password.encode()):
                return credentials
        return None

    def _remember(self, address: Address) -> None:
        self.heard()
        if self.mux.by_address.get(address) is not self:
            self.mux.by_address[address] = self
            self._known.append(address)
        if len(self._known) > _MOST_ADDRESSES:
            oldest = next(known for known in self._known if known != self.address)
            self._forget(oldest)

    def _follow(self, used: Credentials, address: Address, *, nominated: bool) -> None:
        if used is self.current and len(self.credentials) > 1:
            self.mux.by_ufrag.pop(self.credentials[0].ufrag, None)
            self.credentials = [used]
        if address == self.address or used is not self.current:
            return
        if self.address is None or nominated:
            self.address = address
            self.on_address(address)
            self.connected.set()

    def _forget(self, address: Address) -> None:
        self._known.remove(address)
        if self.mux.by_address.get(address) is self:
            del self.mux.by_address[address]

    def close(self) -> None:
        """No more datagrams go out or come in. Idempotent."""
        for credentials in self.credentials:
            if self.mux.by_ufrag.get(credentials.ufrag) is self:
                del self.mux.by_ufrag[credentials.ufrag]
        for address in list(self._known):
            self._forget(address)
        self.address = None
        # It leads back here: 100 KB of TLS state would wait for the collector.
        self.on_datagram = lambda datagram: None


class UdpMux:
    """The socket. `open` it in a running event loop and `close` it there."""

    def __init__(
        self,
        sock: socket.socket,
        announced: Sequence[str],
        *,
        idle_after: float = IDLE_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sock, self.clock, self.counters = sock, clock, Counters()
        self.port: int = sock.getsockname()[1]
        self.candidates = [
            Candidate(address, self.port, _priority(rank)) for rank, address in enumerate(announced)
        ]
        self.by_ufrag: dict[str, IceAgent] = {}
        self.by_address: dict[Address, IceAgent] = {}
        self._idle_after = idle_after
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)
        self._sweeper = self._loop.call_later(_SWEEP_EVERY, self._sweep)

    @classmethod
    def open(
        cls, host: str, port: int, announced: Sequence[str] = (), *, idle_after: float = IDLE_AFTER
    ) -> UdpMux:
        """Binds `host`:`port` (0: any free one); a v6 wildcard takes IPv4 too. `announced` are the IP addresses
        told to peers; by default the bound one, or all of this machine's for a wildcard. Raises OSError."""
        address = ipaddress.ip_address(host)
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
            if address.version == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not address.is_unspecified))
            sock.bind((host, port))
            return cls(sock, announced or _own_addresses(address), idle_after=idle_after)
        except BaseException:
            sock.close()
            raise

    def agent(self, remote_ufrag: str, on_datagram: Callable[[bytes], None]) -> IceAgent:
        """A new agent that answers checks with its `current` credentials. To be closed by the caller."""
        credentials = new_credentials(remote_ufrag)
        agent = IceAgent(self, [credentials], on_datagram)
        agent.heard()
        self.by_ufrag[credentials.ufrag] = agent
        return agent

    @property
    def agents(self) -> set[IceAgent]:
        return set(self.by_ufrag.values())

    def send(self, datagram: bytes | memoryview, address: Address) -> None:
        try:
            self.sock.sendto(datagram, address)
        except OSError:
            self.counters.unsent += 1

    def _readable(self) -> None:
        for _ in range(_READS_PER_WAKE_UP):
            try:
                datagram, address = self.sock.recvfrom(_LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an ICMP error about some other peer
            if datagram:
                self.received(datagram, address)

    def received(self, datagram: bytes, address: Address) -> None:
        """Whatever the bytes, no exception and no answer to what isn't authentic."""
        self.counters.received += 1
        if datagram[0] < 4:
            self._check(datagram, address)
        elif agent := self.by_address.get(address):
            agent.on_datagram(datagram)
        else:
            self.counters.unknown += 1

    def _check(self, datagram: bytes, address: Address) -> None:
        if datagram[:2] != _BINDING_REQUEST:
            return
        try:
            request = stun.parse_message(datagram)
        except (ValueError, struct.error):
            return
        agent = self.by_ufrag.get(request.attributes.get("USERNAME", "").partition(":")[0])
        if agent is None:
            self.counters.unknown += 1
        elif answer := agent.checked(request, address):
            self.send(bytes(answer), address)

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(min(_SWEEP_EVERY, self._idle_after / 4), self._sweep)
        silent_since = self.clock() - self._idle_after
        for agent in self.agents:
            if agent.heard_at < silent_since:
                agent.on_idle()

    def close(self) -> None:
        self._sweeper.cancel()
        self._loop.remove_reader(self.sock.fileno())
        self.sock.close()


def new_credentials(remote_ufrag: str) -> Credentials:
    """12 and 32 hex digits: unique on any node, and past guessing (RFC 8445, 5.3: 24 and 128 bits)."""
    return Credentials(secrets.token_hex(6), secrets.token_hex(16), remote_ufrag)


def _priority(rank: int) -> int:
    """RFC 8445, 5.1.2.1, for host candidates of component 1; the first announced is the best."""
    return 126 << 24 | (65535 - rank) << 8 | 255


def _plain(address: Address) -> tuple[str, int]:
    """IPv4 that arrives on an IPv6 socket is IPv4 to its sender."""
    host, port = address[0].partition("%")[0], address[1]
    if host.startswith("::ffff:") and "." in host:
        host = host.removeprefix("::ffff:")
    return host, port


def _own_addresses(bound: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[str]:
    if not bound.is_unspecified:
        return [str(bound)]
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            usable = not address.is_link_local and (address.version == 4 or bound.version == 6)
            if usable and not address.is_loopback:
                found.append(str(address))
    return found or ["127.0.0.1"]
