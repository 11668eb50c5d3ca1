"""Web and database killed while viewers tip from their wallets and order from the shelf: each is booked once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.acceptance.demo import Person, eventually
from tests.faults.processes import Processes
from tests.faults.rush import COME_AGAIN_S, PATIENCE_S, Buyer, Tap
from tests.faults.showroom import Showroom
from tests.faults.watcher import Watcher

ROUNDS = 5
"""So many baskets of one viewer may wait for their payment."""


def test_each_tip_and_each_basket_is_booked_once(
    room: Showroom, processes: Processes, crowd: list[Person]
) -> None:
    viewers = [Viewer(room, person) for person in crowd[: len(crowd) // 2]]
    rounds = threading.Semaphore(0)
    victims = processes.aim("web", "postgres")
    with Watcher(room, room.buyers(1)[0]) as seat:
        with ThreadPoolExecutor(len(viewers)) as pool:
            done = [pool.submit(viewer.spend, rounds) for viewer in viewers]
            for victim in victims:
                for _ in range(len(done) * ROUNDS // 3):
                    assert rounds.acquire(timeout=PATIENCE_S)
                processes.kill(victim)
                processes.back(victim)
            for viewer in done:
                viewer.result()
        tips = dict.fromkeys((tip for viewer in viewers for tip in viewer.tips), 1)
        assert len(tips) == len(viewers) * ROUNDS
        eventually("the room sees each tip", lambda: tips.keys() <= _shown(seat).keys(), 30)
        assert _shown(seat) == tips
        assert (seat.wrong, seat.snapshots) == ([], 1)
    for viewer in viewers:
        viewer.must_have_what_they_were_told()
    room.must_verify()


def _shown(seat: Watcher) -> Counter[str]:
    return Counter(fact.data["tip_id"] for fact in seat.of_kind("tip.given"))


class Viewer:
    """Tops up, then tips and orders in turns; each tap is sent until it is answered, and once more after that."""

    def __init__(self, room: Showroom, person: Person) -> None:
        self._buyer = Buyer(person, "")
        self._person = person
        self._room = f"/api/rooms/{room.room}"
        self._gift = min(person.get("/api/gifts").json()["items"], key=lambda gift: gift["price_minor"])
        self._line = {"sku_id": room.product["skus"][0]["sku_id"], "quantity": 1}
        self._had_minor = self._balance_minor()
        self.tips: set[str] = set()
        self._orders: set[str] = set()
        self._had_orders = self._baskets()

    def spend(self, rounds: threading.Semaphore) -> None:
        ends = time.monotonic() + PATIENCE_S
        self._top_up(ROUNDS * self._gift["price_minor"], ends)
        for _ in range(ROUNDS):
            tip = {"gift_id": self._gift["gift_id"], "quantity": 1}
            self.tips.add(self._tap("/tips", tip, ends)["tip_id"])
            self._orders.add(self._tap("/orders", {"lines": [self._line]}, ends)["order_id"])
            rounds.release()

    def must_have_what_they_were_told(self) -> None:
        assert self._balance_minor() == self._had_minor
        assert self._baskets() - self._had_orders == self._orders
        assert len(self._orders) == ROUNDS

    def _top_up(self, amount_minor: int, ends: float) -> None:
        asked = {"amount_minor": amount_minor}
        started = self._buyer.until_answered("POST", "/api/wallet/top-ups", asked, Tap(), ends).json()
        approve = f"/sandbox/payments/{started['payment_id']}/approve"
        assert self._buyer.until_answered("POST", approve, {}, Tap(), ends).status_code == 202
        wallet: dict[str, Any] = {"balance_minor": 0}
        while wallet["balance_minor"] < self._had_minor + amount_minor:
            time.sleep(COME_AGAIN_S)
            wallet = self._buyer.until_answered("GET", "/api/wallet", None, Tap(), ends).json()

    def _tap(self, path: str, body: dict[str, Any], ends: float) -> Any:
        tap = Tap()
        first = self._buyer.until_answered("POST", f"{self._room}{path}", body, tap, ends)
        assert first.status_code == 201, first.text
        again = self._buyer.until_answered("POST", f"{self._room}{path}", body, tap, ends)
        assert again.content == first.content
        return first.json()

    def _balance_minor(self) -> int:
        return int(self._person.get("/api/wallet").json()["balance_minor"])

    def _baskets(self) -> set[str]:
        """Orders that belong to no sale."""
        found, cursor = set(), ""
        while cursor is not None:
            page = self._person.get("/api/orders", params={"cursor": cursor} if cursor else {}).json()
            found |= {order["order_id"] for order in page["items"] if order["sale_id"] is None}
            cursor = page["next"]
        return found
