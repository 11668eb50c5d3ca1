"""A crowd that taps, pays and comes again until each tap is answered for good, and what must be true afterwards."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from tests.acceptance.demo import Person, eventually, is_problem
from tests.faults.showroom import PRICE_MINOR, Showroom
from tests.faults.watcher import Watcher

PATIENCE_S = 45.0
COME_AGAIN_S = 0.1
"""What a page waits before it repeats a tap that was not answered."""


@dataclass
class Tap:
    """One tap of a finger: one key, sent until it is answered. `answers` are (when, status); 0 is a broken line."""

    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    answers: list[tuple[float, int]] = field(default_factory=list)
    slug: str = ""
    placed: dict[str, Any] | None = None
    content: bytes = b""


class Buyer:
    """Taps one after the other, and pays the first thing that they get."""

    def __init__(self, person: Person, path: str) -> None:
        self.person = person
        self.taps: list[Tap] = []
        self.paid_order: str | None = None
        self._path = path

    @property
    def granted(self) -> list[Tap]:
        return [tap for tap in self.taps if tap.placed]

    def tap(self, ends: float) -> Tap:
        tap = Tap()
        self.taps.append(tap)
        answer = self.until_answered("POST", self._path, {"quantity": 1}, tap, ends)
        if answer.status_code == 201:
            tap.placed, tap.content = answer.json(), answer.content
        else:
            tap.slug = is_problem(answer, 409)["slug"]
        return tap

    def pay(self, order_id: str, ends: float) -> None:
        order = f"/api/orders/{order_id}"
        started = self.until_answered("POST", f"{order}/payments", {"provider": "sandbox"}, Tap(), ends)
        assert started.status_code == 201, started.text
        approve = f"/sandbox/payments/{started.json()['payment_id']}/approve"
        approved = self.until_answered("POST", approve, {}, Tap(), ends)
        assert approved.status_code == 202, approved.text
        self.paid_order = order_id

    def until_answered(self, method: str, path: str, body: Any, tap: Tap, ends: float) -> httpx.Response:
        """The first answer that is no request to come again. Whatever else a client is told must be a problem."""
        while True:
            try:
                answer = self.person.http.request(
                    method, path, json=body, headers={"Idempotency-Key": tap.key}
                )
            except httpx.TransportError:
                tap.answers.append((time.monotonic(), 0))
            else:
                tap.answers.append((time.monotonic(), answer.status_code))
                if answer.status_code not in {500, 503}:
                    return answer
                is_problem(answer, answer.status_code)
            assert time.monotonic() < ends, f"{path} was never answered: {tap.answers[-20:]}"
            time.sleep(COME_AGAIN_S)


class Rush:
    """Buyers claim at the same time as long as the context lasts; leaving it waits for the last one."""

    def __init__(
        self, room: Showroom, people: Sequence[Person], *, stock: int, limit: int, taps: int, **sale: Any
    ) -> None:
        self.room = room
        self.stock = stock
        self.limit = limit
        self.sale_id: str = room.new_sale(
            stock=stock, limit_per_buyer=limit, price_minor=PRICE_MINOR, **sale
        )["sale_id"]
        self.buyers = [Buyer(person, room.holds_path(self.sale_id)) for person in people]
        self._taps = taps
        self._granted = 0
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(len(self.buyers))
        self._work: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._ends = time.monotonic() + PATIENCE_S
        self._work = [self._pool.submit(self._shop, buyer) for buyer in self.buyers]
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True)
        for done in self._work:
            done.result()

    def await_granted(self, count: int) -> None:
        """Returns in the moment in which so many claims have been granted."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._granted >= count, PATIENCE_S), self._granted

    @property
    def granted(self) -> list[Tap]:
        return [tap for buyer in self.buyers for tap in buyer.granted]

    @property
    def answers(self) -> Counter[int]:
        return Counter(status for buyer in self.buyers for tap in buyer.taps for _, status in tap.answers)

    def _shop(self, buyer: Buyer) -> None:
        for _ in range(self._taps):
            before = len(buyer.granted)
            tap = buyer.tap(self._ends)
            if tap.slug == "limit-reached":
                assert before == self.limit, f"told to have {self.limit}, and has {before}"
            if tap.placed:
                with self._changed:
                    self._granted += 1
                    self._changed.notify_all()
                if before == 0:
                    buyer.pay(tap.placed["order_id"], self._ends)

    # What must be true afterwards

    def must_have_kept_its_word(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._must_have_kept_its_word_to, self.buyers))
        units = self.room.units(self.sale_id)
        assert units["total"] == self.stock == units["free"] + units["held"] + units["sold"]
        assert units["held"] + units["sold"] == len(self.granted)

    def _must_have_kept_its_word_to(self, buyer: Buyer) -> None:
        """What they were told they have is theirs, nothing else is, and telling again changes nothing."""
        person = buyer.person
        for tap in buyer.granted:
            assert tap.placed
            again = person.post(self.room.holds_path(self.sale_id), {"quantity": 1}, key=tap.key)
            assert (again.status_code, again.content) == (201, tap.content)
            order = person.get(f"/api/orders/{tap.placed['order_id']}")
            assert order.status_code == 200, order.text
            assert order.json()["hold_id"] == tap.placed["hold_id"]
        if buyer.paid_order:
            eventually("what was paid is paid", lambda: self._status(buyer, buyer.paid_order) == "paid", 30)
        mine = self.room.orders(person, self.sale_id)
        assert mine.keys() == {tap.placed["order_id"] for tap in buyer.granted if tap.placed}
        assert sum(line["quantity"] for order in mine.values() for line in order["lines"]) <= self.limit
        expected = dict.fromkeys(mine, "awaiting_payment")
        if buyer.paid_order:
            expected[buyer.paid_order] = "paid"
        assert {order_id: order["status"] for order_id, order in mine.items()} == expected

    def _status(self, buyer: Buyer, order_id: str | None) -> str:
        return str(buyer.person.get(f"/api/orders/{order_id}").json()["status"])

    def must_be_on_the_ticker(self, seat: Watcher) -> None:
        """The room heard of each payment once."""
        paid = dict.fromkeys((buyer.person.name[0] + "**" for buyer in self.buyers if buyer.paid_order), 1)

        def told() -> dict[str, int]:
            return Counter(fact.data["name"] for fact in seat.of_kind("order.ticker"))

        eventually("all are on the ticker", lambda: paid.keys() <= told().keys(), 30)
        assert told() == paid

    def must_sell_out(self, seconds: float = 15.0) -> None:
        """What was free in the ledger all the time can be had: no unit is lost between gate and ledger."""
        ends = time.monotonic() + seconds
        while free := self.room.units(self.sale_id)["free"]:
            assert time.monotonic() < ends, f"{free} units can't be had"
            (person,) = self.room.buyers(1)
            late = Buyer(person, self.room.holds_path(self.sale_id))
            self.buyers.append(late)
            while late.tap(ends).placed:
                pass
        (person,) = self.room.buyers(1)
        nothing = Buyer(person, self.room.holds_path(self.sale_id)).tap(ends)
        assert nothing.slug == "out-of-stock"
        assert len(self.granted) == self.stock
