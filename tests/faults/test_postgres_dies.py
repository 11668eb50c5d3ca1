"""PostgreSQL killed: what was acknowledged is there after its restart, and nobody was told a lie meanwhile."""

from __future__ import annotations

from tests.acceptance.demo import Person
from tests.faults.processes import Processes
from tests.faults.rush import Rush
from tests.faults.showroom import Showroom
from tests.faults.watcher import Watcher

BACK_WITHIN_S = 20.0


def test_what_was_acknowledged_outlives_a_killed_database(
    room: Showroom, processes: Processes, crowd: list[Person]
) -> None:
    postgres = processes.aim("postgres")
    with Watcher(room, room.buyers(1)[0]) as seat:
        with Rush(room, crowd, stock=200, limit=10, taps=14) as rush:
            rush.await_granted(40)
            processes.kill(*postgres)
            seconds = processes.back(*postgres)
        assert seconds < BACK_WITHIN_S
        assert rush.answers[503] > 0, "nobody noticed"
        assert rush.answers.keys() <= {201, 202, 409, 503}, rush.answers
        rush.must_have_kept_its_word()
        rush.must_be_on_the_ticker(seat)
        assert (seat.wrong, seat.snapshots) == ([], 1)
    rush.must_sell_out()
    room.must_be_credited_once(buyer.paid_order for buyer in rush.buyers if buyer.paid_order)
    room.must_verify()
