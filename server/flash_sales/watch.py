"""The worker's eye on running sales: their units to the room, their end in time, their gate against the ledger.

Levels, not edges: every look compares what is with what was told, so nothing that was missed stays missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import structlog

from live.events import RoomEvent, room_topic
from server.flash_sales import cards, laying, selling
from server.flash_sales.gate import Gate, GateDown
from server.kit.clock import Clock
from server.kit.database import Database, log_failure
from server.kit.ids import uuid7
from server.kit.redis import Redis

log = structlog.get_logger()

LOOK_S = 0.25
LOOKS_A_GATE_CHECK = 4
STRIKES = 3
"""A gate that differs from the ledger this many checks in a row, unmoved, is not just behind a batch under way."""

Publish = Callable[[Sequence[RoomEvent]], Awaitable[Any]]


class SaleWatch:
    def __init__(self, database: Database, redis: Redis, publish: Publish, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._publish = publish
        self._clock = clock
        self._told: dict[UUID, list[dict[str, Any]]] = {}
        self._strikes: dict[UUID, tuple[object, int]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        looks = 0
        while not stop.is_set():
            try:
                async with self._database.transaction() as session:
                    ended = await selling.close_due(session, self._clock())
                for sale_id in ended:
                    await self._lay(sale_id)
                async with self._database.transaction() as session:
                    rooms = await selling.running(session, self._clock())
                await self._tell(rooms)
                looks += 1
                if looks % LOOKS_A_GATE_CHECK == 0:
                    await self.check_gates(list(rooms))
            except Exception as error:
                log_failure(log, "a look at the sales failed", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)

    async def _tell(self, rooms: dict[UUID, UUID]) -> None:
        if not rooms:
            self._told.clear()
            return
        async with self._database.transaction() as session:
            units = await cards.moved_units(session, list(rooms))
        changed = {sale_id: lines for sale_id, lines in units.items() if self._told.get(sale_id) != lines}
        if changed:
            await self._publish(
                [
                    RoomEvent(
                        room_topic(rooms[sale_id]),
                        "sale.stock",
                        {"sale_id": str(sale_id), "lines": lines},
                        str(uuid7()),
                    )
                    for sale_id, lines in changed.items()
                ]
            )
        self._told = units

    async def check_gates(self, sale_ids: Sequence[UUID]) -> None:
        """Lay a gate anew when it is gone, or differs from the ledger and stays so."""
        async with self._database.transaction() as session:
            units = await cards.moved_units(session, sale_ids)
        for sale_id in sale_ids:
            try:
                at_gate = await Gate(self._redis, sale_id).free()
            except GateDown:
                return
            ledger = {UUID(line["sku_id"]): line["free"] for line in units[sale_id]}
            if at_gate is None:
                await self._lay(sale_id)
            elif at_gate[1] == ledger:
                self._strikes.pop(sale_id, None)
            else:
                seen = (at_gate[1], ledger)
                before, strikes = self._strikes.get(sale_id, (seen, 0))
                strikes = strikes + 1 if before == seen else 1
                self._strikes[sale_id] = (seen, strikes)
                if strikes >= STRIKES:
                    log.warning("gate differs from the ledger; laid anew", sale_id=str(sale_id))
                    await self._lay(sale_id)

    async def _lay(self, sale_id: UUID) -> None:
        self._strikes.pop(sale_id, None)
        with contextlib.suppress(GateDown):
            await laying.lay_gate(self._database, self._redis, sale_id)
