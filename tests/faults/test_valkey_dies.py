"""Valkey killed, or emptied: it is the gate and never the truth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.demo import Person, eventually
from tests.faults.gate import GateView
from tests.faults.processes import Processes
from tests.faults.rush import Rush
from tests.faults.showroom import Showroom
from tests.faults.watcher import Watcher, must_talk

SETTLES_WITHIN_S = 15.0


@pytest.fixture
def gate(room: Showroom) -> Iterator[GateView]:
    view = GateView(room)
    yield view
    view.redis.close()


def test_a_rush_goes_on_while_the_gate_is_lost(
    room: Showroom, processes: Processes, crowd: list[Person], gate: GateView
) -> None:
    first, second = room.buyers(2)
    valkey = processes.aim("valkey")
    with Watcher(room, first) as one, Watcher(room, second) as other:
        must_talk(one, other)
        with Rush(room, crowd, stock=200, limit=10, taps=14) as rush:
            rush.await_granted(30)
            processes.kill(*valkey)
            rush.await_granted(50)
            processes.back(*valkey)
        _must_have_stayed_honest(room, rush, gate)
        must_talk(one, other)
        must_talk(other, one)
        assert one.wrong == other.wrong == []
    room.must_verify()


def test_a_rush_goes_on_when_all_keys_are_gone(room: Showroom, crowd: list[Person], gate: GateView) -> None:
    first, second = room.buyers(2)
    with Watcher(room, first) as one, Watcher(room, second) as other:
        with Rush(room, crowd, stock=120, limit=6, taps=8) as rush:
            rush.await_granted(30)
            epoch = gate.epoch(rush.sale_id)
            gate.redis.flushall()
            rush.await_granted(60)
            gate.redis.flushall()
        eventually("a gate of a newer epoch", lambda: gate.epoch(rush.sale_id) > epoch, SETTLES_WITHIN_S)
        _must_have_stayed_honest(room, rush, gate)
        must_talk(one, other)
        assert one.wrong == other.wrong == []
    room.must_verify()


def _must_have_stayed_honest(room: Showroom, rush: Rush, gate: GateView) -> None:
    assert rush.answers.keys() <= {201, 202, 409, 503}, rush.answers
    rush.must_have_kept_its_word()
    eventually(
        "the gate has what the ledger has",
        lambda: gate.free(rush.sale_id) == room.units(rush.sale_id)["free"],
        SETTLES_WITHIN_S,
    )
    rush.must_sell_out()
