from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from live.media import rtcp
from live.media.rtcp import (
    KeyframeRequest,
    Nack,
    ReferenceAnswer,
    ReportBlock,
    SenderReport,
)

REPORT = SenderReport(1, rtcp.ntp(1_700_000_000.5), 90_000, 10, 2000)
BLOCK = ReportBlock(2, 64, -3, 70_000, 12, 0xABCD1234, 6553)


def read(compound: bytes) -> list[rtcp.Message]:
    return list(rtcp.parse(compound))


def test_sender_report_survives_the_wire():
    assert read(rtcp.sender_report(REPORT)) == [REPORT]


def test_receiver_report_survives_the_wire_with_negative_loss():
    assert read(rtcp.receiver_report(9, [BLOCK, BLOCK])) == [BLOCK, BLOCK]


def test_compound_of_everything_is_read_in_order():
    compound = (
        rtcp.sender_report(REPORT)
        + rtcp.source_description([1, 2], "room")
        + rtcp.nack(9, 1, [5, 6, 21, 22])
        + rtcp.picture_loss(9, 1)
        + rtcp.reference_time(9, 77)
    )
    assert read(compound) == [REPORT, Nack(1, [5, 6, 21, 22]), KeyframeRequest(1)]


@given(st.integers(0, 0xFFFF), st.sets(st.integers(0, 400), max_size=60))
def test_nack_names_each_lost_packet_once_across_the_wrap(first, offsets):
    lost = [(first + offset) & 0xFFFF for offset in sorted(offsets | {0})]
    assert read(rtcp.nack(1, 2, lost)) == [Nack(2, lost)]


def test_full_intra_request_asks_for_a_keyframe():
    fir = rtcp.packet(rtcp.PSFB, rtcp.FIR, bytes(8) + (5).to_bytes(4) + b"\x01\0\0\0")
    assert read(fir) == [KeyframeRequest(5)]


def test_source_description_is_padded_to_words():
    for cname in ("a", "ab", "abc", "abcd", "abcde"):
        assert len(rtcp.source_description([1], cname)) % 4 == 0


def test_answer_to_a_reference_time_gives_the_round_trip():
    sent, now = rtcp.ntp(1000.0), rtcp.ntp(1000.25)
    block = b"\x05\0" + (3).to_bytes(2) + bytes(4) + rtcp.middle(sent).to_bytes(4) + (6554).to_bytes(4)
    answers = read(rtcp.packet(rtcp.XR, 0, bytes(4) + block))
    assert answers == [ReferenceAnswer(rtcp.middle(sent), 6554)]
    trip = rtcp.round_trip(now, answers[0].last_reference, answers[0].delay)
    assert trip is not None
    assert abs(trip - 0.15) < 0.001


def test_impossible_round_trip_is_none():
    assert rtcp.round_trip(rtcp.ntp(1000.0), rtcp.middle(rtcp.ntp(1001.0)), 0) is None


def test_wall_clock_survives_ntp():
    assert abs(rtcp.unix(rtcp.ntp(1_800_000_000.123)) - 1_800_000_000.123) < 1e-5


@given(st.binary(max_size=120))
def test_any_bytes_yield_messages_or_nothing(data):
    read(data)
    read(bytes((0x80 | data[0] & 31 if data else 0x81, 200 + len(data) % 8)) + data)
