"""A sale goes on while, at a random moment, its web process, its worker, PostgreSQL or Valkey is killed, or all keys of
Valkey are gone; and whoever was granted a unit has it afterwards, and gets the same answer again.
"""

from __future__ import annotations

import random

from scripts.soaks.promises import Promises
from tests.acceptance.demo import running_demo
from tests.faults.gate import GateView
from tests.faults.processes import Processes
from tests.faults.rush import Rush
from tests.faults.showroom import Showroom

WITHIN_S = (1500, 5400)
CROWD, STOCK, LIMIT, TAPS = 16, 60, 5, 7
ROUNDS, SHORT_ROUNDS = 200, 50
BACK_WITHIN_S = {"web": 3.0, "worker": 3.0, "valkey": 3.0, "postgres": 10.0}
VERIFY_EVERY = 10


def run(promises: Promises, short: bool) -> None:
    chance = random.Random(20261111)
    with running_demo() as demo:
        room = Showroom(demo.data)
        processes, gate = Processes(room), GateView(room)
        rounds = SHORT_ROUNDS if short else ROUNDS
        sku = room.product["skus"][0]["sku_id"]
        added = room.staff("operator").post(f"/api/skus/{sku}/stock", {"add": rounds * STOCK})
        assert added.status_code == 201, added.text
        for turn in range(rounds):
            what = chance.choice([*BACK_WITHIN_S, "all keys"])
            _round(promises, room, processes, gate, what, chance.randrange(1, STOCK // 2))
            if turn % VERIFY_EVERY == VERIFY_EVERY - 1 or turn == rounds - 1:
                promises.count("everything adds up", 1, *_fails(room.must_verify))
                promises.say(f"sales_faults: {turn + 1} of {rounds}")


def _round(
    promises: Promises, room: Showroom, processes: Processes, gate: GateView, what: str, moment: int
) -> None:
    victims = [] if what == "all keys" else processes.aim(what)
    with Rush(room, room.buyers(CROWD), stock=STOCK, limit=LIMIT, taps=TAPS) as rush:
        rush.await_granted(moment)
        if victims:
            processes.kill(*victims)
            seconds = processes.back(*victims)
            late = seconds > BACK_WITHIN_S[what]
            promises.count(
                f"{what} is ready again in {BACK_WITHIN_S[what]:.0f} s", 1, late, f"{seconds:.1f} s"
            )
        else:
            gate.redis.flushall()
    strange = sum(count for status, count in rush.answers.items() if status not in {0, 201, 202, 409, 503})
    promises.count("nobody is told of a fault of ours", sum(rush.answers.values()), strange, rush.answers)
    granted = len(rush.granted)
    failed, why = _fails(rush.must_have_kept_its_word)
    promises.count("what was granted is there, and asked again gives the same answer", granted, failed, why)
    failed, why = _fails(rush.must_sell_out)
    promises.count("all units are sold, not one more", STOCK, failed, why)


def _fails(check: object) -> tuple[int, str]:
    assert callable(check)
    try:
        check()
    except AssertionError as error:
        return 1, str(error)[:500]
    return 0, ""
