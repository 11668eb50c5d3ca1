from __future__ import annotations

import pytest

from live.media.health import Health
from live.media.node import Figures
from server.rooms.media_node import MediaReport
from server.rooms.media_watch import SILENCE, MediaWatch

ROOM = "r1"
FIGURES = Figures(**{**dict.fromkeys(Figures.__struct_fields__, 0), "draining": False, "accelerated": False})


def saying(rooms: dict[str, Health] | None, node: str = "one:1") -> dict[str, MediaReport | None]:
    return {node: None if rooms is None else MediaReport(FIGURES, rooms)}


PLAYING = saying({ROOM: Health(state="playing", viewers=3, bitrate_kbps=1500, fps=29.97)})
NOTHING, SILENT = saying({}), saying(None)


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
    assert told(watch.look(NOTHING), "media.health")[0]["bitrate_kbps"] == 0
    assert told(watch.look(NOTHING), "media.health") == []


@pytest.mark.parametrize("rooms", [{}, {ROOM: Health(state="away", viewers=3)}])
def test_a_picture_that_goes_is_told(rooms):
    watch = MediaWatch()
    watch.look(PLAYING)
    assert told(watch.look(saying(rooms)), "media.state") == [{"state": "away"}]


def test_a_node_that_misses_a_look_does_not_darken_its_rooms():
    watch = MediaWatch()
    watch.look(PLAYING)
    for _ in range(SILENCE - 1):
        assert watch.look(SILENT) == []
    assert told(watch.look(PLAYING), "media.state") == []
    silent = [watch.look(SILENT) for _ in range(SILENCE)]
    assert told(silent[-1], "media.state") == [{"state": "away"}]


def test_a_new_watch_tells_open_rooms_what_is():
    assert told(MediaWatch([ROOM]).look(NOTHING), "media.state") == [{"state": "away"}]


def test_a_new_watch_waits_for_a_node_before_it_calls_rooms_dark():
    watch = MediaWatch([ROOM])
    looks = [told(watch.look(SILENT), "media.state") for _ in range(SILENCE)]
    assert looks == [[]] * (SILENCE - 1) + [[{"state": "away"}]]


def test_rooms_of_several_nodes_are_told_of_together():
    watch = MediaWatch()
    watching_elsewhere = saying({ROOM: Health(state="away", viewers=2)}, "two:1")
    events = watch.look(PLAYING | watching_elsewhere)
    assert told(events, "media.state") == [{"state": "playing"}]
    assert told(events, "media.health")[0]["viewers"] == 5


def test_the_silence_of_one_node_is_not_the_other_ones():
    watch = MediaWatch()
    other = {"r2": Health(state="playing", viewers=1)}
    watch.look(PLAYING | saying(other, "two:1"))
    for _ in range(SILENCE - 1):
        assert told(watch.look(SILENT | saying(other, "two:1")), "media.state") == []
    (dark,) = [event for event in watch.look(SILENT | saying(other, "two:1")) if event.kind == "media.state"]
    assert (dark.topic, dark.data) == ("room:r1", {"state": "away"})
    assert told(watch.look(PLAYING | saying(other, "two:1")), "media.state") == [{"state": "playing"}]
