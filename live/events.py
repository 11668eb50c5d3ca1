"""What happens in a room and where it is heard: events, their positions, and the topics they go to."""

from __future__ import annotations

import re
from typing import Any, Self
from uuid import UUID

import msgspec

Id = UUID | str

_POSITION = re.compile(
    r"([0-9]{1,15})-([0-9]{1,15})"
)  # 15 digits stay exact as a double, which Lua counts in


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in one topic's numbered facts: "everything up to and including this one has been seen".

    Offsets count 1, 2, 3 … within an epoch; `epoch-0` stands before the first. A new epoch begins when the broker may
    have lost facts, so a number is never used for two different facts. Its text is also the id in the broker's stream.
    """

    epoch: int
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for anything but "epoch-offset"."""
        match = _POSITION.fullmatch(text)
        if match is None:
            raise ValueError(f"not a position: {text!r}")
        return cls(int(match[1]), int(match[2]))


class RoomEvent(msgspec.Struct, frozen=True):
    """A fact for one topic. `id` is its idempotency key: the broker numbers and publishes each id once a topic."""

    topic: str
    kind: str
    data: dict[str, Any]
    id: str


def room_topic(room_id: Id) -> str:
    """Everybody in the room; everybody gets the same bytes."""
    return f"room:{room_id}"


def room_of(topic: str) -> str | None:
    """The room's id, if it is a room's topic."""
    kind, _, room_id = topic.partition(":")
    return room_id if kind == "room" else None


def control_topic(room_id: Id) -> str:
    """The room's host and operators: its orders and figures."""
    return f"control:{room_id}"


def moderation_topic(room_id: Id) -> str:
    """Whoever moderates the room, helping viewers too."""
    return f"moderation:{room_id}"


def feed_topic(room_id: Id) -> str:
    """The merchant's own tools: everything that happens in the room, nothing left out."""
    return f"feed:{room_id}"


def store_topic(store_id: Id) -> str:
    """One store's manager and guides."""
    return f"store:{store_id}"


def member_topic(member_id: Id) -> str:
    """One person, on every device of theirs."""
    return f"member:{member_id}"


EXPELLED = "member.expelled"
"""A fact of a room's topic: the connections of its `member_ids` to this room end (close code 4523)."""


class Expelled(msgspec.Struct, frozen=True):
    member_ids: list[str]


AUDIENCE = "room.audience"
"""A fact of a room's topic: it takes others than before, so everybody in it is asked whether they may stay."""


_ALIASES = {
    "room": "room",
    "control": "control",
    "moderation": "moderation",
    "feed": "feed",
    "store": "store",
    "member": "me",
}


def alias(topic: str) -> str:
    """What the protocol's frames call a topic; a connection has at most one of each. KeyError for a foreign topic."""
    return _ALIASES[topic.partition(":")[0]]
