"""Requests to buy, pay and refund whose bodies were changed on their way: prices, quantities, junk."""

from __future__ import annotations

import copy
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from tests.acceptance.demo import Person
from tests.crowd.fuzz import ODD
from tests.faults.showroom import PRICE_MINOR, Showroom

STOCK = 4000
SHELF_PRICE_MINOR = 5990
MONEY = [-1, 0, 1, -2990, 2**31, 2**63 - 1, 2**64, 10**30, 0.01, 1e400, "2990", "1", [], None, True]
ADDED = [
    "price_minor",
    "amount_minor",
    "paid_minor",
    "status",
    "member_id",
    "quantity",
    "gift",
    "currency",
    "__proto__",
]
JUNK = [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5000, b'{"a":' * 3000, b"NaN", b'{"quantity":1}x']

Place = tuple[dict[str, Any] | list[Any], str | int]


class Asked(NamedTuple):
    """A request that would be granted."""

    who: Person
    method: str
    path: str
    body: dict[str, Any]


class Tampering:
    """The same seed makes the same requests. `sent` and `wrong` tell how many there were and which were answered with
    anything but a grant or a problem of the client's."""

    def __init__(self, room: Showroom, seed: int) -> None:
        self._random = random.Random(seed)
        self._room = room
        self._operator = room.staff("operator")
        self._sku = room.product["skus"][0]["sku_id"]
        self._sale = room.new_sale(stock=STOCK, limit_per_buyer=1000, price_minor=PRICE_MINOR)["sale_id"]
        self._buyer, self._other = room.buyers(2)
        paid = room.bought(self._buyer, self._sale)
        self._waiting = self._granted({"quantity": 1})["order_id"]
        self._acts = self._sensible(paid)
        self._orders = {paid["order_id"], self._waiting}
        self.sent = 0
        self.answers: Counter[int] = Counter()
        self.wrong: list[tuple[str, bytes, int, str]] = []

    def send(self, count: int) -> None:
        for _ in range(count):
            asked = self._random.choice(self._acts)
            body = self._changed(asked.body)
            who = self._other if asked.who is self._buyer and self._random.random() < 0.1 else asked.who
            answer = who.http.request(
                asked.method,
                asked.path,
                content=body,
                headers={"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex},
            )
            self.sent += 1
            self.answers[answer.status_code] += 1
            if not self._fits(answer):
                self.wrong.append(
                    (f"{asked.method} {asked.path}", body[:200], answer.status_code, answer.text[:300])
                )
            elif answer.is_success and "order_id" in (made := answer.json()) and who is not self._operator:
                self._orders.add(made["order_id"])

    def must_have_bought_at_our_price(self) -> None:
        """Every order is one that was granted, in its buyer's name, and costs what the server asks."""
        mine = {**self._room.orders(self._buyer, self._sale), **self._baskets(self._buyer)}
        theirs = {**self._room.orders(self._other, self._sale), **self._baskets(self._other)}
        assert mine.keys() | theirs.keys() == self._orders
        for order in (*mine.values(), *theirs.values()):
            price = PRICE_MINOR if order["sale_id"] else SHELF_PRICE_MINOR
            assert [line["price_minor"] for line in order["lines"]] == [price] * len(order["lines"])
            assert order["amount_minor"] == sum(line["quantity"] * price for line in order["lines"])
            assert all(line["quantity"] > 0 for line in order["lines"])
        units = self._room.units(self._sale)
        assert units["total"] == STOCK == units["free"] + units["held"] + units["sold"]

    def _fits(self, answer: httpx.Response) -> bool:
        if answer.is_success:
            return True
        if not 400 <= answer.status_code < 500:
            return False
        return answer.headers["content-type"].startswith("application/problem+json") and bool(
            answer.json()["title"]
        )

    def _sensible(self, paid: dict[str, Any]) -> list[Asked]:
        room, line = f"/api/rooms/{self._room.room}", {"sku_id": self._sku, "quantity": 1}
        order, waiting = f"/api/orders/{paid['order_id']}", f"/api/orders/{self._waiting}"
        holds, sale = self._room.holds_path(self._sale), f"{room}/flash-sales/{self._sale}"
        line_id = paid["lines"][0]["line_id"]
        gift_id = self._buyer.get("/api/gifts").json()["items"][0]["gift_id"]
        address = {"name": "王女士", "phone": "13800000000", "address": "上海市徐汇区漕溪北路 1 号"}
        claimed = Asked(self._buyer, "POST", holds, {"quantity": 1, "amount_minor": PRICE_MINOR})
        return [
            claimed,
            claimed,
            Asked(self._buyer, "POST", holds, {"lines": [line], "amount_minor": PRICE_MINOR}),
            Asked(self._buyer, "POST", f"{sale}/waitlist", {"quantity": 1}),
            Asked(
                self._buyer, "POST", f"{room}/orders", {"lines": [{**line, "price_minor": SHELF_PRICE_MINOR}]}
            ),
            Asked(self._buyer, "POST", f"{room}/baskets", {"lines": [line]}),
            Asked(self._buyer, "POST", f"{waiting}/payments", {"provider": "sandbox", "return_url": "/"}),
            Asked(self._buyer, "PUT", f"{waiting}/delivery", {"method": "delivery", **address, "note": ""}),
            Asked(
                self._buyer,
                "POST",
                f"{order}/after-sales",
                {"kind": "refund", "reason": "damaged", "lines": [{"line_id": line_id, "quantity": 1}]},
            ),
            Asked(self._buyer, "POST", "/api/wallet/top-ups", {"amount_minor": 1000}),
            Asked(self._buyer, "POST", f"{room}/tips", {"gift_id": gift_id, "quantity": 1}),
            Asked(self._operator, "POST", f"{order}/refunds", {"amount_minor": 1, "reason": "scratched"}),
            Asked(
                self._operator, "POST", f"{order}/refunds", {"lines": [{"line_id": line_id, "quantity": 1}]}
            ),
            Asked(self._operator, "POST", f"/api/skus/{self._sku}/stock", {"add": 1}),
            Asked(
                self._operator,
                "POST",
                "/api/stock/moves",
                {
                    "sku_id": self._sku,
                    "source": {"pool": "headquarters"},
                    "target": {"pool": "room", "id": self._room.room},
                    "quantity": 1,
                },
            ),
        ]

    def _granted(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._buyer.post(self._room.holds_path(self._sale), body, key=uuid.uuid4().hex)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def _baskets(self, person: Person) -> dict[str, dict[str, Any]]:
        return {
            order_id: order
            for order_id, order in self._room.orders(person, None).items()
            if order["lines"][0]["sku_id"] == self._sku
        }

    # How a body is changed

    def _changed(self, good: dict[str, Any]) -> bytes:
        rng = self._random
        body = copy.deepcopy(good)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            rng.choice([self._set_money, self._set_odd, self._drop, self._add])(body)
        raw = json.dumps(body, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")
        chance = rng.random()
        if chance < 0.05:
            return rng.choice(JUNK)
        return self._flipped(raw) if chance < 0.3 else raw

    def _set_money(self, body: dict[str, Any]) -> None:
        numbers = [(where, name) for where, name in _places(body) if type(where[name]) is int]  # type: ignore[index]
        where, name = self._random.choice(numbers or _places(body) or [(body, "quantity")])
        where[name] = self._random.choice(MONEY)  # type: ignore[index]

    def _set_odd(self, body: dict[str, Any]) -> None:
        where, name = self._random.choice(_places(body) or [(body, "quantity")])
        where[name] = self._random.choice(ODD)  # type: ignore[index]

    def _drop(self, body: dict[str, Any]) -> None:
        if places := _places(body):
            where, name = self._random.choice(places)
            del where[name]  # type: ignore[arg-type]

    def _add(self, body: dict[str, Any]) -> None:
        inner = [where for where, _ in _places(body) if isinstance(where, dict)]
        self._random.choice([body, *inner])[self._random.choice(ADDED)] = self._random.choice(MONEY)

    def _flipped(self, raw: bytes) -> bytes:
        rng, body = self._random, bytearray(raw)
        change: Callable[[int], None] = rng.choice([body.pop, lambda at: body.insert(at, rng.randrange(256))])
        for _ in range(rng.randint(1, 3)):
            if body:
                change(rng.randrange(len(body)))
        return bytes(body)


def _places(body: Any) -> list[Place]:
    """Every value in it, as (what holds it, its name or number)."""
    inner: list[Place] = []
    if isinstance(body, dict | list):
        for name in body if isinstance(body, dict) else range(len(body)):
            inner += [(body, name), *_places(body[name])]
    return inner
