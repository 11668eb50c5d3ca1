"""The gate: Redis decides who may order now, so that the crowd never reaches PostgreSQL.

It is a mirror. It may be lost, cut short or stale; it is laid anew from the ledger under a higher epoch, and what it
lets through is checked again by the claim statement. Keys of one sale share a hash tag (Redis Cluster).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from server.kit.redis import GateDown, Redis, Script

_LUA = Path(__file__).parent / "lua"
_claim = Script(_LUA / "claim.lua")
_release = Script(_LUA / "release.lua")
_rebuild = Script(_LUA / "rebuild.lua")
_pack = msgspec.msgpack.Encoder().encode
_answer = msgspec.msgpack.Decoder(tuple[str, list[int], list[int], dict[str, int]]).decode


class Code(IntEnum):
    TAKEN = 1
    SEEN = 2
    NOT_OPEN = -1
    LIMIT = -2
    STOCK = -3
    NOT_IN_SALE = -4


class GateClaim(NamedTuple):
    member_id: UUID
    key: str
    lines: Sequence[tuple[UUID, int]]

    @property
    def id(self) -> str:
        return f"{self.member_id}:{self.key}"


class GateAnswer(NamedTuple):
    """For a batch: a code for each claim, the units each buyer has, and what is left of each SKU after it."""

    epoch: str
    codes: list[Code]
    has: list[int]
    left: dict[UUID, int]


class GateState(NamedTuple):
    """What the ledger says a gate should hold."""

    epoch: int
    open: bool
    limit: int
    ends_ms: int
    free: dict[UUID, int]
    buyers: dict[UUID, int]
    taken: list[GateClaim]


class NoGate(Exception):
    """Redis has no gate for this sale: it was lost or never laid."""


class Gate:
    def __init__(self, redis: Redis, sale_id: UUID) -> None:
        self._redis = redis
        tag = f"{{sale:{sale_id}}}"
        self._keys = [f"{tag}:gate", f"{tag}:buyers", f"{tag}:keys"]

    async def claim(self, claims: Sequence[GateClaim]) -> GateAnswer:
        """One script call for the batch. Raises `NoGate`, `GateDown`."""
        asked = [
            (c.id, str(c.member_id), [part for sku, q in c.lines for part in (str(sku), q)]) for c in claims
        ]
        answer = await _claim(self._redis, self._keys, [_pack(asked)])
        if not answer:
            raise NoGate
        epoch, codes, has, left = _answer(answer)
        return GateAnswer(
            epoch, [Code(code) for code in codes], has, {UUID(sku): free for sku, free in left.items()}
        )

    async def release(self, claims: Sequence[tuple[UUID, str]], epoch: str = "") -> int:
        """Give back (member, key) pairs; with an `epoch`, only to the gate that took them."""
        ids = [(f"{member}:{key}", str(member)) for member, key in claims]
        return int(await _release(self._redis, self._keys, [epoch, _pack(ids)]))

    async def rebuild(self, state: GateState) -> bool:
        """`False` when a gate of the same or a newer epoch stands already."""
        sale: list[Any] = [
            "epoch", str(state.epoch), "open", "1" if state.open else "0",
            "limit", str(state.limit), "ends_ms", str(state.ends_ms),
        ]  # fmt: skip
        for sku, free in state.free.items():
            sale += [f"free:{sku}", str(free)]
        buyers = [part for member, units in state.buyers.items() for part in (str(member), str(units))]
        taken: list[Any] = []
        for claim in state.taken:
            taken += [claim.id, [part for sku, q in claim.lines for part in (str(sku), q)]]
        laid = await _rebuild(
            self._redis, self._keys, [state.epoch, _pack(sale), _pack(buyers), _pack(taken)]
        )
        return bool(laid)

    async def free(self) -> tuple[int, dict[UUID, int]] | None:
        """(epoch, free units of each SKU) as the gate has it, or `None` when there is none. Raises `GateDown`."""
        try:
            fields: dict[Any, Any] = await self._redis.hgetall(self._keys[0])
        except Exception as error:
            raise GateDown(str(error)) from error
        if b"epoch" not in fields:
            return None
        free = {
            UUID(name[5:].decode()): int(value) for name, value in fields.items() if name.startswith(b"free:")
        }
        return int(fields[b"epoch"]), free


__all__ = ["Code", "Gate", "GateClaim", "GateDown", "GateState", "NoGate"]
