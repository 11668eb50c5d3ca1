from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.events import Position, alias, control_topic, member_topic, room_of, room_topic, store_topic

numbers = st.integers(0, 10**15 - 1)


@given(numbers, numbers)
def test_a_position_reads_back_from_its_text(epoch: int, offset: int) -> None:
    assert Position.parse(str(Position(epoch, offset))) == Position(epoch, offset)


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "1-2-3", "1 -2", "+1-2", "1.0-2", "１-2", "9" * 16 + "-1", "1-2\n"]
)
def test_anything_else_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        Position.parse(text)


def test_positions_are_ordered_by_epoch_first() -> None:
    assert Position(1, 9) < Position(2, 0) < Position(2, 1)


def test_frames_call_topics_by_what_they_are_to_the_client() -> None:
    topics = [room_topic("1"), control_topic("1"), store_topic("2"), member_topic("3")]
    assert [alias(topic) for topic in topics] == ["room", "control", "store", "me"]
    with pytest.raises(KeyError):
        alias("weather:1")
    assert room_of("room:1") == "1"
    assert room_of("member:1") is None
