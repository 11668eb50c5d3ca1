"""One remote end, host or viewer: its ICE agent, its DTLS-SRTP, and the way of packets between the two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from live.media import rtcp
from live.media.aiortc_private import Certificate, Dtls, HandshakeFailed
from live.media.offer import Offer
from live.media.udp import UdpMux

CONNECT_WITHIN = 15.0  # seconds from the answer to SRTP keys


class Peer:
    """Holds a place in the mux from construction until `close`. `on_rtp(packet, arrival)` and `on_rtcp(compound)`
    get authentic packets, in the socket's reader: they must not block."""

    def __init__(self, mux: UdpMux, certificate: Certificate, offer: Offer) -> None:
        self._mux = mux
        self._fingerprints = offer.fingerprints
        self.gone = asyncio.Event()
        self.on_rtp: Callable[[bytes, float], None] = lambda packet, arrival: None
        self.on_rtcp: Callable[[bytes], None] = lambda compound: None
        self.agent = mux.agent(offer.ufrag, self._received)
        self.agent.on_idle = self.gone.set
        self.dtls = Dtls(certificate, offer.setup, self.agent.send, self.gone.set)

    async def connect(self, within: float = CONNECT_WITHIN) -> None:
        """Returns when packets can flow. Raises HandshakeFailed, also when it takes too long or `gone` is set."""
        work = asyncio.ensure_future(self._handshake())
        gone = asyncio.ensure_future(self.gone.wait())
        try:
            await asyncio.wait((work, gone), timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise HandshakeFailed
            work.result()
        finally:
            work.cancel()
            gone.cancel()

    async def _handshake(self) -> None:
        await self.agent.connected.wait()
        await self.dtls.handshake(self._fingerprints)

    def send_rtcp(self, compound: bytes) -> None:
        self.agent.send(self.dtls.protect_rtcp(compound))

    def _received(self, datagram: bytes) -> None:
        first = datagram[0]
        if 127 < first < 192:
            self._media(datagram)
        elif 19 < first < 64:
            self.dtls.feed(datagram)

    def _media(self, datagram: bytes) -> None:
        if rtcp.is_rtcp(datagram):
            plain = self.dtls.unprotect_rtcp(datagram)
            if plain is not None:
                self.agent.heard()
                self.on_rtcp(plain)
        else:
            plain = self.dtls.unprotect(datagram)
            if plain is not None:
                self.agent.heard()
                self.on_rtp(plain, self._mux.clock())

    async def close(self) -> None:
        """Says goodbye and frees the place. Idempotent."""
        self.gone.set()
        try:
            await self.dtls.close()
        finally:
            self.agent.close()
