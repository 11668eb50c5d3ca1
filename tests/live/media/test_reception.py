from __future__ import annotations

import pytest

from live.media.reception import Reception
from live.media.rtp import Packet


def packet(sequence: int, timestamp: int = 0) -> Packet:
    return Packet(96, True, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7, b"x")


@pytest.fixture
def stream():
    return Reception(7, 90000, repairs=True)


def test_gap_names_the_missing_packets_at_once(stream):
    assert stream.heard(packet(65534), 0.0) == []
    assert stream.heard(packet(65537), 0.01) == [65535, 0]


def test_missing_packets_are_asked_for_again_until_they_come_or_it_is_too_late(stream):
    stream.heard(packet(1), 0.0)
    stream.heard(packet(4), 0.0)
    assert stream.overdue(0.05) == []
    assert stream.overdue(0.1) == [2, 3]
    stream.repaired(2)
    assert stream.overdue(0.2) == [3]
    asked = [stream.overdue(0.3 + number * 0.1) for number in range(10)]
    assert asked.count([3]) == 5
    assert asked[-1] == []


def test_a_late_original_needs_no_repeat(stream):
    stream.heard(packet(1), 0.0)
    stream.heard(packet(3), 0.0)
    assert stream.heard(packet(2), 0.01) == []
    assert stream.overdue(1.0) == []


def test_a_gap_too_wide_to_repair_is_not_asked_for(stream):
    stream.heard(packet(1), 0.0)
    assert stream.heard(packet(1000), 0.0) == []
    assert stream.overdue(1.0) == []


def test_sound_is_not_repaired():
    stream = Reception(7, 48000, repairs=False)
    stream.heard(packet(1), 0.0)
    assert stream.heard(packet(5), 0.0) == []
    assert stream.expected == 5


def test_report_counts_loss_since_the_last_and_over_all(stream):
    for sequence in (10, 11, 13):
        stream.heard(packet(sequence), 0.0)
    first = stream.report(1.0)
    assert (first.lost, first.cumulative_lost, first.highest) == (64, 1, 13)
    for sequence in (14, 15):
        stream.heard(packet(sequence), 1.0)
    assert (stream.report(2.0).lost, stream.report(2.0).cumulative_lost) == (0, 1)


def test_report_quotes_the_hosts_last_report_and_the_time_since(stream):
    stream.heard(packet(1), 0.0)
    assert (stream.report(0.0).last_report, stream.report(0.0).delay) == (0, 0)
    stream.last_sender_report = (0xABCD, 10.0)
    assert (stream.report(10.5).last_report, stream.report(10.5).delay) == (0xABCD, 32768)


def test_even_arrival_has_no_jitter_even_across_the_wrap_of_timestamps(stream):
    for number in range(50):
        stream.heard(packet(number, 0xFFFFFFFF - 9000 + number * 3000), number / 30)
    assert stream.report(2.0).jitter <= 1


def test_uneven_arrival_has(stream):
    for number in range(50):
        stream.heard(packet(number, number * 3000), number / 30 + (0.01 if number % 2 else 0))
    assert 600 < stream.report(2.0).jitter < 1000
