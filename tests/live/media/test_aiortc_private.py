"""Contracts of the undocumented names that the media engine touches: a new release of aiortc, aioice or pylibsrtp
that breaks one of them fails here, by name."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from importlib.metadata import version

import aioice.ice
import pytest

from live.media import aiortc_private, rtp
from live.media.aiortc_private import Certificate, Dtls, Fingerprint, HandshakeFailed, Protector
from tests.live.media.offers import BROWSER_OFFER

PACKET = b"\x80\x60" + (7).to_bytes(2) + (1000).to_bytes(4) + (0x1234).to_bytes(4) + b"picture" * 100
REPORT = b"\x80\xc9\x00\x01" + (0x1234).to_bytes(4)


class Line:
    """Two DTLS ends joined in memory."""

    def __init__(self) -> None:
        self.certificates = [Certificate.generateCertificate() for _ in range(2)]
        self.goodbyes: list[str] = []
        self.server = Dtls(
            self.certificates[0],
            "server",
            self._to_client,
            lambda: self.goodbyes.append("server"),
        )
        self.client = Dtls(
            self.certificates[1],
            "client",
            self._to_server,
            lambda: self.goodbyes.append("client"),
        )

    def _to_client(self, datagram: bytes) -> None:
        self.client.feed(datagram)

    def _to_server(self, datagram: bytes) -> None:
        self.server.feed(datagram)

    async def shake_hands(self, expected: list[Fingerprint] | None = None) -> None:
        server, client = (certificate.getFingerprints() for certificate in self.certificates)
        async with asyncio.timeout(20):
            await asyncio.gather(
                self.server.handshake(expected or client[:1]),
                self.client.handshake(server),
                return_exceptions=False,
            )

    async def close(self) -> None:
        await self.client.close()
        await self.server.close()


@pytest.fixture
async def line():
    line = Line()
    await line.shake_hands()
    yield line
    await line.close()


def test_versions_are_the_ones_these_contracts_were_written_for():
    pinned = {"aiortc": "1.16.0", "aioice": "0.13.0", "pylibsrtp": "1.0.0"}
    assert {name: version(name) for name in pinned} == pinned


async def test_dtls_needs_only_role_recv_and_send_of_its_ice_transport(line):
    protected = line.server.protect_rtcp(REPORT)
    assert protected != REPORT
    assert line.client.unprotect_rtcp(protected) == REPORT


async def test_preferred_srtp_profile_is_aes_128_gcm(line):
    assert line.client._transport._ssl.get_selected_srtp_profile() == b"SRTP_AEAD_AES_128_GCM"


async def test_protecting_in_place_gives_what_the_session_reads(line):
    protect, data, buffer, length, views = Protector().call
    buffer[0 : len(PACKET)] = PACKET
    length[0] = len(PACKET)
    assert protect(line.server.srtp, data, length) == 0
    assert line.client.unprotect(bytes(views[length[0]])) == PACKET


async def test_the_functions_and_the_sessions_addresses_serve_code_that_is_not_python(line):
    protect = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))(
        aiortc_private.srtp_protect_address()
    )
    packet = ctypes.create_string_buffer(PACKET, 1500)
    length = ctypes.c_int(len(PACKET))
    assert protect(aiortc_private.address_of(line.server.srtp), packet, ctypes.byref(length)) == 0
    assert line.client.unprotect(packet.raw[: length.value]) == PACKET


async def test_a_packet_may_be_protected_again_and_is_the_same_bytes(line):
    protect, data, buffer, length, views = Protector().call
    outcomes = []
    for _ in range(2):
        buffer[0 : len(PACKET)] = PACKET
        length[0] = len(PACKET)
        assert protect(line.server.srtp, data, length) == 0
        outcomes.append(bytes(views[length[0]]))
    assert outcomes[0] == outcomes[1]


async def test_what_is_not_authentic_opens_as_nothing(line):
    assert line.client.unprotect(PACKET) is None
    assert line.client.unprotect_rtcp(REPORT + bytes(20)) is None
    assert line.client.unprotect(bytes([0x80, 0x60]) + bytes(1600)) is None


async def test_before_the_keys_nothing_opens():
    line = Line()
    assert line.client.unprotect(PACKET) is None
    await line.close()


async def test_closing_says_goodbye_to_the_other_end(line):
    await line.client.close()
    async with asyncio.timeout(2):
        while not line.goodbyes:
            await asyncio.sleep(0)
    assert line.goodbyes == ["server"]


async def test_wrong_fingerprint_fails_the_handshake():
    line = Line()
    stranger = Certificate.generateCertificate().getFingerprints()[:1]
    with pytest.raises(HandshakeFailed):
        await line.shake_hands(stranger)
    await line.close()


async def test_closing_twice_or_before_the_handshake_is_harmless():
    line = Line()
    for _ in range(2):
        await line.close()


def test_descriptions_parse_into_the_fields_that_offers_read():
    description = aiortc_private.parse_description(BROWSER_OFFER)
    audio, video = description.media
    assert (audio.kind, audio.rtp.muxId, audio.direction, audio.port, audio.profile) == (
        "audio",
        "0",
        "sendonly",
        9,
        "UDP/TLS/RTP/SAVPF",
    )
    assert video.ice.usernameFragment == "EsAw"
    assert video.dtls.role == "auto"
    assert [print_.algorithm for print_ in video.dtls.fingerprints] == ["sha-256"]
    assert video.rtcp_mux
    assert video.ssrc[0].ssrc == 3866558358
    codec = next(codec for codec in video.rtp.codecs if codec.payloadType == 108)
    assert (codec.name, codec.clockRate, codec.parameters["profile-level-id"]) == ("H264", 90000, "42e01f")
    assert {f"{fb.type} {fb.parameter or ''}".strip() for fb in codec.rtcpFeedback} >= {"nack", "nack pli"}
    assert description.group[0].semantic == "BUNDLE"
    assert description.group[0].items == ["0", "1"]
    assert video.rtp.headerExtensions[0].uri


@pytest.mark.parametrize("text", ["", "v=0\r\nm=", "m=video\r\n", "v=x", "v=0\r\nc=nothing", "\x00" * 100])
def test_nonsense_never_raises_anything_but_value_errors(text):
    with contextlib.suppress(ValueError):
        assert aiortc_private.parse_description(text).media == []


def test_loopback_is_gathered_only_inside_the_context():
    before = aioice.ice.get_host_addresses(True, False)
    with aiortc_private.loopback_too():
        assert aioice.ice.get_host_addresses(True, False) == [*before, "127.0.0.1"]
    assert aioice.ice.get_host_addresses(True, False) == before


def test_largest_datagram_fits_the_libraries_own_buffer():
    assert len(Protector().views) > aiortc_private.LARGEST_DATAGRAM + 16
    assert rtp.HEADER_SIZE == 12


@pytest.mark.parametrize(
    ("codec", "payload", "share"),
    [
        ("H264", b"\x65one", b"\0\0\0\1\x65one"),
        ("H264", b"\x78\x00\x02\x67a\x00\x02\x68b", b"\0\0\0\1\x67a\0\0\0\1\x68b"),
        ("H264", b"\x7c\x85begin", b"\0\0\0\1\x65begin"),
        ("H264", b"\x7c\x05more", b"more"),
        ("H264", b"\x7c\x45end", b"end"),
        ("VP8", b"\x10frame", b"frame"),
        ("VP8", b"\x90\xe0\x80\x05\x01\x20frame", b"frame"),
    ],
)
def test_payloads_open_into_their_share_of_a_frame(codec, payload, share):
    assert aiortc_private.depayloaded(codec, payload) == share


@pytest.mark.parametrize(("codec", "payload"), [("H264", b"\x65"), ("H264", b"\x78\x00\x09a"), ("VP8", b"")])
def test_payloads_that_make_no_sense_raise_value_errors(codec, payload):
    with pytest.raises(ValueError, match=r"short|truncated"):
        aiortc_private.depayloaded(codec, payload)
