"""A room of these tests' own in a running demo, where the demo's visitors don't shop, and what it promises."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.acceptance.demo import Demo, Person, eventually, run_cli

PRICE_MINOR = 2990
FIRST_HANZI = 0x4E00


class Showroom(Demo):
    """Everybody who comes has another first character, so that the ticker's `张**` tells who bought."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self._staff: dict[str, Person] = {}
        self.demo_room = self.room
        operator = self.staff("operator")
        product = {"title": "Pu'er", "description": "", "skus": [_sku("2012")]}
        self.product = _made(operator.post("/api/products", product))
        room = _made(operator.post("/api/rooms", {"title": "A night of faults"}))
        self.room = room["id"]
        for action in ("warm", "start"):
            assert operator.post(f"/api/rooms/{self.room}/state", {"action": action}).status_code == 200
        on_shelf = operator.post(f"/api/rooms/{self.room}/shelf", {"product_id": self.product["product_id"]})
        assert on_shelf.status_code == 201, on_shelf.text
        invitation = _made(self.staff("guide").post("/api/invitations", {"room_id": self.room}))
        self.keys["invite_url"] = invitation["url"]
        self.keys["ws_url"] = self.keys["ws_url"].replace(self.demo_room, self.room)
        self._names = itertools.count(FIRST_HANZI)

    def staff(self, role: str) -> Person:
        if role not in self._staff:
            self._staff[role] = super().staff(role)
        return self._staff[role]

    def buyers(self, count: int) -> list[Person]:
        names = [chr(next(self._names)) + "女士" for _ in range(count)]
        with ThreadPoolExecutor(8) as pool:
            came = list(pool.map(self.touched_guest, names))
        for person, name in zip(came, names, strict=True):
            person.name = name  # type: ignore[attr-defined]
        return came

    def units(self, sale_id: str) -> dict[str, int]:
        """The sale's one line as the ledger has it: total, free, held, sold."""
        sales = self.staff("operator").get(f"/api/rooms/{self.room}/flash-sales").json()
        (line,) = next(sale["lines"] for sale in sales if sale["sale_id"] == sale_id)
        return {name: line[name] for name in ("total", "free", "held", "sold")}

    def orders(self, person: Person, sale_id: str) -> dict[str, dict[str, Any]]:
        """All that the buyer sees of their own orders in a sale, by id."""
        found, cursor = [], ""
        while cursor is not None:
            page = person.get("/api/orders", params={"cursor": cursor} if cursor else {}).json()
            found += page["items"]
            cursor = page["next"]
        return {order["order_id"]: order for order in found if order["sale_id"] == sale_id}

    def must_verify(self) -> None:
        done = run_cli(self.data, "verify", "--json")
        verdict = json.loads(done.stdout)
        broken = {name: check["rows"] for name, check in verdict["checks"].items() if not check["ok"]}
        assert (done.returncode, verdict["ok"], broken) == (0, True, {}), done.stderr

    def must_be_credited_once(self, order_ids: Iterable[str]) -> None:
        manager = self.staff("manager")
        for order_id in order_ids:
            path = f"/api/orders/{order_id}/credits"
            (credit,) = eventually("a credit", lambda path=path: manager.get(path).json()["items"])
            assert (credit["amount_minor"], credit["reversed_minor"]) == (PRICE_MINOR, 0)

    def timeline(self, person: Person) -> list[tuple[str, str]]:
        """(kind, order id) of everything that the member store remembers of orders."""
        items = self.staff("owner").get(f"/api/members/{person.member_id}/timeline").json()["items"]
        return [(item["kind"], item["data"]["order_id"]) for item in items if "order_id" in item["data"]]


def _sku(title: str) -> dict[str, Any]:
    return {"title": title, "price_minor": 5990, "stock": 5000}


def _made(answer: Any) -> Any:
    assert answer.status_code == 201, answer.text
    return answer.json()
