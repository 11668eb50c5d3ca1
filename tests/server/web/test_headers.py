"""Every answer is guarded, whoever gives it."""

from __future__ import annotations

import pytest

from tests.server.rooms.floor import Floor


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("GET", "/login", 200, {}),
        ("GET", "/nothing", 404, {}),
        ("GET", "/nothing", 404, {"Accept": "text/html"}),
        ("GET", "/api/nothing", 404, {}),
        ("DELETE", "/api/gifts", 405, {}),
        ("POST", "/api/session", 403, {"Origin": "https://evil.example"}),
        ("GET", "/api/session", 401, {}),
    ],
)
async def test_every_answer_carries_the_guards(
    floor: Floor, method: str, path: str, status: int, headers: dict[str, str]
) -> None:
    answer = await floor.web.request(method, path, headers=headers)
    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not path.startswith("/api/") or answer.headers["cache-control"] == "no-store"
