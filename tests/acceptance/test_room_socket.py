"""The room over its WebSocket, as docs/protocol.md says it."""

from __future__ import annotations

import json
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.acceptance.demo import Demo
from tests.acceptance.seat import Seat, sit


def test_viewers_read_each_other(demo: Demo) -> None:
    first, second = sit(demo, demo.guest("Ann")), sit(demo, demo.guest("Ben"))
    assert first.welcome["snapshot"]["room"]["state"] == "live"
    assert first.welcome["snapshot"]["shelf"]
    line = f"hello {time.time()}"
    first.send({"type": "say", "ref": "r1", "text": line})
    assert first.until(lambda f: f["type"] == "ack")["ref"] == "r1"
    second.until(lambda _: any(said.get("text") == line for said in second.talk))


def test_a_purchase_is_on_the_ticker_and_a_drop_loses_no_fact(demo: Demo) -> None:
    watcher = demo.guest("Watcher")
    seat = sit(demo, watcher)
    seat.socket.close()
    order = demo.bought(demo.guest("Zhang"))
    again = sit(demo, watcher, seat.positions)
    assert again.welcome["resumed"]["room"] is True
    assert again.welcome["snapshot"] is None
    again.until(
        lambda _: any(
            fact["kind"] == "order.ticker" and fact["data"]["name"].startswith("Z") for fact in again.facts
        )
    )
    offsets = [fact["o"] for fact in again.facts if fact["topic"] == "room"]
    assert offsets == sorted(set(offsets))
    assert order["number"] not in json.dumps(again.facts), "a ticker tells no order number"


def test_ones_own_order_comes_on_ones_own_topic(demo: Demo) -> None:
    buyer = demo.guest("Own")
    seat = sit(demo, buyer)
    order = demo.bought(buyer)
    assert seat.until_fact("order.paid")["data"]["order_id"] == order["order_id"]


def test_the_host_deletes_a_line_and_mutes_its_writer(demo: Demo) -> None:
    rude = demo.guest("Rude")
    seat, other = sit(demo, rude), sit(demo, demo.guest("Polite"))
    seat.send({"type": "say", "ref": "x", "text": "something rude"})
    message = seat.until(lambda f: f["type"] == "ack")["id"]
    host = demo.staff("host")
    assert host.delete(f"/api/rooms/{demo.room}/messages/{message}").status_code in {200, 204}
    assert other.until_fact("chat.deleted")["data"]["message_id"] == message
    muted = host.post(f"/api/rooms/{demo.room}/mutes", {"member_id": rude.member_id, "minutes": 5})
    assert muted.status_code in {200, 201}, muted.text
    seat.send({"type": "say", "ref": "y", "text": "still here"})
    assert seat.until(lambda f: f["type"] == "problem" and f.get("ref") == "y")["problem"]["slug"] == "muted"
    assert host.delete(f"/api/rooms/{demo.room}/mutes/{rude.member_id}").status_code in {200, 204}
    seat.send({"type": "say", "ref": "z", "text": "sorry"})
    seat.until(lambda f: f["type"] == "ack" and f["ref"] == "z")


def test_the_store_hears_of_its_customers_and_credits(demo: Demo) -> None:
    store = demo.keys["ws_url"].replace(f"rooms/{demo.room}", f"stores/{demo.keys['store_id']}")
    seat = Seat(store, demo.staff("manager").token)
    buyer = demo.touched_guest("Ms Arrival")
    sit(demo, buyer)
    demo.bought(buyer)
    assert seat.until_fact("credit.earned", 15)["data"]["amount_minor"] == 2990
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        Seat(store, demo.staff("other_manager").token)


def test_bad_frames_get_a_problem_or_a_clean_close(demo: Demo) -> None:
    for junk in (
        "{",
        "[]",
        '{"type":"nothing"}',
        '{"type":"say"}',
        "x" * 20_000,
        b"\x00\x01",
        '{"type":"hello"}',
    ):
        seat = sit(demo, demo.guest("Junk"))
        seat.socket.send(junk)
        try:
            assert seat.until(lambda f: f["type"] == "problem")["problem"]["status"] < 500
        except ConnectionClosed:
            code = seat.socket.close_code or 0
            assert code == 1009 or 4000 <= code < 5000


def test_a_foreign_origin_is_refused_at_the_handshake(demo: Demo) -> None:
    with pytest.raises(InvalidStatus):
        connect(
            f"{demo.keys['ws_url']}?token={demo.guest('Any').token}",
            origin="https://evil.example",  # type: ignore[arg-type]
            proxy=None,
        )
