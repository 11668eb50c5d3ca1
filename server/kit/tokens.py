"""Signed tokens (HS256 JWT), one key for each purpose, derived from the installation's secret.

A crowd's taps bring a token each. Only our own tokens are read, so there is one header and one algorithm: a hash, and
no library's options. Member tokens are stateless so that a crowd costs no session table; staff tokens are opaque and
live in PostgreSQL.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import msgspec


def derive(secret: str, purpose: str) -> bytes:
    """A 32-byte key for one purpose."""
    return hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)


def sign(key: bytes, message: bytes, length: int = 32) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)[:length]


class BadToken(Exception):
    """Forged, expired, or made for another purpose."""


class Signer:
    """Issues and reads tokens of one purpose. Verified tokens are remembered (bounded) until they expire."""

    REMEMBERED = 50_000

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = derive(secret, f"token:{purpose}")
        self._purpose = purpose
        self._seen: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def issue(self, claims: dict[str, Any], now: datetime, ttl: timedelta) -> str:
        said = {"iat": int(now.timestamp()), "exp": int((now + ttl).timestamp())}
        signed = _HEAD + _encode(msgspec.json.encode({**claims, "aud": self._purpose, **said}))
        return (signed + b"." + self._signature(signed)).decode()

    def read(self, token: str, now: datetime) -> dict[str, Any]:
        """The claims; raises `BadToken`."""
        claims = self._seen.get(token)
        if claims is None:
            claims = self._seen[token] = self._verify(token)
            if len(self._seen) > self.REMEMBERED:
                self._seen.popitem(last=False)
        if claims["exp"] <= now.timestamp():
            raise BadToken("expired")
        return claims

    def _verify(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.encode().rpartition(b".")
        if not signed.startswith(_HEAD) or not hmac.compare_digest(signature, self._signature(signed)):
            raise BadToken("forged")
        claims: dict[str, Any] = msgspec.json.decode(_decode(signed[len(_HEAD) :]))
        if claims["aud"] != self._purpose:
            raise BadToken("made for another purpose")
        return claims

    def _signature(self, signed: bytes) -> bytes:
        return _encode(hmac.digest(self._key, signed, hashlib.sha256))


def _encode(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


_HEAD = _encode(b'{"alg":"HS256","typ":"JWT"}') + b"."
