"""WHIP and WHEP at the door: who may, what is said back."""

from __future__ import annotations

import httpx

from tests.acceptance.demo import Demo, is_problem

SDP = {"Content-Type": "application/sdp"}


def test_nobody_broadcasts_or_watches_without_a_token(demo: Demo) -> None:
    is_problem(httpx.post(demo.keys["whip_url"], content="v=0", headers=SDP), 401)
    wrong = {**SDP, "Authorization": f"Bearer {demo.keys['whep_token']}"}
    assert httpx.post(demo.keys["whip_url"], content="v=0", headers=wrong).status_code in {401, 403}
    viewer = {**SDP, "Authorization": f"Bearer {demo.guest('x').token}"}
    assert httpx.post(demo.keys["whip_url"], content="v=0", headers=viewer).status_code in {401, 403}


def test_a_bad_offer_is_a_problem(demo: Demo) -> None:
    for url, token in (("whip_url", "whip_token"), ("whep_url", "whep_token")):
        headers = {**SDP, "Authorization": f"Bearer {demo.keys[token]}"}
        for junk in ("", "junk", "v=0\r\n", "x" * 70_000):
            answer = httpx.post(demo.keys[url], content=junk, headers=headers)
            assert 400 <= answer.status_code < 500, answer.text
            assert answer.headers["content-type"].startswith("application/problem+json")
        assert httpx.options(demo.keys[url], headers=headers).status_code in {200, 204}
        plain = {**headers, "Content-Type": "text/plain"}
        assert httpx.post(demo.keys[url], content="v=0", headers=plain).status_code == 415
