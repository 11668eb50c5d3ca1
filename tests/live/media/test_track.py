from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.media import rtcp, rtp
from live.media.offer import Codec
from live.media.rtp import Packet
from live.media.track import REPLAY_WITHIN, RING, WRAP_GUARD, SharedTrack

VP8 = Codec("VP8", 90000, 1, 96)
OPUS = Codec("opus", 48000, 2, 111)
KEY, DELTA = b"\x10\x02\x00key", b"\x10\x03\x00delta"


class Host:
    """Numbers packets as a sender does."""

    def __init__(self, sequence: int = 1000, timestamp: int = 5000, ssrc: int = 1) -> None:
        self.sequence, self.timestamp, self.ssrc = sequence, timestamp, ssrc

    def packet(self, payload: bytes = DELTA, *, frame: bool = True) -> Packet:
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 3000 * frame) & 0xFFFFFFFF
        return Packet(96, True, self.sequence, self.timestamp, self.ssrc, payload)


@pytest.fixture
def track():
    track = SharedTrack("video")
    track.begin(VP8)
    return track


def sequence_of(sent):
    return int.from_bytes(sent.template[2:4])


def timestamp_of(sent):
    return int.from_bytes(sent.template[4:8])


def test_nothing_goes_out_before_a_host_begins():
    assert SharedTrack("video").accept(Host().packet(KEY), 0.0) is None


def test_video_begins_at_a_keyframe_and_audio_at_once(track):
    host = Host()
    assert track.accept(host.packet(DELTA), 0.0) is None
    assert track.accept(host.packet(KEY), 0.03) is not None
    sound = SharedTrack("audio")
    sound.begin(OPUS)
    assert sound.accept(host.packet(b"sound"), 0.0) is not None


def test_packets_follow_each_other_with_the_tracks_own_source(track):
    host = Host(sequence=65534)
    first = track.accept(host.packet(KEY), 0.0)
    second = track.accept(host.packet(), 0.033)
    assert second.index == first.index + 1
    assert (timestamp_of(second) - timestamp_of(first)) & 0xFFFFFFFF == 3000
    packet = rtp.parse(rtp.addressed(second.template, 96))
    assert packet.ssrc == track.ssrc
    assert packet.payload == DELTA


def test_another_host_continues_the_same_stream_where_the_last_stopped(track):
    first, second = Host(100, 0), Host(60_000, 4_000_000_000, ssrc=2)
    track.accept(first.packet(KEY), 10.0)
    last = track.accept(first.packet(), 10.033)
    track.begin(VP8)
    assert track.accept(second.packet(DELTA), 14.0) is None
    resumed = track.accept(second.packet(KEY), 14.033)
    assert resumed.index == last.index + 1
    assert (timestamp_of(resumed) - timestamp_of(last)) & 0xFFFFFFFF == 4 * 90000
    assert track.accept(second.packet(), 14.066).index == resumed.index + 1


def test_what_was_sent_before_a_stream_began_anew_comes_too_late(track):
    host = Host()
    track.accept(host.packet(KEY), 0.0)
    late = host.packet()
    track.accept(host.packet(), 0.06)
    track.begin(VP8)
    track.accept(host.packet(KEY), 3.0)
    assert track.accept(late, 3.01) is None


def test_a_repeat_goes_out_once_only(track):
    host = Host()
    track.accept(host.packet(KEY), 0.0)
    late = host.packet()
    newer = track.accept(host.packet(), 0.06)
    filled = track.accept(late, 0.1)
    assert filled.index == newer.index - 1
    assert track.accept(late, 0.11) is None
    assert track.next_index == newer.index + 1


def test_what_is_older_than_the_ring_is_dropped(track):
    host = Host()
    track.accept(host.packet(KEY), 0.0)
    old = host.packet()
    for number in range(RING + 1):
        track.accept(host.packet(), number * 0.001)
    assert track.accept(old, 2.0) is None


def test_a_host_that_jumps_far_ahead_leaves_no_gap(track):
    host = Host()
    track.accept(host.packet(KEY), 0.0)
    before = track.accept(host.packet(), 0.03)
    host.sequence = (host.sequence + 20_000) & 0xFFFF
    assert track.accept(host.packet(), 0.06).index == before.index + 1


@given(st.lists(st.tuples(st.integers(-40, 400), st.booleans()), max_size=120))
def test_no_number_is_given_out_twice_whatever_comes(steps):
    track, seen, sequence = SharedTrack("video"), set(), 500
    track.begin(VP8)
    for step, change in steps:
        if change:
            track.begin(VP8)
        sequence = (sequence + step) & 0xFFFF
        sent = track.accept(Packet(96, True, sequence, step * 90, 1, KEY), 1.0)
        if sent is not None:
            assert sent.index not in seen
            seen.add(sent.index)


def test_lost_packets_are_recalled_by_the_number_that_viewers_know(track):
    host = Host()
    sent = [track.accept(host.packet(KEY if n == 0 else DELTA), n * 0.03) for n in range(50)]
    assert track.recall(sequence_of(sent[7])) == sent[7]
    assert track.recall((sequence_of(sent[-1]) + 1) & 0xFFFF) is None


def test_joiner_is_replayed_what_followed_the_newest_keyframe(track):
    host = Host()
    for n in range(5):
        track.accept(host.packet(KEY if n in (0, 2) else DELTA), n * 0.03)
    replay = track.replay(0.2)
    assert [sent.template[12:] for sent in replay] == [KEY, DELTA, DELTA]


def test_replay_begins_at_the_keyframes_first_packet_although_others_look_like_one(track):
    host = Host()
    track.accept(host.packet(KEY), 0.0)
    track.accept(host.packet(KEY, frame=False), 0.001)
    assert len(track.replay(0.01)) == 2
    assert track.keyframes == 1


def test_a_keyframe_of_long_ago_is_not_replayed(track):
    track.accept(Host().packet(KEY), 0.0)
    assert track.replay(REPLAY_WITHIN + 0.1) == []


def test_a_keyframe_of_the_host_before_is_not_replayed(track):
    track.accept(Host().packet(KEY), 0.0)
    track.begin(VP8)
    assert track.replay(0.1) == []


def test_nobody_starts_just_before_the_sequence_number_wraps(track):
    assert track.may_start(0x10000 - WRAP_GUARD - 1)
    assert not track.may_start(0x10000 - WRAP_GUARD)
    assert not track.may_start(0x2FFFF)
    assert track.may_start(0x20000)


def test_keyframe_interval_is_a_mean(track):
    host = Host()
    assert track.keyframe_interval is None
    for at in (0.0, 2.0, 3.0):
        track.accept(host.packet(KEY), at)
    assert track.keyframe_interval == 1.5


def test_sender_reports_map_time_by_the_hosts_own_report(track):
    host = Host()
    sent = track.accept(host.packet(KEY), 100.0)
    track.synchronise(1_700_000_000.0, host.timestamp)
    report = next(iter(rtcp.parse(track.sender_report(1_700_000_000.5, 100.6, 3, 400))))
    assert report.ssrc == track.ssrc
    assert (report.packets, report.octets) == (3, 400)
    assert (report.timestamp - timestamp_of(sent)) & 0xFFFFFFFF == 45_000
    assert abs(rtcp.unix(report.ntp) - 1_700_000_000.5) < 1e-5


def test_before_the_hosts_report_the_last_arrival_serves(track):
    assert track.sender_report(1_700_000_000.0, 100.0, 0, 0) is None
    sent = track.accept(Host().packet(KEY), 100.0)
    assert (track.timestamp_at(1_700_000_000.0, 100.1) - timestamp_of(sent)) & 0xFFFFFFFF == 9000


def test_counters_are_of_payload(track):
    track.accept(Host().packet(KEY), 0.0)
    assert (track.packets, track.octets) == (1, len(KEY))
