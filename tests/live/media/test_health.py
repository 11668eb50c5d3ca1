from __future__ import annotations

import pytest

from live.media.health import Meter, Rates, Sample, warning

GOOD = Rates(seconds=3.0, kbps=2500, fps=30, loss=0.0, audio=True)


def rates(**changes: object) -> Rates:
    return Rates(**{name: getattr(GOOD, name) for name in GOOD.__struct_fields__} | changes)


def sample(at: float, octets: int = 0, frames: int = 0, expected: int = 0, received: int = 0) -> Sample:
    return Sample(at, octets, frames, expected, received, audio_packets=received)


def test_rates_are_of_the_last_seconds_only():
    meter = Meter()
    for second in range(10):
        meter.add(sample(float(second), octets=second**2 * 1000, frames=second * 25))
    assert meter.rates().fps == 25
    assert meter.rates().kbps == round((81 - 36) * 8 / 3)


def test_one_sample_tells_nothing():
    meter = Meter()
    assert meter.rates() is None
    meter.add(sample(0.0))
    assert meter.rates() is None


def test_loss_is_a_share_of_what_was_sent():
    meter = Meter()
    meter.add(sample(0.0, expected=100, received=100))
    meter.add(sample(1.0, expected=200, received=190))
    assert meter.rates().loss == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"fps": 0}, "no-picture"),
        ({"loss": 0.08}, "packets-lost"),
        ({"fps": 9, "kbps": 300}, "upload-too-slow"),
        ({"fps": 9}, "low-frame-rate"),
        ({"audio": False}, "no-sound"),
        ({"seconds": 1.0, "fps": 0}, None),
    ],
)
def test_warning_names_what_to_mend_first(changes, expected):
    assert warning(rates(**changes), video=True, audio=True) == expected


def test_a_host_that_sends_no_sound_by_choice_is_not_warned():
    assert warning(rates(audio=False), video=True, audio=False) is None
