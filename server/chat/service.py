"""Lines of one process, gathered: while one batch commits, the next comes together. One `Chat` a web process.

A batch is one statement that inserts its lines, passing over muted and banned writers, ended rooms, lines that were
said before and lines that were judged by rules of yesterday; and one outbox fact a room. After the commit the new lines
go to the room by the talk lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from live.broker import Broker, BrokerUnavailable
from live.events import room_topic
from server.chat import lines, rules
from server.chat.facts import SaidLine
from server.chat.lines import Said, Waiting, as_talk
from server.chat.pace import Pace, SlowMode
from server.chat.policy import SHOWN, Policies
from server.kit.clock import Clock
from server.kit.database import Database, log_failure
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.problems import Unavailable
from server.kit.redis import Redis

log = structlog.get_logger()

MAX_BATCH = 256
MAX_WAITING = 10_000
"""Lines in line in one process; beyond it a line is told to come again."""
JUDGED_AT_MOST = 4
"""Times that a line is judged, while its room's rules change under it."""


class Chat:
    def __init__(self, database: Database, broker: Broker, redis: Redis, clock: Clock) -> None:
        self._database = database
        self._broker = broker
        self._pace = Pace(redis)
        self._policies = Policies(database)
        self._clock = clock
        self._waiting: list[Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    async def say(
        self,
        who: Principal,
        room_id: UUID,
        ref: str,
        words: str,
        *,
        reply_to: UUID | None = None,
        moderates: bool = False,
    ) -> Said:
        """The line, committed. The same ref again gives the same answer. `moderates`: a viewer who helps in this room.

        Raises the problems of `rules.line` and `Policy.judge`, `Muted` and `Banned` (403), `TooMany` and `SlowMode`
        (429), `RoomEnded` (410), `RefReused` (409), `Unavailable` (503). Whether the writer may enter and speak in this
        room is the caller's to know.
        """
        kept = rules.line(words)
        by_viewer = who.kind == "member" and not moderates
        if by_viewer:
            await self._keep_pace(who, room_id, ref)
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("Very many people are talking; try again in a moment", retry_after_s=1)
        line = SaidLine(
            id=uuid7(),
            member_id=who.id,
            name=who.name,
            role="moderator" if moderates else who.role.value,
            text=kept,
            at=self._clock(),
            always=who.kind == "staff",
        )
        answer: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(line, who.brand_id, room_id, ref, by_viewer, reply_to, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await asyncio.shield(answer)

    async def _keep_pace(self, who: Principal, room_id: UUID, ref: str) -> None:
        """Nobody is refused by a slow mode that is no more. Raises `TooMany`, `SlowMode` (429)."""
        policy = await self._policies.of(who.brand_id, room_id)
        try:
            await self._pace.take(room_id, who.id, ref, policy.slow_s)
        except SlowMode:
            if await self._policies.is_as_set(room_id, policy):
                raise
            self._policies.forget(room_id)
            await self._keep_pace(who, room_id, ref)

    async def tell(self, room_id: UUID, said: Sequence[SaidLine]) -> None:
        """Lines that were committed, to the room."""
        try:
            await self._broker.say(room_topic(room_id), [as_talk(line) for line in said])
        except BrokerUnavailable:
            log.warning("lines were kept but not heard", room_id=str(room_id), lines=len(said))

    async def hide(self, room_id: UUID, message_id: UUID) -> None:
        """Newcomers are no longer shown a line that was deleted; whoever saw it learns of it by a fact."""
        try:
            await self._broker.unsay(room_topic(room_id), str(message_id))
        except BrokerUnavailable:
            log.warning("a deleted line may be shown to newcomers", message_id=str(message_id))

    async def stop(self) -> None:
        """What was taken is written before this returns."""
        if self._worker is not None:
            await self._worker

    async def _work(self) -> None:
        await asyncio.sleep(0)  # let the lines of this moment arrive together
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                for _ in range(JUDGED_AT_MOST):
                    batch = await self._write(batch)
            except Exception as error:
                log_failure(log, "a batch of lines failed", error, lines=len(batch))
            for waiting in batch:
                waiting.settle(Unavailable("The line was not kept; say it again", retry_after_s=1))

    async def _write(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Those whose rules changed meanwhile: they have to be judged again."""
        if not batch:
            return []
        for waiting in batch:
            await self._judge(waiting)
        async with self._database.transaction() as session:
            await lines.quote(session, batch)
            fresh = await lines.insert(session, [w for w in batch if w.ruling.refused is None])
            new = [waiting for waiting in batch if waiting.line.id in fresh]
            await lines.record_new(session, new)
            old = [waiting for waiting in batch if waiting.line.id not in fresh]
            outcomes = await lines.explain(session, old) if old else []
        await self._tell_shown(new)
        stale = []
        for waiting, outcome in zip(old, outcomes, strict=True):
            if outcome is not None:
                waiting.settle(outcome)
            else:
                self._policies.forget(waiting.room_id)
                stale.append(waiting)
        return stale

    async def _judge(self, waiting: Waiting) -> None:
        waiting.policy = await self._policies.of(waiting.brand_id, waiting.room_id)
        waiting.ruling = waiting.policy.judge(waiting.line.text) if waiting.by_viewer else SHOWN

    async def _tell_shown(self, new: Sequence[Waiting]) -> None:
        for (_, room_id), some in lines.by_room(new).items():
            if shown := [waiting.line for waiting in some if waiting.ruling.why is None]:
                await self.tell(room_id, shown)
        for waiting in new:
            talk = as_talk(waiting.line) if waiting.ruling.why is None else None
            waiting.settle(Said(waiting.line.id, talk))
