"""What happened to the way a store carries a room."""

from __future__ import annotations

from uuid import UUID

from server.kit.facts import Fact


class CarryingChanged(Fact, kw_only=True, frozen=True, tag="carrying.changed"):
    """What it is now is read: it is for one store's viewers, and everybody in the room hears of it."""

    room_id: UUID
    store_id: UUID
