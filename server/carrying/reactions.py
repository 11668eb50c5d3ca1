"""What a room's topic hears of the stores that carry it."""

from __future__ import annotations

from collections.abc import Iterator

from live.events import RoomEvent, room_topic
from server.carrying.facts import CarryingChanged
from server.kit.facts import announces


@announces(CarryingChanged)
def tell_of_carrying(fact: CarryingChanged) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "carrying.changed", store_id=fact.store_id)
