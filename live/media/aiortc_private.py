"""Every touch of names that aiortc 1.16, aioice 0.13 and pylibsrtp 1.0 don't document.

All three are pinned; `tests/live/media/test_aiortc_private.py` holds a contract test for each touch. DTLS and
SRTP keying stay aiortc's; packets don't pass through its receivers and senders, which decode and encode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import aioice.ice
import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters
from aiortc import sdp as _sdp
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport
from pylibsrtp._binding import ffi, lib

Certificate = RTCCertificate
Fingerprint = RTCDtlsFingerprint
DtlsRole = Literal["client", "server"]

LARGEST_DATAGRAM = 1500  # pylibsrtp's own buffer
_TRAILER = 16 + 128  # the most that srtp_protect appends
_MOST_WAITING = 64  # DTLS datagrams

# AES-128-GCM costs 1.1 µs for a full packet, AES-256-GCM 1.6, AES-CM with SHA-1 1.8.
_PROFILES = sorted(SRTP_PROFILES, key=lambda profile: b"AEAD_AES_128" not in profile.openssl_profile)


class HandshakeFailed(Exception):
    """DTLS could not be set up: wrong fingerprint, no common SRTP profile, or the peer went away."""


class _Datagrams:
    """What `RTCDtlsTransport` asks of an ICE transport."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._out = send
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closed = False

    def put(self, datagram: bytes) -> None:
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put_nowait(datagram)

    def close(self) -> None:
        self.closed = True
        self._waiting.put_nowait(None)

    async def _recv(self) -> bytes:
        datagram = None if self.closed else await self._waiting.get()
        if datagram is None:
            raise ConnectionError("closed")
        return datagram

    async def _send(self, datagram: bytes) -> None:
        if self.closed:
            raise ConnectionError("closed")
        self._out(datagram)


class Dtls:
    """DTLS-SRTP with one peer over any way to send datagrams. `on_closed` is called once, from the event loop,
    when the peer says goodbye."""

    def __init__(
        self,
        certificate: Certificate,
        role: DtlsRole,
        send: Callable[[bytes], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._datagrams = _Datagrams(send)
        self._transport = RTCDtlsTransport(cast(RTCIceTransport, self._datagrams), [certificate])
        self._transport._srtp_profiles = _PROFILES
        self._transport._set_role(role)
        self._on_closed = on_closed
        self._keyed = False

    async def handshake(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Raises HandshakeFailed. `fingerprints` are those of the peer's session description."""
        await self._transport.start(RTCDtlsParameters(fingerprints=list(fingerprints)))
        if self._transport.state != "connected":
            raise HandshakeFailed
        self._keyed = True
        self._transport.on("statechange", self._state_changed)

    def _state_changed(self) -> None:
        if self._transport.state == "closed":
            self._on_closed()

    def feed(self, datagram: bytes) -> None:
        """A datagram whose first byte says DTLS (20 … 63)."""
        self._datagrams.put(datagram)

    def unprotect(self, datagram: bytes) -> bytes | None:
        """SRTP → RTP; None for what isn't authentic, or comes before the keys."""
        return self._opened(datagram, rtcp=False)

    def unprotect_rtcp(self, datagram: bytes) -> bytes | None:
        return self._opened(datagram, rtcp=True)

    def _opened(self, datagram: bytes, *, rtcp: bool) -> bytes | None:
        if not self._keyed:
            return None
        session = self._transport._rx_srtp
        try:
            opened = session.unprotect_rtcp(datagram) if rtcp else session.unprotect(datagram)
        except (pylibsrtp.Error, ValueError):
            return None
        return opened

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._transport._tx_srtp.protect_rtcp(packet)

    @property
    def srtp(self) -> Any:
        """libsrtp's `srtp_t` for sending. Valid as long as this object lives; only after the handshake."""
        return self._transport._tx_srtp._srtp[0]

    async def close(self) -> None:
        """Says goodbye (close_notify) and frees the handshake's state. Idempotent."""
        self._transport.remove_all_listeners()
        if not self._datagrams.closed:
            await self._transport.stop()
            self._datagrams.close()


class Protector:
    """`srtp_protect` in place, in one buffer that is used again for each packet: no allocation, no compiler."""

    def __init__(self) -> None:
        self._bytes = ffi.new("uint8_t[]", LARGEST_DATAGRAM + _TRAILER)
        self.buffer: Any = ffi.buffer(self._bytes)
        self.length: Any = ffi.new("int *")
        whole = memoryview(self.buffer)
        self.views = [whole[:size] for size in range(len(whole) + 1)]

    @property
    def call(self) -> tuple[Callable[[Any, Any, Any], int], Any, Any, Any, list[memoryview]]:
        """(srtp_protect, its packet argument, `buffer`, `length`, `views`) as locals for a hot loop:
        write the packet into `buffer`, its size into `length[0]`, call; 0 means that `views[length[0]]` is SRTP."""
        return lib.srtp_protect, self._bytes, self.buffer, self.length, self.views


def srtp_protect_address() -> int:
    """Of the function, for code that isn't Python: `int srtp_protect(srtp_t, void *packet, int *length)`."""
    return address_of(ffi.addressof(lib, "srtp_protect"))


def address_of(pointer: Any) -> int:
    """Of what one of pylibsrtp's pointers points to."""
    return int(ffi.cast("uintptr_t", pointer))


_DEPAYLOADERS: dict[str, Callable[[bytes], bytes]] = {"H264": h264_depayload, "VP8": vp8_depayload}


def depayloaded(codec: str, payload: bytes) -> bytes:
    """An RTP payload's share of its frame; for H264 with a start code before each NAL unit that begins in it. Raises
    ValueError."""
    return _DEPAYLOADERS[codec](payload)


SessionDescription = _sdp.SessionDescription
MediaDescription = _sdp.MediaDescription


def parse_description(text: str) -> SessionDescription:
    """Raises ValueError on anything that aiortc's parser trips over."""
    try:
        return SessionDescription.parse(text)
    except (AssertionError, AttributeError, IndexError, KeyError, StopIteration, TypeError) as error:
        raise ValueError(f"not a session description: {type(error).__name__}") from error


@contextmanager
def loopback_too() -> Iterator[None]:
    """aioice leaves out the loopback interface, so that a client beside its server has no candidate when there is no
    network. While candidates are gathered in this context, it is one of the interfaces."""
    original = aioice.ice.get_host_addresses

    def with_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return [*original(use_ipv4, use_ipv6), *(["127.0.0.1"] if use_ipv4 else [])]

    aioice.ice.get_host_addresses = with_loopback
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = original
