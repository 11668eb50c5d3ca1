"""Signed tokens (HS256 JWT by PyJWT), one key for each purpose, derived from the installation's secret.

Member tokens are stateless so that a crowd costs no session table; staff tokens are opaque and live in PostgreSQL.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import jwt


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
        body = {**claims, "aud": self._purpose, "iat": now, "exp": now + ttl}
        return jwt.encode(body, self._key, algorithm="HS256")

    def read(self, token: str, now: datetime) -> dict[str, Any]:
        """The claims; raises `BadToken`."""
        claims = self._seen.get(token)
        if claims is None:
            try:
                claims = jwt.decode(
                    token,
                    self._key,
                    algorithms=["HS256"],
                    audience=self._purpose,
                    options={"require": ["exp", "aud"], "verify_exp": False, "verify_iat": False},
                )
            except jwt.PyJWTError as error:
                raise BadToken(str(error)) from None
            self._seen[token] = claims
            if len(self._seen) > self.REMEMBERED:
                self._seen.popitem(last=False)
        if claims["exp"] <= now.timestamp():
            raise BadToken("expired")
        return claims
