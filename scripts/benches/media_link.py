"""One end of a WebRTC connection as the media bench needs it: ICE and DTLS-SRTP towards a lite server, on a socket of
its own, and no more."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from aioice import stun

from live.media.aiortc_private import Certificate, Dtls, Fingerprint

CONNECT_WITHIN_S = 20.0
_CHECK_AGAIN_S, _GREET_AGAIN_S = 0.1, 0.05
_PRIORITY = 126 << 24 | 65535 << 8 | 255
_LARGEST = 2048
_BINDING_REQUEST, _BINDING_RESPONSE = b"\x00\x01", b"\x01\x01"


class Remote(NamedTuple):
    """What a session description says of its writer."""

    ufrag: str
    password: str
    fingerprint: Fingerprint
    address: tuple[str, int]

    @classmethod
    def of(cls, description: str) -> Remote:
        """Its first UDP candidate is taken. Raises ValueError."""

        def said(pattern: str) -> re.Match[str]:
            found = re.search(rf"^a={pattern}", description, re.MULTILINE | re.IGNORECASE)
            if found is None:
                raise ValueError(f"no {pattern} in {description!r}")
            return found

        algorithm, value = said(r"fingerprint:(\S+) (\S+)").groups()
        host, port = said(r"candidate:\S+ 1 udp \d+ (\d+\.\S+) (\d+) typ host").groups()
        return cls(
            said(r"ice-ufrag:(\S+)")[1],
            said(r"ice-pwd:(\S+)")[1],
            Fingerprint(algorithm=algorithm.lower(), value=value),
            (host, int(port)),
        )


class Link:
    """`on_media` gets SRTP and SRTCP datagrams as they came, in the socket's reader. One certificate may serve many."""

    def __init__(self, certificate: Certificate, on_media: Callable[[bytes], None]) -> None:
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self.fingerprint = certificate.getFingerprints()[0].value
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.dtls = Dtls(certificate, "client", self._send_dtls, lambda: None)
        self._hello = b""
        self._greeted = asyncio.Event()
        self._on_media: Callable[[bytes], None] = self._keep
        self._on_media_with_keys = on_media
        self._early: list[bytes] = []
        self._tie_breaker = secrets.randbits(64)
        self._answered, self._asked = asyncio.Event(), asyncio.Event()
        self._remote: Remote | None = None

    def aim(self, remote: Remote, *, checks: bool = False) -> tuple[str, int]:
        """At whom to speak to from now on; our own address. `checks`: it hears no DTLS before we answered its own."""
        self._remote = remote
        if not checks:
            self._asked.set()
        self.socket.connect(remote.address)
        asyncio.get_running_loop().add_reader(self.socket, self._readable)
        host, port = self.socket.getsockname()
        return host, port

    async def connect(self) -> None:
        """Returns when there are SRTP keys. Raises HandshakeFailed, TimeoutError."""
        assert self._remote is not None
        async with asyncio.timeout(CONNECT_WITHIN_S):
            while not self._answered.is_set():
                self.check()
                try:
                    await asyncio.wait_for(self._answered.wait(), _CHECK_AGAIN_S)
                except TimeoutError:
                    continue
            await self._asked.wait()
            greeting = asyncio.create_task(self._keep_greeting())
            try:
                await self.dtls.handshake([self._remote.fingerprint])
            finally:
                greeting.cancel()
        self._on_media = self._on_media_with_keys
        for datagram in self._early:
            self._on_media(datagram)

    async def _keep_greeting(self) -> None:
        """A server may not listen at once. OpenSSL repeats itself after a second, browsers after 50 ms."""
        while not self._greeted.is_set():
            try:
                await asyncio.wait_for(self._greeted.wait(), _GREET_AGAIN_S)
            except TimeoutError:
                self.send(self._hello)

    def _send_dtls(self, datagram: bytes) -> None:
        self._hello = self._hello or datagram
        self.send(datagram)

    def _keep(self, datagram: bytes) -> None:
        """It may come with the last of the handshake, before that is worked through."""
        self._early.append(datagram)

    def check(self) -> None:
        """Of connectivity, and later of consent (RFC 7675)."""
        assert self._remote is not None
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self._remote.ufrag}:{self.ufrag}"
        request.attributes["PRIORITY"] = _PRIORITY
        request.attributes["ICE-CONTROLLING"] = self._tie_breaker
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._remote.password.encode())
        self.send(bytes(request))

    def send(self, datagram: bytes | memoryview) -> None:
        with suppress(OSError):  # it is lost
            self.socket.send(datagram)

    def send_rtcp(self, compound: bytes) -> None:
        self.send(self.dtls.protect_rtcp(compound))

    def _readable(self) -> None:
        receive, on_media = self.socket.recv, self._on_media
        try:
            while True:
                datagram = receive(_LARGEST)
                first = datagram[0]
                if 127 < first < 192:
                    on_media(datagram)
                elif 19 < first < 64:
                    self._greeted.set()
                    self.dtls.feed(datagram)
                elif datagram[:2] == _BINDING_RESPONSE:
                    self._answered.set()
                elif datagram[:2] == _BINDING_REQUEST:
                    self._answer(datagram)
        except OSError:
            return

    def _answer(self, datagram: bytes) -> None:
        """Janus checks, lite or not."""
        assert self._remote is not None
        request = stun.parse_message(datagram)
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = self._remote.address
        answer.add_message_integrity(self.password.encode())
        self.send(bytes(answer))
        self._asked.set()

    async def close(self) -> None:
        """With a goodbye."""
        await self.dtls.close()
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()
