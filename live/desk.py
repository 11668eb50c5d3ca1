"""What a session asks of the shop. `live` carries what is said in a room; who may say it, and what the room looks like,
the server knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from live.protocol import CloseCode, Hello


class Presentee(msgspec.Struct, frozen=True):
    """Who the connection makes present, where: `info` is what the control page shows (name, store, guide, tags)."""

    room_id: str
    member_id: str
    info: Mapping[str, Any]


class Entrance(msgspec.Struct, frozen=True):
    """`topics`: what the connection hears, at most one of each kind (`live.events.alias`); the first one's talk is
    shown on entering. `you`: the welcome frame's, as JSON. `recheck`: whether the desk is asked now and then if they
    may stay (`Desk.recheck`), for those whose right to listen can end while they do."""

    topics: Sequence[str]
    you: Mapping[str, Any]
    present: Presentee | None = None
    recheck: bool = False


class Said(msgspec.Struct, frozen=True):
    """`line`: the line as it was published, for its own writer; None when it isn't shown (yet), as in pre-review."""

    id: str
    line: bytes | None = None


class Refusal(Exception):
    """The shop says no: `problem` is an RFC 9457 body. With `close` the connection ends as well."""

    def __init__(self, problem: Mapping[str, Any], close: CloseCode | None = None) -> None:
        super().__init__(problem.get("title", "refused"))
        self.problem = dict(problem)
        self.close = close


RECHECK_S = 30.0


class Desk(Protocol):
    """One connection's; it knows who is there. Any call may raise `Refusal`; anything else that it raises is logged and
    told as a problem with status 500. Calls come one after the other, but `snapshot` also beside the others."""

    async def enter(self, hello: Hello) -> Entrance:
        """Once, first. A refusal here ends the connection (close code 4520 unless it says another)."""

    async def snapshot(self) -> Any:
        """The room as it is now, as JSON (`msgspec.Raw` for what is encoded already). Called once the topics are heard,
        and again when continuity was lost; everything committed before the call must be in it."""

    async def arrived(self, first: bool) -> None:
        """The welcome has been sent. `first`: the member was not here before, on any connection of any process. A
        refusal ends the connection: what was committed before the topics were heard may forbid it."""

    async def recheck(self) -> None:
        """Every RECHECK_S seconds or so where the entrance asked for it, when the room takes others than before, and
        when facts were lost: a refusal ends the connection, but for one with UNAVAILABLE, which is no answer."""

    async def say(self, text: str, ref: str, reply_to: str | None) -> Said:
        """A line for the room. The same `ref` from the same member comes again when its ack was lost."""

    async def like(self, count: int) -> None: ...

    async def leave(self) -> None:
        """The connection is gone. Called once, if `enter` had let it in."""
