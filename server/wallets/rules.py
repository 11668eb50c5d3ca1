"""What may be booked: entries that sum to zero, one for each wallet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID


class WalletName(NamedTuple):
    """`kind`: member (owner: the member), cash or tips (owner: the brand)."""

    kind: str
    owner_id: UUID


Entry = tuple[WalletName, int]


class Unbalanced(ValueError):
    """Entries that don't sum to zero, or move nothing: a mistake of the caller."""


def of_member(member_id: UUID) -> WalletName:
    """Never below zero."""
    return WalletName("member", member_id)


def cash(brand_id: UUID) -> WalletName:
    """What payment providers hold for the brand, seen from the wallets: it goes below zero with each top-up."""
    return WalletName("cash", brand_id)


def tips(brand_id: UUID) -> WalletName:
    """What viewers gave."""
    return WalletName("tips", brand_id)


def balanced(entries: Iterable[Entry]) -> dict[WalletName, int]:
    """One amount for each wallet that changes. Raises `Unbalanced`."""
    sums: dict[WalletName, int] = defaultdict(int)
    for wallet, amount_minor in entries:
        sums[wallet] += amount_minor
    changes = {wallet: amount_minor for wallet, amount_minor in sums.items() if amount_minor}
    if not changes or sum(changes.values()) != 0:
        raise Unbalanced(f"{changes} must sum to zero and move something")
    return changes
