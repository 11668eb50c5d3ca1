"""What other features ask of payments. Each act has its module: beginning, receiving, refunds, rounds, reconciling."""

from __future__ import annotations

from server.payments.beginning import HowToPay, Scene, Started, begin, create, extend, get, withdraw
from server.payments.checks import verify
from server.payments.providers import Providers, offered
from server.payments.receiving import receive
from server.payments.refunds import RefundTooLarge, refund

__all__ = [
    "HowToPay",
    "Providers",
    "RefundTooLarge",
    "Scene",
    "Started",
    "begin",
    "create",
    "extend",
    "get",
    "offered",
    "receive",
    "refund",
    "verify",
    "withdraw",
]
