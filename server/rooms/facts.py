"""What happened to rooms. Cards are the protocol's `Card`, as they were at that moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from live.room import Phase
from server.kit.facts import Fact
from server.members.audience import Audience


class RoomStateChanged(Fact, kw_only=True, frozen=True, tag="room.state"):
    room_id: UUID
    store_id: UUID | None = None
    title: str
    state: Phase
    changed_at: datetime


class RoomRenamed(Fact, kw_only=True, frozen=True, tag="room.renamed"):
    room_id: UUID
    title: str


class AudienceChanged(Fact, kw_only=True, frozen=True, tag="room.audience"):
    room_id: UUID
    audience: Audience


class ProductPinned(Fact, kw_only=True, frozen=True, tag="room.pinned"):
    """All that is pinned now: `card` is in front, null when nothing is; `beside` are up to two more, the newest
    first."""

    room_id: UUID
    card: dict[str, Any] | None = None
    beside: list[dict[str, Any]] = msgspec.field(default_factory=list)


class ShelfChanged(Fact, kw_only=True, frozen=True, tag="shelf.changed"):
    """The whole shelf, in order (at most 200 cards)."""

    room_id: UUID
    shelf: list[dict[str, Any]]
