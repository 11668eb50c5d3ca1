"""The media role killed: it is said, it is started again, and the demo's clip plays on."""

from __future__ import annotations

from tests.acceptance.demo import eventually
from tests.faults.processes import Processes
from tests.faults.showroom import Showroom

PLAYS_WITHIN_S = 40.0


def test_the_picture_comes_back(room: Showroom, processes: Processes) -> None:
    operator = room.staff("operator")

    def bitrate() -> int:
        """None while the video server does not answer."""
        answer = operator.get(f"/api/rooms/{room.demo_room}/media")
        assert answer.status_code in {200, 503}, answer.text
        health = answer.json() if answer.status_code == 200 else {}
        return int(health.get("bitrate_kbps") or 0)

    eventually("the clip plays", bitrate, PLAYS_WITHIN_S)
    killed = processes.kill("media")
    processes.back(*killed)
    eventually("the clip plays again", bitrate, PLAYS_WITHIN_S)
    room.must_verify()
