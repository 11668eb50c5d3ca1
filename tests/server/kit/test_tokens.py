from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from server.kit.tokens import BadToken, Signer, derive

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "5b" * 32
HOUR = timedelta(hours=1)


def token(purpose: str = "member", **claims: str) -> str:
    return Signer(SECRET, purpose).issue(claims or {"sub": "wang"}, NOW, HOUR)


def test_a_token_is_an_ordinary_jwt_for_whoever_has_the_key() -> None:
    claims = jwt.decode(
        token(), derive(SECRET, "token:member"), ["HS256"], audience="member", options={"verify_exp": False}
    )
    assert claims == {
        "sub": "wang",
        "aud": "member",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + HOUR).timestamp()),
    }


def test_a_token_that_another_library_signed_alike_is_read() -> None:
    claims = {"sub": "王", "aud": "member", "exp": int((NOW + HOUR).timestamp())}
    foreign = jwt.encode(claims, derive(SECRET, "token:member"), "HS256")
    assert Signer(SECRET, "member").read(foreign, NOW)["sub"] == "王"


def test_a_token_ends() -> None:
    signer = Signer(SECRET, "member")
    signer.read(token(), NOW + HOUR - timedelta(seconds=1))
    with pytest.raises(BadToken):
        signer.read(token(), NOW + HOUR)


def changed(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def test_whatever_is_changed_in_a_token_it_is_forged() -> None:
    good = token()
    for at in (n for n, letter in enumerate(good) if letter != "."):
        with pytest.raises(BadToken):
            Signer(SECRET, "member").read(changed(good, at), NOW)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "王.王.王",
        token()[:-1],
        token() + "A",
        token() + "=",
        token("whip"),
        jwt.encode(
            {"sub": "wang", "aud": "member", "exp": 9e9}, "another key of the right length!!", "HS256"
        ),
        jwt.encode({"sub": "wang", "aud": "member", "exp": 9e9}, derive(SECRET, "token:member"), "HS512"),
        base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode()
        + "."
        + token().split(".")[1]
        + ".",
    ],
)
def test_no_other_token_is_read(forged: str) -> None:
    with pytest.raises(BadToken):
        Signer(SECRET, "member").read(forged, NOW)
