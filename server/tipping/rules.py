"""When a tip may be given."""

from __future__ import annotations

from server.kit.problems import Conflict

OPEN_STATES = frozenset({"live", "paused"})
MAX_QUANTITY = 999


class RoomNotLive(Conflict):
    """`state` is the room's."""

    slug, title = "room-not-live", "The room is not live"


def must_be_open(state: str) -> None:
    """Raises `RoomNotLive` (409)."""
    if state not in OPEN_STATES:
        raise RoomNotLive(state=state)


def journal_key(member_id: object, key: str) -> str:
    """One booking for each member and Idempotency-Key."""
    return f"tip:{member_id}:{key}"


FIRST_GIFTS = (("小心心", "❤️", 100), ("奶茶", "🧋", 990), ("掌声", "👏", 1_990), ("火箭", "🚀", 9_900))
"""(name, icon, price_minor) that a new brand begins with."""
