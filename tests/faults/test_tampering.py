"""Changed bodies: each is a clear problem or buys at the server's own price, and the shop adds up afterwards."""

from __future__ import annotations

from tests.faults.showroom import Showroom
from tests.faults.tampering import Tampering

BODIES = 500


def test_changed_bodies_are_refused_or_buy_at_our_price(room: Showroom) -> None:
    tampering = Tampering(room, seed=7)
    tampering.send(BODIES)
    assert tampering.wrong == []
    assert tampering.answers[422] + tampering.answers[400] > BODIES / 2
    tampering.must_have_bought_at_our_price()
    room.must_verify()
