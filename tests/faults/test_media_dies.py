"""The media role killed: it is said, it is started again, and the demo's clip plays on."""

from __future__ import annotations

import pytest

from tests.acceptance.demo import eventually
from tests.faults.processes import Processes, Victim
from tests.faults.showroom import Showroom

PLAYS_WITHIN_S = 60.0
"""A publisher whose server is gone without a word notices by ICE consent (RFC 7675), 30 s later."""


def _bitrate(room: Showroom) -> int:
    """0 also while the video server does not answer."""
    answer = room.staff("operator").get(f"/api/rooms/{room.demo_room}/media")
    assert answer.status_code in {200, 503}, answer.text
    return int(answer.json().get("bitrate_kbps") or 0)


@pytest.fixture(scope="package")
def killed_media(room: Showroom, processes: Processes) -> Victim:
    """While the clip played."""
    eventually("the clip plays", lambda: _bitrate(room), PLAYS_WITHIN_S)
    (media,) = processes.aim("media")
    processes.kill(media)
    return media


def test_its_death_is_told_and_it_is_started_again(processes: Processes, killed_media: Victim) -> None:
    processes.back(killed_media)
    health = processes.health()
    assert health
    told = health["supervisor"]["processes"]["media"]
    assert (told["last_exit"], told["restarts"]) == (-9, killed_media.restarts + 1)
    assert health["ok"], "a shop without a picture still sells"


@pytest.mark.usefixtures("killed_media")
def test_the_picture_comes_back(room: Showroom) -> None:
    eventually("the clip plays again", lambda: _bitrate(room), PLAYS_WITHIN_S)
    room.must_verify()
