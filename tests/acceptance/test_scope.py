"""Whose data is whose: stores, members and rooms, asked for by everybody."""

from __future__ import annotations

import pytest

from tests.acceptance.demo import Demo, is_problem


@pytest.mark.parametrize("part", ["", "/board", "/guides", "/orders", "/credits"])
def test_a_store_is_seen_by_its_manager_and_headquarters_alone(demo: Demo, part: str) -> None:
    path = f"/api/stores/{demo.keys['store_id']}{part}"
    for role in ("manager", "owner", "operator"):
        assert demo.staff(role).get(path).status_code == 200, role
    for role in ("other_manager", "other_guide", "other_brand_owner"):
        assert demo.staff(role).get(path).status_code in {403, 404}, role
    assert demo.guest("Nosy").get(path).status_code in {403, 404}
    is_problem(demo.nobody.get(path), 401)


def test_a_guide_sees_their_own_work(demo: Demo) -> None:
    mine = demo.staff("guide").get("/api/guide")
    assert mine.status_code == 200
    assert mine.json()["store"]["store_id"] == demo.keys["store_id"]


def test_another_brand_sees_nothing_of_a_room(demo: Demo) -> None:
    other = demo.staff("other_brand_owner")
    is_problem(other.get(f"/api/rooms/{demo.room}"), 404)
    is_problem(other.post(f"/api/rooms/{demo.room}/state", {"action": "end"}), 404)
    assert other.get("/api/orders").json()["items"] == []


def test_a_viewer_runs_no_room(demo: Demo) -> None:
    viewer = demo.guest("Ambitious")
    for answer in (
        viewer.post(f"/api/rooms/{demo.room}/state", {"action": "end"}),
        viewer.put(f"/api/rooms/{demo.room}/pin", {"product_id": demo.keys["product_id"]}),
        viewer.post(f"/api/rooms/{demo.room}/flash-sales", {}),
        viewer.get("/api/members"),
        viewer.get("/api/accounts"),
    ):
        assert answer.status_code in {403, 404}, answer.text
