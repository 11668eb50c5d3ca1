"""The gate: Redis decides who may order now, so that the crowd never reaches PostgreSQL.

It is a mirror. It may be lost, cut short or stale; it is laid anew from the ledger under a higher epoch, and what it
lets through is checked again by the claim statement. One that was laid before its server began anew (a restart, a
failover) is void. Keys of one sale share a hash tag (Redis Cluster).
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
CLAIM = Script(_LUA / "claim.lua")
_release = Script(_LUA / "release.lua")
_book = Script(_LUA / "book.lua")
_stage = Script(_LUA / "stage.lua")
_rebuild = Script(_LUA / "rebuild.lua")
_pack = msgspec.msgpack.Encoder().encode
_answer = msgspec.msgpack.Decoder(tuple[str, str, int, int, int, list[int], list[int], dict[str, int]]).decode

STAGED = 4_000
"""Fields and values of one part of a gate that is being laid."""

Lines = Sequence[tuple[UUID, int]]
"""SKUs and how many units of each."""


class Code(IntEnum):
    TAKEN = 1
    SEEN = 2
    NOT_OPEN = -1
    LIMIT = -2
    STOCK = -3
    NOT_IN_SALE = -4


class GateClaim(NamedTuple):
    """`units` count against the limit of the member and of the device (`kit.devices.device_key`), if there is one."""

    member_id: UUID
    key: str
    units: int
    lines: Lines
    device: bytes | None = None

    @property
    def id(self) -> str:
        return f"{self.member_id}:{self.key}"


class GateAnswer(NamedTuple):
    """For a batch: the sale as the gate has it, a code for each claim, the units each buyer has (the device, where it
    has more), and what is left of each SKU after it; a SKU that the sale doesn't have is not in `left`."""

    epoch: str
    state: str
    limit: int
    opens_ms: int
    ends_ms: int
    codes: list[Code]
    has: list[int]
    left: dict[UUID, int]


class GateState(NamedTuple):
    """What the ledger says a gate should hold. `buyers` by member; `spent` are (member, key) of orders that ended."""

    epoch: int
    state: str
    limit: int
    opens_ms: int
    ends_ms: int
    free: dict[UUID, int]
    buyers: dict[UUID, int]
    devices: dict[bytes, int]
    taken: list[GateClaim]
    spent: list[tuple[UUID, str]]


class NoGate(Exception):
    """Redis has no gate for this sale: it was lost or never laid."""


class Gate:
    def __init__(self, redis: Redis, sale_id: UUID) -> None:
        self._redis = redis
        self._keys = keys_of(sale_id)

    async def claim(self, claims: Sequence[GateClaim]) -> GateAnswer:
        """One script call for the batch. Raises `NoGate`, `GateDown`."""
        answer = await CLAIM(self._redis, self._keys, [packed(claims)])
        if not answer:
            raise NoGate
        epoch, state, limit, opens_ms, ends_ms, codes, has, left = _answer(answer)
        return GateAnswer(
            epoch,
            state,
            limit,
            opens_ms,
            ends_ms,
            [Code(code) for code in codes],
            has,
            {UUID(sku): free for sku, free in left.items()},
        )

    async def release(self, claims: Sequence[tuple[UUID, str]], epoch: str = "", *, ordered: bool) -> int:
        """Give back (member, key) pairs; with an `epoch`, only to the gate that took them. `ordered`: an order stands
        under the key, and whoever asks with it again is to be sent on to it."""
        ids = [(f"{member}:{key}", str(member)) for member, key in claims]
        return int(await _release(self._redis, self._keys, [epoch, _pack(ids), "1" if ordered else ""]))

    async def book(self, claims: Sequence[GateClaim]) -> int:
        """Take what PostgreSQL granted by itself; a claim that the gate knows is booked already. How many were new."""
        return int(await _book(self._redis, self._keys, [packed(claims)]))

    async def rebuild(self, state: GateState) -> bool:
        """`False` when a gate of the same or a newer epoch stands already."""
        sale: list[Any] = [
            "epoch", str(state.epoch), "state", state.state, "limit", str(state.limit),
            "opens_ms", str(state.opens_ms), "ends_ms", str(state.ends_ms),
        ]  # fmt: skip
        for sku, free in state.free.items():
            sale += [f"free:{sku}", str(free)]
        buyers = [part for member, units in state.buyers.items() for part in (str(member), str(units))]
        for device, units in state.devices.items():
            buyers += [f"d:{device.hex()}", str(units)]
        keys: list[Any] = []
        for claim in state.taken:
            keys += [claim.id, _held(claim)]
        for member, key in state.spent:
            keys += [f"{member}:{key}", ""]
        staged = [f"{key}:{state.epoch}" for key in self._keys[1:]]
        for key, flat in zip(staged, (buyers, keys), strict=True):
            for at in range(0, len(flat), STAGED):  # no part keeps the server from others for long
                await _stage(self._redis, [key], [_pack(flat[at : at + STAGED])])
        laid = await _rebuild(self._redis, [*self._keys, *staged], [state.epoch, _pack(sale)])
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


def keys_of(sale_id: UUID) -> list[str]:
    tag = f"{{sale:{sale_id}}}"
    return [f"{tag}:gate", f"{tag}:buyers", f"{tag}:keys"]


def packed(claims: Sequence[GateClaim]) -> bytes:
    """As `claim.lua` reads them."""
    return _pack(
        [(claim.id, str(claim.member_id), _device(claim), claim.units, _flat(claim)) for claim in claims]
    )


def _held(claim: GateClaim) -> list[Any]:
    return [claim.units, _device(claim), _flat(claim)]


def _device(claim: GateClaim) -> str:
    return claim.device.hex() if claim.device else ""


def _flat(claim: GateClaim) -> list[str | int]:
    return [part for sku, quantity in claim.lines for part in (str(sku), quantity)]


__all__ = ["Code", "Gate", "GateAnswer", "GateClaim", "GateDown", "GateState", "Lines", "NoGate"]
