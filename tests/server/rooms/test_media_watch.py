from __future__ import annotations

import pytest

from live.media.health import Health
from server.rooms.media_watch import SILENCE, MediaWatch

ROOM = "r1"
PLAYING = {ROOM: Health(state="playing", viewers=3, bitrate_kbps=1500, fps=29.97)}


def told(events, kind: str) -> list:
    return [event.data for event in events if event.kind == kind]


def test_a_picture_that_comes_is_told_once():
    watch = MediaWatch()
    assert told(watch.look(PLAYING), "media.state") == [{"state": "playing"}]
    assert told(watch.look(PLAYING), "media.state") == []


def test_health_goes_to_the_control_page_while_the_picture_plays_and_once_after():
    watch = MediaWatch()
    (event,) = [event for event in watch.look(PLAYING) if event.kind == "media.health"]
    assert event.topic == "control:r1"
    assert (event.data["bitrate_kbps"], event.data["viewers"], event.data["warning"]) == (1500, 3, None)
    assert told(watch.look({}), "media.health")[0]["bitrate_kbps"] == 0
    assert told(watch.look({}), "media.health") == []


@pytest.mark.parametrize("rooms", [{}, {ROOM: Health(state="away", viewers=3)}])
def test_a_picture_that_goes_is_told(rooms):
    watch = MediaWatch()
    watch.look(PLAYING)
    assert told(watch.look(rooms), "media.state") == [{"state": "away"}]


def test_a_node_that_misses_a_look_does_not_darken_its_rooms():
    watch = MediaWatch()
    watch.look(PLAYING)
    for _ in range(SILENCE - 1):
        assert watch.look(None) == []
    assert told(watch.look(PLAYING), "media.state") == []
    silent = [watch.look(None) for _ in range(SILENCE)]
    assert told(silent[-1], "media.state") == [{"state": "away"}]


def test_a_new_watch_tells_open_rooms_what_is():
    assert told(MediaWatch([ROOM]).look({}), "media.state") == [{"state": "away"}]
