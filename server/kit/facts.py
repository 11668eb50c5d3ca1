"""What happened, in the past tense, and who does something about it.

A service calls `record(session, OrderPaid(...))`. In that same transaction the fact goes to the outbox and every
`in_transaction` reaction runs: either all of it commits or none. After the commit the worker's relay hands the fact to
every `after_commit` reaction (at least once on the wire, exactly once in the database: each has its own mark) and asks
every `announces` function which room, store and member topics shall hear of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent
from server.kit.clock import utc_now
from server.kit.ids import uuid7


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a member's timeline. All that is told under one `gathers` is one line, at the time and with the data
    of the latest."""

    member_id: UUID
    kind: str
    store_id: UUID | None = None
    room_id: UUID | None = None
    data: dict[str, Any] = {}
    gathers: UUID | None = None


class Fact(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind"):
    """Subclass with `tag="order.paid"`. `fact_id` is the idempotency key of everything that follows from it."""

    brand_id: UUID
    fact_id: UUID = msgspec.field(default_factory=uuid7)
    at: datetime = msgspec.field(default_factory=utc_now)

    def remembered(self) -> Sequence[Remembered]:
        """What the member store keeps of this; nothing unless a fact says so."""
        return ()

    def event(self, topic: str, kind: str, /, *, of: object = None, **data: object) -> RoomEvent:
        """What one topic hears of this. `of` tells apart several events of one kind for one topic."""
        key = f"{kind}:{of}" if of else str(self.fact_id)
        return RoomEvent(topic, kind, msgspec.to_builtins(data), key)


F = TypeVar("F", bound=Fact)
Reaction = Callable[[AsyncSession, Any], Awaitable[None]]
Announcer = Callable[[Any], Iterable[RoomEvent]]

_in_transaction: dict[type[Fact], list[Reaction]] = defaultdict(list)
_after_commit: dict[type[Fact], dict[str, Reaction]] = defaultdict(dict)
_announcers: dict[type[Fact], list[Announcer]] = defaultdict(list)


def in_transaction(*kinds: type[Fact]) -> Callable[[Reaction], Reaction]:
    """Run in the transaction that records the fact; raising undoes it all."""

    def register(reaction: Reaction) -> Reaction:
        for kind in kinds:
            if reaction not in _in_transaction[kind]:
                _in_transaction[kind].append(reaction)
        return reaction

    return register


def after_commit(*kinds: type[Fact]) -> Callable[[Reaction], Reaction]:
    """Run by the relay in a transaction of its own; retried until it succeeds, applied once."""

    def register(reaction: Reaction) -> Reaction:
        for kind in kinds:
            _after_commit[kind][f"{reaction.__module__}.{reaction.__qualname__}"] = reaction
        return reaction

    return register


def announces(*kinds: type[Fact]) -> Callable[[Announcer], Announcer]:
    """A pure function from a fact to what the topics hear of it."""

    def register(announcer: Announcer) -> Announcer:
        for kind in kinds:
            if announcer not in _announcers[kind]:
                _announcers[kind].append(announcer)
        return announcer

    return register


async def record(session: AsyncSession, *facts: Fact) -> None:
    """Write the facts to the outbox and run their in-transaction reactions, in order."""
    from server.kit.outbox import OutboxRow

    for fact in facts:
        session.add(OutboxRow.of(fact))
        for reaction in _in_transaction[type(fact)]:
            await reaction(session, fact)


def reactions_to(kind: type[Fact]) -> dict[str, Reaction]:
    return _after_commit[kind]


def announcements(fact: Fact) -> list[RoomEvent]:
    return [event for announcer in _announcers[type(fact)] for event in announcer(fact)]


def kinds() -> dict[str, type[Fact]]:
    """Every fact class known to this process, by its tag."""
    found: dict[str, type[Fact]] = {}
    waiting = list(Fact.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting.extend(cls.__subclasses__())
        tag = cls.__struct_config__.tag
        if isinstance(tag, str):
            found[tag] = cls
    return found
