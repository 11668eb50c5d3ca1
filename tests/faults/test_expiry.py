"""Web and worker killed while the time to pay runs out."""

from __future__ import annotations

import time
from collections import Counter

from tests.acceptance.demo import Person, eventually
from tests.faults.processes import Processes
from tests.faults.rush import PATIENCE_S, Buyer
from tests.faults.showroom import PRICE_MINOR, Showroom

HOLD_SECONDS = 5
PER_BUYER = 2


def test_held_units_come_back_once(room: Showroom, processes: Processes, crowd: list[Person]) -> None:
    stock = PER_BUYER * len(crowd)
    sale = room.new_sale(
        stock=stock, limit_per_buyer=PER_BUYER, hold_seconds=HOLD_SECONDS, price_minor=PRICE_MINOR
    )
    buyers = [Buyer(person, room.holds_path(sale["sale_id"])) for person in crowd]
    _all_hold(buyers, PER_BUYER)
    victims = processes.aim("web", "worker")
    eventually("the first expires", lambda: room.units(sale["sale_id"])["held"] < stock, 30)
    processes.kill(*victims)
    processes.back(*victims)
    eventually("all come back", lambda: room.units(sale["sale_id"])["free"] == stock, 30)
    for buyer in buyers:
        expired = room.orders(buyer.person, sale["sale_id"])
        assert [order["status"] for order in expired.values()] == ["expired"] * PER_BUYER
        _must_be_remembered_once(room, buyer, set(expired))
    _all_hold(buyers, PER_BUYER)
    units = room.units(sale["sale_id"])
    assert units["held"] + units["free"] == units["total"] == stock
    room.must_verify()


def _all_hold(buyers: list[Buyer], each: int) -> None:
    ends = time.monotonic() + PATIENCE_S
    for buyer in buyers:
        for _ in range(each):
            tap = buyer.tap(ends)
            assert tap.placed, tap.slug


def _must_be_remembered_once(room: Showroom, buyer: Buyer, orders: set[str]) -> None:
    expected = Counter({(kind, order): 1 for kind in ("claim", "expired") for order in orders})

    def remembered() -> Counter[tuple[str, str]]:
        return Counter(entry for entry in room.timeline(buyer.person) if entry[1] in orders)

    eventually("the member store knows", lambda: expected.keys() <= remembered().keys())
    assert remembered() == expected
