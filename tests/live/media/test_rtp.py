from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from live.media import rtp
from live.media.rtp import Packet

PLAIN = Packet(96, True, 0xFFFE, 0xFFFFFF00, 0xCAFE, b"payload")


def on_wire(
    first: int = 0x80, middle: bytes = b"", payload: bytes = b"payload", padding: bytes = b""
) -> bytes:
    header = bytes((first, 0x80 | 96)) + PLAIN.sequence.to_bytes(2) + PLAIN.timestamp.to_bytes(4)
    return header + PLAIN.ssrc.to_bytes(4) + middle + payload + padding


def test_header_and_payload_are_read():
    assert rtp.parse(on_wire()) == PLAIN


def test_contributing_sources_and_padding_are_dropped():
    assert rtp.parse(on_wire(0x80 | 2, bytes(8))) == PLAIN
    assert rtp.parse(on_wire(0x80 | 0x20, padding=b"\0\0\3")) == PLAIN


def test_a_packet_of_padding_alone_has_an_empty_payload():
    packet = rtp.parse(on_wire(0x80 | 0x20, payload=b"", padding=b"\0" * 9 + b"\x0a"))
    assert packet is not None
    assert packet.payload == b""


def test_one_byte_extensions_are_found_by_number():
    block = b"\xbe\xde\x00\x02" + b"\x10\xaa" + b"\x00" + b"\x31\x12\x34" + b"\x00\x00"
    packet = rtp.parse(on_wire(0x80 | 0x10, block))
    assert packet is not None
    assert packet.payload == b"payload"
    assert rtp.extension(packet, 1) == b"\xaa"
    assert rtp.extension(packet, 3) == b"\x12\x34"
    assert rtp.extension(packet, 2) is None


def test_two_byte_extensions_are_found_by_number():
    packet = rtp.parse(on_wire(0x80 | 0x10, b"\x10\x00\x00\x02" + b"\x10\x01\xaa\x03\x02\x12\x34\x00"))
    assert packet is not None
    assert rtp.extension(packet, 16) == b"\xaa"
    assert rtp.extension(packet, 3) == b"\x12\x34"


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_nothing(data):
    for candidate in (data, b"\x90" + data, on_wire(0xBF, data)):
        packet = rtp.parse(candidate)
        if packet is not None:
            rtp.extension(packet, 3)
            rtp.restored(packet, payload_type=96, ssrc=1)


def test_template_has_twelve_bytes_of_header_and_the_viewers_number_comes_later():
    shared = rtp.template(PLAIN, sequence=0x1_0002, timestamp=0x1_0000_0005, ssrc=7)
    assert len(shared) == rtp.HEADER_SIZE + len(PLAIN.payload)
    assert rtp.parse(rtp.addressed(shared, 103)) == Packet(103, True, 2, 5, 7, b"payload")


def test_retransmission_carries_the_original_number_before_the_payload():
    shared = rtp.template(PLAIN, sequence=500, timestamp=900, ssrc=7)
    repeat = rtp.parse(rtp.retransmission(shared, payload_type=104, sequence=3, ssrc=8))
    assert repeat == Packet(104, True, 3, 900, 8, (500).to_bytes(2) + b"payload")
    assert rtp.restored(repeat, payload_type=96, ssrc=7) == Packet(96, True, 500, 900, 7, b"payload")


def test_padding_probe_on_the_retransmission_stream_restores_nothing():
    assert rtp.restored(PLAIN._replace(payload=b""), payload_type=96, ssrc=7) is None


@given(st.integers(0, 0xFFFF), st.integers(-0x7FFF, 0x7FFF))
def test_distance_on_the_circle_survives_the_wrap(start, distance):
    assert rtp.ahead((start + distance) & 0xFFFF, start) == distance
