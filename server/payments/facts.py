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
    payment_id: UUID
    payable: str
    payable_id: UUID
    member_id: UUID


class RefundRequested(Fact, kw_only=True, frozen=True, tag="refund.requested"):
    """Booked on our side; the worker asks the provider to send the money back."""

    refund_id: UUID


class SandboxDecided(Fact, kw_only=True, frozen=True, tag="sandbox.decided"):
    """Somebody pressed a button at the test cashier; the worker sends the signed notice, as a provider would."""

    payment_id: UUID
    event_id: str
    approved: bool
    amount_minor: int
