"""What a case may become, whose turn it is, and how long they have. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from server.kit.principal import Principal
from server.kit.problems import Conflict
from server.orders.service import REFUNDS


class State(StrEnum):
    ASKED = "asked"
    AGREED = "agreed"
    SENT_BACK = "sent_back"
    REFUNDED = "refunded"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Kind(StrEnum):
    REFUND_ONLY = "refund_only"
    RETURN_REFUND = "return_refund"


OPEN = frozenset({State.ASKED, State.AGREED, State.SENT_BACK})

MOVES: Mapping[State, frozenset[State]] = {
    State.ASKED: frozenset({State.AGREED, State.REFUNDED, State.REFUSED, State.WITHDRAWN}),
    State.AGREED: frozenset({State.SENT_BACK, State.REFUSED, State.WITHDRAWN, State.LAPSED}),
    State.SENT_BACK: frozenset({State.REFUNDED, State.REFUSED}),
}

DUE_AFTER: Mapping[State, timedelta] = {
    State.ASKED: timedelta(hours=48),  # the staff answer
    State.AGREED: timedelta(days=7),  # the buyer sends the goods, or the case lapses
    State.SENT_BACK: timedelta(days=10),  # the staff receive them
}
"""Money is the staff's to decide: no clock sends it back or keeps it. What they are late with is shown as late."""


class WrongStep(Conflict):
    """`state` is what the case is in."""

    slug, title = "wrong-step", "The case's state does not allow this"


def must_move(case_state: str, kind: str, to: State) -> None:
    """A return is agreed to before its money goes back; money alone is not. Raises `WrongStep` (409)."""
    state = State(case_state)
    allowed = to in MOVES.get(state, frozenset())
    if state is State.ASKED and to in {State.AGREED, State.REFUNDED}:
        allowed = (kind == Kind.RETURN_REFUND) == (to is State.AGREED)
    if not allowed:
        raise WrongStep(state=state)


def due_at(state: State, now: datetime) -> datetime | None:
    wait = DUE_AFTER.get(state)
    return now + wait if wait else None


def decides(staff: Principal) -> bool:
    """Whoever may send money back."""
    return staff.kind == "staff" and staff.role in REFUNDS
