"""Kinds of sale: each a module with its `NAME` and the pure rule `offers(terms)`, which says what the sale sells and at
which prices, and raises `Invalid` (422) for terms that make no sense. The claim statement prices by it; what a kind of
sale can't say in an `Offer` (bids, teams) is a feature of its own.

The price ends with the sale by itself: the shelf's is never touched.
"""

from __future__ import annotations

from types import ModuleType

from server.flash_sales.kinds import bundle, first_n, flash_price, price_drop
from server.flash_sales.kinds.terms import Offer, Terms

KINDS: dict[str, ModuleType] = {module.NAME: module for module in (flash_price, first_n, price_drop, bundle)}


def offers(kind: str, terms: Terms) -> list[Offer]:
    """Raises `Invalid` (422)."""
    found: list[Offer] = KINDS[kind].offers(terms)
    return found
