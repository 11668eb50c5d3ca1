"""A room's own rules, without I/O: planned → warming → live ⇄ paused → ended, and the one pinned product.

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


class RoomState(msgspec.Struct, frozen=True):
    """`started_at` is the first start: a pause does not move it."""

    phase: Phase = Phase.PLANNED
    pinned: str | None = None
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
    """Put one product before everybody's eyes, in place of the one that was there."""

    product_id: str


class Unpin(msgspec.Struct, frozen=True):
    pass


Command = Warm | Start | Pause | Resume | End | Pin | Unpin


class PhaseChanged(msgspec.Struct, frozen=True):
    phase: Phase
    at: datetime


class PinChanged(msgspec.Struct, frozen=True):
    product_id: str | None
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
        case Pin(product_id):
            return _pin(state, product_id, now)
        case Unpin():
            return _pin(state, None, now)
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
        state, unpinned = _set_pin(state, None, now)
        state = msgspec.structs.replace(state, ended_at=now)
        happened = [*unpinned, *happened]
    return msgspec.structs.replace(state, phase=to), happened


def _pin(state: RoomState, product_id: str | None, now: datetime) -> tuple[RoomState, list[Happened]]:
    if state.phase is Phase.ENDED:
        raise Refused("room-ended", state.phase)
    if state.phase is Phase.PLANNED:
        raise Refused("room-not-open", state.phase)
    return _set_pin(state, product_id, now)


def _set_pin(state: RoomState, product_id: str | None, now: datetime) -> tuple[RoomState, list[Happened]]:
    if state.pinned == product_id:
        return state, []
    return msgspec.structs.replace(state, pinned=product_id), [PinChanged(product_id, now)]
