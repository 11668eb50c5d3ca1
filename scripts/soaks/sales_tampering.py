"""10,000 changed bodies to the ways of buying, paying and refunding: nothing comes of them but clear problems."""

from __future__ import annotations

from scripts.soaks.promises import Promises
from tests.acceptance.demo import running_demo
from tests.faults.showroom import Showroom
from tests.faults.tampering import Tampering

WITHIN_S = (300, 900)
BODIES, SHORT_BODIES = 10_000, 2_000


def run(promises: Promises, short: bool) -> None:
    with running_demo() as demo:
        room = Showroom(demo.data)
        tampering = Tampering(room, seed=20261111)
        tampering.send(SHORT_BODIES if short else BODIES)
        promises.say(f"sales_tampering: answers {dict(tampering.answers)}")
        promises.count(
            "a changed body is a clear problem", tampering.sent, len(tampering.wrong), tampering.wrong[:3]
        )
        failed: list[str] = []
        for check in (tampering.must_have_bought_at_our_price, room.must_verify):
            try:
                check()
            except AssertionError as error:
                failed.append(str(error)[:500])
        promises.count(
            "what was bought has the server's price, and everything adds up", 2, len(failed), failed
        )
