from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.media.video import starts_keyframe

SPS, PPS, IDR, SLICE, SEI = 0x67, 0x68, 0x65, 0x61, 0x06


def aggregated(*units: int) -> bytes:
    return b"\x78" + b"".join((3).to_bytes(2) + bytes((unit, 1, 2)) for unit in units)


def fragment(unit: int, *, first: bool) -> bytes:
    return bytes((unit & 0xE0 | 28, (0x80 if first else 0) | unit & 31)) + b"data"


@pytest.mark.parametrize(
    "payload",
    [
        bytes((SPS, 1, 2)),
        bytes((IDR, 1, 2)),
        aggregated(SPS, PPS),
        aggregated(SEI, SPS, PPS, IDR),
        fragment(IDR, first=True),
    ],
)
def test_h264_keyframe_begins_with_parameter_sets_or_an_idr_slice(payload):
    assert starts_keyframe("H264", payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x67",
        bytes((SLICE, 1)),
        aggregated(SEI, SLICE),
        fragment(IDR, first=False),
        fragment(SLICE, first=True),
    ],
)
def test_h264_other_packets_begin_no_keyframe(payload):
    assert not starts_keyframe("H264", payload)


KEY, DELTA = b"\x10\x02\x00", b"\x11\x02\x00"


@pytest.mark.parametrize(
    "descriptor",
    [
        b"\x10",
        b"\x90\x80\x05",
        b"\x90\x80\x80\x05",
        b"\x90\xe0\x80\x05\x01\x20",
        b"\x90\xf0\x80\x05\x01\x20",
        b"\x90\x10\x01",
    ],
)
def test_vp8_keyframe_is_told_behind_any_descriptor(descriptor):
    assert starts_keyframe("VP8", descriptor + KEY)
    assert not starts_keyframe("VP8", descriptor + DELTA)


def test_vp8_later_partitions_and_continuations_begin_no_keyframe():
    assert not starts_keyframe("VP8", b"\x00" + KEY)
    assert not starts_keyframe("VP8", b"\x11" + KEY)
    assert not starts_keyframe("VP8", b"\x90")


@given(st.sampled_from(["H264", "VP8"]), st.binary(max_size=40))
def test_any_payload_gets_an_answer(codec, payload):
    assert starts_keyframe(codec, payload) in (True, False)
