"""Who is calling, and from which site."""

from __future__ import annotations

import httpx
import pytest

from server.accounts.service import COOKIE
from tests.live.media.offers import PLAYER_OFFER
from tests.server.rooms.floor import Floor

EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


def is_cross_origin(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json().get("slug")) == (403, "cross-origin")


@pytest.mark.parametrize("odd", [b'x={"a":1}', b"flag", "é=ü".encode(), b"=;;=", b'q="'])
async def test_another_programs_odd_cookie_signs_nobody_out(floor: Floor, odd: bytes) -> None:
    token = (await floor.token(floor.stage.owner)).encode()
    for cookies in (odd + b"; %s=" % COOKIE.encode() + token, COOKIE.encode() + b"=" + token + b"; " + odd):
        answer = await floor.web.get("/api/session", headers={b"cookie": cookies})
        assert answer.status_code == 200, cookies


async def test_another_site_changes_nothing_with_the_visitors_cookie(floor: Floor) -> None:
    cookie = {"Cookie": f"{COOKIE}={await floor.token(floor.stage.owner)}"}
    for origin in (EVIL, {"Origin": "http://["}, {"Origin": "null"}):
        assert is_cross_origin(await floor.web.post("/api/rooms", json={}, headers=cookie | origin))
        whep = f"/whep/{floor.stage.room_id}"
        assert is_cross_origin(await floor.web.post(whep, content=PLAYER_OFFER, headers=cookie | origin))
        assert (await floor.web.get("/api/session", headers=cookie | origin)).status_code == 200


async def test_another_site_signs_nobody_in(floor: Floor) -> None:
    body = {"login": "li", "password": "right horse battery"}
    assert is_cross_origin(await floor.web.post("/api/session", json=body, headers=EVIL))
    own = {"Origin": floor.settings.base_url}
    assert (await floor.web.post("/api/session", json=body, headers=own)).status_code == 401


async def test_a_public_picture_may_be_asked_for_from_anywhere(floor: Floor) -> None:
    sdp = EVIL | {"Content-Type": "application/sdp"}
    answer = await floor.web.post(f"/whep/{floor.stage.room_id}", content=PLAYER_OFFER, headers=sdp)
    assert answer.json()["slug"] == "media-unavailable", "it came as far as the media node, and there is none"
