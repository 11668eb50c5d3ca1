"""The worker killed between the approval of payments and what follows from them."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

from tests.acceptance.demo import Person, eventually
from tests.faults.processes import Processes
from tests.faults.rush import PATIENCE_S, Buyer
from tests.faults.showroom import PRICE_MINOR, Showroom
from tests.faults.watcher import Watcher


def test_payments_arrive_and_everything_follows_from_them_once(
    room: Showroom, processes: Processes, crowd: list[Person]
) -> None:
    sale = room.new_sale(stock=2 * len(crowd), limit_per_buyer=2, price_minor=PRICE_MINOR)
    ends = time.monotonic() + PATIENCE_S
    buyers = [Buyer(person, room.holds_path(sale["sale_id"])) for person in crowd]
    operator = room.staff("operator")
    with (
        Watcher(room, room.buyers(1)[0]) as seat,
        Watcher(room, operator, "&view=control") as desk,
    ):
        for buyer in buyers:
            assert buyer.tap(ends).placed
        (worker,) = processes.aim("worker")
        os.kill(worker.pid, signal.SIGSTOP)
        for buyer in buyers:
            assert buyer.granted[0].placed
            buyer.pay(buyer.granted[0].placed["order_id"], ends)
        assert [_status(buyer) for buyer in buyers] == ["awaiting_payment"] * len(buyers)
        processes.kill(worker)
        processes.back(worker)
        for buyer in (buyers[0], buyers[len(buyers) // 2]):
            (worker,) = processes.aim("worker")
            eventually("the payment arrives", lambda buyer=buyer: _status(buyer) == "paid", 30)
            processes.kill(worker)
            processes.back(worker)
        eventually("all are paid", lambda: _paid(buyers) == len(buyers), 30)

        orders = {buyer.paid_order for buyer in buyers}
        eventually("the desk heard of all", lambda: orders <= set(_told(desk)), 30)
        names = {buyer.person.name[0] + "**" for buyer in buyers}
        eventually("the room heard of all", lambda: names <= set(_shown(seat)), 30)
        room.must_be_credited_once(orders)
        for buyer in buyers:
            _must_be_remembered_once(room, buyer)
        assert [_told(desk)[order] for order in orders] == [1] * len(orders)
        assert _shown(seat) == dict.fromkeys(names, 1)
        for watcher in (seat, desk):
            assert (watcher.wrong, watcher.snapshots, watcher.connections) == ([], 1, 1)
    room.must_verify()


def _paid(buyers: list[Buyer]) -> int:
    return [_status(buyer) for buyer in buyers].count("paid")


def _status(buyer: Buyer) -> str:
    return str(buyer.person.get(f"/api/orders/{buyer.paid_order}").json()["status"])


def _told(desk: Watcher) -> Counter[str]:
    return Counter(fact.data["order_id"] for fact in desk.of_kind("order.paid"))


def _shown(seat: Watcher) -> Counter[str]:
    return Counter(fact.data["name"] for fact in seat.of_kind("order.ticker"))


def _must_be_remembered_once(room: Showroom, buyer: Buyer) -> None:
    order = buyer.paid_order
    assert order
    expected = Counter({("claim", order): 1, ("order", order): 1})

    def remembered() -> Counter[tuple[str, str]]:
        return Counter(entry for entry in room.timeline(buyer.person) if entry[1] == order)

    eventually("the member store knows", lambda: expected.keys() <= remembered().keys())
    assert remembered() == expected
