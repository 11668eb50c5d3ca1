"""Everything that counts killed in one moment."""

from __future__ import annotations

from tests.acceptance.demo import Person
from tests.faults.processes import Processes
from tests.faults.rush import Rush
from tests.faults.showroom import Showroom
from tests.faults.watcher import Watcher


def test_the_room_comes_back_to_where_it_was(
    room: Showroom, processes: Processes, crowd: list[Person]
) -> None:
    everything = processes.aim("postgres", "valkey", "web", "worker")
    with Watcher(room, room.buyers(1)[0]) as seat:
        with Rush(room, crowd, stock=120, limit=6, taps=8) as rush:
            rush.await_granted(30)
            processes.kill(*everything)
            processes.back(*everything)
        rush.must_have_kept_its_word()
        assert seat.wrong == []
    rush.must_sell_out()
    room.must_be_credited_once(buyer.paid_order for buyer in rush.buyers if buyer.paid_order)
    room.must_verify()
