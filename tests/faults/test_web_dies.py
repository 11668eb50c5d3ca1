"""The web role killed: whoever was answered was told the truth, whoever was not asks again."""

from __future__ import annotations

from tests.acceptance.demo import Person, eventually
from tests.faults.processes import Processes
from tests.faults.rush import Rush
from tests.faults.showroom import Showroom
from tests.faults.watcher import Watcher, must_talk


def test_a_rush_goes_on_where_it_was_cut_off(
    room: Showroom, processes: Processes, crowd: list[Person]
) -> None:
    first, second = room.buyers(2)
    web = processes.aim("web")
    with Watcher(room, first) as one, Watcher(room, second) as other:
        with Rush(room, crowd, stock=200, limit=10, taps=14) as rush:
            rush.await_granted(40)
            processes.kill(*web)
            one.say("Is anybody there?")
            processes.back(*web)
        assert rush.answers[0] > 0, "the kill came when nobody waited for an answer"
        rush.must_have_kept_its_word()
        must_talk(other, one)
        eventually("nothing is left unsaid", lambda: one.everything_said)
        assert list(one.lines.values()).count("Is anybody there?") == 1

        for seat in (one, other):
            rush.must_be_on_the_ticker(seat)
            assert (seat.wrong, seat.snapshots, seat.connections) == ([], 1, 2)
    rush.must_sell_out()
    room.must_verify()
