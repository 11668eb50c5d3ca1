"""A room's own rules, without I/O: planned → warming → live ⇄ paused → ended, and what is pinned.

`apply` takes the room's state, what somebody asks for and the time, and answers the new state and what happened. A
command that would change nothing (a second operator's tap on the same button) answers no events; one that the room's
phase forbids raises `Refused`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Phase(StrEnum):
    PLANNED = "planned"
    WARMING = "warming"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"


MOST_PINNED = 3


class RoomState(msgspec.Struct, frozen=True):
    """`pinned`: at most `MOST_PINNED` products, the one in front first, then those beside it, the newest first.
    `started_at` is the first start: a pause does not move it."""

    phase: Phase = Phase.PLANNED
    pinned: tuple[str, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Warm(msgspec.Struct, frozen=True):
    """Open the doors before the show."""


class Start(msgspec.Struct, frozen=True):
    """Go live; warming up first is a choice, not a duty."""


class Pause(msgspec.Struct, frozen=True):
    pass


class Resume(msgspec.Struct, frozen=True):
    pass


class End(msgspec.Struct, frozen=True):
    """For good. A planned room that ends has been called off."""


class Pin(msgspec.Struct, frozen=True):
    """Put one product before everybody's eyes, in place of all that were there; `beside`: in front of them, and the
    one that was pinned longest gives way to a fourth."""

    product_id: str
    beside: bool = False


class Unpin(msgspec.Struct, frozen=True):
    """One product, or all of them."""

    product_id: str | None = None


Command = Warm | Start | Pause | Resume | End | Pin | Unpin


class PhaseChanged(msgspec.Struct, frozen=True):
    phase: Phase
    at: datetime


class PinChanged(msgspec.Struct, frozen=True):
    """`pinned` as it is now."""

    pinned: tuple[str, ...]
    at: datetime


Happened = PhaseChanged | PinChanged


class Refused(Exception):
    """The room's phase forbids the command: `room-ended`, `room-not-open`, `room-not-live` or `room-already-live`."""

    def __init__(self, slug: str, phase: Phase) -> None:
        super().__init__(f"{slug}: the room is {phase}")
        self.slug = slug
        self.phase = phase


_MOVES: dict[type[Command], tuple[Phase, frozenset[Phase], str]] = {
    Warm: (Phase.WARMING, frozenset({Phase.PLANNED}), "room-already-live"),
    Start: (Phase.LIVE, frozenset({Phase.PLANNED, Phase.WARMING}), "room-already-live"),
    Pause: (Phase.PAUSED, frozenset({Phase.LIVE}), "room-not-live"),
    Resume: (Phase.LIVE, frozenset({Phase.PAUSED}), "room-not-live"),
    End: (Phase.ENDED, frozenset(Phase) - {Phase.ENDED}, "room-ended"),
}


def apply(state: RoomState, command: Command, now: datetime) -> tuple[RoomState, list[Happened]]:
    """Raises `Refused`, and then nothing has changed."""
    match command:
        case Pin() | Unpin():
            return _pin(state, command, now)
        case _:
            return _move(state, command, now)


def _move(state: RoomState, command: Command, now: datetime) -> tuple[RoomState, list[Happened]]:
    to, allowed, slug = _MOVES[type(command)]
    if state.phase is to:
        return state, []
    if state.phase not in allowed:
        raise Refused("room-ended" if state.phase is Phase.ENDED else slug, state.phase)
    happened: list[Happened] = [PhaseChanged(to, now)]
    if to is Phase.LIVE and state.started_at is None:
        state = msgspec.structs.replace(state, started_at=now)
    if to is Phase.ENDED:
        state, unpinned = _show(state, (), now)
        state = msgspec.structs.replace(state, ended_at=now)
        happened = [*unpinned, *happened]
    return msgspec.structs.replace(state, phase=to), happened


def _pin(state: RoomState, command: Pin | Unpin, now: datetime) -> tuple[RoomState, list[Happened]]:
    if state.phase is Phase.ENDED:
        raise Refused("room-ended", state.phase)
    if state.phase is Phase.PLANNED:
        raise Refused("room-not-open", state.phase)
    others = tuple(pinned for pinned in state.pinned if pinned != command.product_id)
    match command:
        case Pin(product_id, beside=True):
            return _show(state, (product_id, *others)[:MOST_PINNED], now)
        case Pin(product_id):
            return _show(state, (product_id,), now)
        case Unpin(None):
            return _show(state, (), now)
        case Unpin():
            return _show(state, others, now)


def _show(state: RoomState, pinned: tuple[str, ...], now: datetime) -> tuple[RoomState, list[Happened]]:
    if state.pinned == pinned:
        return state, []
    return msgspec.structs.replace(state, pinned=pinned), [PinChanged(pinned, now)]
