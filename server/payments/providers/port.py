"""What Showfloor asks of a payment provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec


class ProviderError(Exception):
    """The provider can't be reached or is not well; asking again later is right."""


class ProviderRefused(ProviderError):
    """It will not do this, however often it is asked; the text is for staff."""


class Notice(msgspec.Struct, frozen=True):
    """A provider's notice whose signature and age were checked. `event_id` is unique at that provider."""

    event_id: str
    payment_id: UUID
    succeeded: bool
    amount_minor: int


class Provider(Protocol):
    name: str

    def cashier_url(self, payment_id: UUID) -> str:
        """Where the buyer pays."""
        ...

    def read_notice(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> Notice:
        """Check the signature over the raw body and its age (300 s). Raises `BadNotice` (400)."""
        ...

    async def refund(self, payment_id: UUID, refund_id: UUID, amount_minor: int) -> None:
        """Send money back; `refund_id` is the idempotency key. Raises `ProviderError`, `ProviderRefused`."""
        ...
