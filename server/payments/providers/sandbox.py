"""The sandbox cashier: a provider made of test money that behaves like a real one.

Its notices come over HTTP, signed over the raw body with a time stamp, at least once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from server.kit.problems import Problem
from server.kit.settings import Settings
from server.kit.tokens import derive
from server.payments.providers.port import Notice

SIGNATURE_HEADER = "sandbox-signature"
WINDOW_S = 300


class BadNotice(Problem):
    status, slug, title = 400, "bad-notice", "The notice's signature or age is wrong"


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    event_id: str
    payment_id: UUID
    succeeded: bool
    amount_minor: int


class Sandbox:
    name = "sandbox"

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._key = derive(settings.secret, "sandbox-webhook")

    def cashier_url(self, payment_id: UUID) -> str:
        return f"{self._base_url}/sandbox/payments/{payment_id}"

    def signed(self, notice: Notice, now: datetime) -> tuple[bytes, dict[str, str]]:
        """The raw body and headers of a notice, as the provider's side sends them."""
        raw = msgspec.json.encode(notice)
        return raw, {
            SIGNATURE_HEADER: f"t={int(now.timestamp())},v1={self._mac(int(now.timestamp()), raw)}",
            "content-type": "application/json",
        }

    def read_notice(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> Notice:
        parts = dict(
            part.split("=", 1) for part in headers.get(SIGNATURE_HEADER, "").split(",") if "=" in part
        )
        stamp = parts.get("t", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
            raise BadNotice("no time stamp")
        if not hmac.compare_digest(self._mac(int(stamp), raw).encode(), parts.get("v1", "").encode()):
            raise BadNotice("wrong signature")
        if abs(now.timestamp() - int(stamp)) > WINDOW_S:
            raise BadNotice("too old")
        try:
            body = msgspec.json.decode(raw, type=_Body)
        except msgspec.MsgspecError as error:
            raise BadNotice(str(error)) from None
        return Notice(body.event_id, body.payment_id, body.succeeded, body.amount_minor)

    async def refund(self, payment_id: UUID, refund_id: UUID, amount_minor: int) -> None:
        """Test money goes back at once."""

    def _mac(self, stamp: int, raw: bytes) -> str:
        return hmac.new(self._key, f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
