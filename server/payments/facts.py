"""What happened to money."""

from __future__ import annotations

from uuid import UUID

from server.kit.facts import Fact


class PaymentSucceeded(Fact, kw_only=True, frozen=True, tag="payment.succeeded"):
    """A provider's signed notice said so. `payable` is `order` or `top_up`."""

    payment_id: UUID
    payable: str
    payable_id: UUID
    member_id: UUID
    amount_minor: int


class PaymentFailed(Fact, kw_only=True, frozen=True, tag="payment.failed"):
    """Declined, or over at the provider, while the buyer waited for it."""

    payment_id: UUID
    payable: str
    payable_id: UUID
    member_id: UUID
