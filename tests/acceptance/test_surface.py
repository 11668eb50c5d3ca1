"""What stands around the features: health, metrics, the API's description, pages, errors, the command line."""

from __future__ import annotations

import json
import stat
import uuid

import httpx
import pytest

from tests.acceptance.demo import Demo, is_problem, run_cli


def test_the_keys_are_for_their_owner_alone(demo: Demo) -> None:
    mode = (demo.data / "demo.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert set(demo.keys["accounts"]) >= {
        "owner",
        "operator",
        "host",
        "manager",
        "guide",
        "viewer",
        "other_manager",
        "other_guide",
        "other_brand_owner",
    }


def test_health_metrics_and_the_description_answer(demo: Demo) -> None:
    assert demo.nobody.get("/health/live").status_code == 200
    ready = demo.nobody.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["ok"] is True
    assert "showfloor" in demo.nobody.get("/metrics").text
    schema = demo.nobody.get("/schema/openapi.json").json()
    assert "/api/rooms/{room_id}/flash-sales/{sale_id}/holds" in schema["paths"]


@pytest.mark.parametrize(
    "path",
    ["/", "/login", "/live/{room}", "/control/{room}", "/store/{store}", "/hq", "/hq/members", "/hq/screen"],
)
def test_pages_are_whole_and_guarded(demo: Demo, path: str) -> None:
    path = path.format(room=demo.room, store=demo.keys["store_id"])
    page = demo.nobody.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "://" not in page.text.replace("http://www.w3.org", "").replace(demo.base_url, "")


def test_every_error_is_a_problem(demo: Demo) -> None:
    viewer = demo.guest("Careless")
    is_problem(demo.nobody.get("/api/nothing"), 404)
    is_problem(demo.nobody.get(f"/api/orders/{uuid.uuid4()}"), 401)
    is_problem(viewer.get(f"/api/orders/{uuid.uuid4()}"), 404)
    is_problem(viewer.get("/api/orders/not-an-id"), 404)
    is_problem(viewer.http.delete("/api/gifts"), 405)
    is_problem(viewer.http.post("/api/guests", content=b"{not json"), 422)
    is_problem(viewer.http.post("/api/guests", json={"name": ""}), 422)
    is_problem(viewer.http.post("/api/guests", json={"name": "x" * 5000}), 422)
    is_problem(viewer.http.post("/api/guests", content=b"x" * (3 << 20)), 413)


def test_a_cookie_from_another_site_changes_nothing(demo: Demo) -> None:
    account = demo.keys["accounts"]["owner"]
    browser = httpx.Client(base_url=demo.base_url)
    signed_in = browser.post(
        "/api/session", json={"login": account["login"], "password": account["password"]}
    )
    assert signed_in.status_code in {200, 201}, signed_in.text
    assert "httponly" in signed_in.headers["set-cookie"].lower()
    assert browser.get("/api/session").status_code == 200
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    is_problem(browser.post("/api/stores", json={"name": "x"}, headers=evil), 403, "cross-origin")
    assert browser.delete("/api/session").status_code == 204
    is_problem(browser.get("/api/session"), 401)


def test_verify_proves_the_books_beside_the_running_system(demo: Demo) -> None:
    answer = run_cli(demo.data, "verify", "--json")
    proof = json.loads(answer.stdout)
    broken = {name: check for name, check in proof["checks"].items() if not check["ok"]}
    assert (answer.returncode, proof["ok"], broken) == (0, True, {}), answer.stderr
    assert len(proof["checks"]) >= 8
