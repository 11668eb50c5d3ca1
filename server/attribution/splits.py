"""Who gets which part of a credit: integers alone, rounded down to the minor unit, never above the whole.

What rounding leaves over stays with the brand. A share of what is left after refunds is the same share computed of the
smaller sum, so what a refund takes back is the difference of two such sums and never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from server.attribution.policy import WHOLE, Policy

Kind = Literal["guide", "store", "share_1", "share_2", "bonus"]
Whose = Literal["guide", "store", "member"]

LEVELS: tuple[Kind, ...] = ("share_1", "share_2")


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """`bp` is 0 for a bonus, whose `amount_minor` was fixed by the policy and the room that the rates leave."""

    kind: Kind
    whose: Whose
    beneficiary_id: UUID
    bp: int
    amount_minor: int


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """`sharers`: members who shared, nearest to the buyer first, nobody twice."""

    store_id: UUID | None = None
    guide_id: UUID | None = None
    sharers: Sequence[UUID] = ()


def split(policy: Policy, base_minor: int, parties: Parties, *, new_customer: bool) -> list[Share]:
    """Shares with a rate of zero, or with nobody to get them, are left out."""
    rated: list[tuple[Kind, Whose, UUID | None, int]] = [
        ("guide", "guide", parties.guide_id, policy.guide_bp),
        ("store", "store", parties.store_id, policy.store_bp),
        *(
            (kind, "member", who, bp)
            for kind, who, bp in zip(LEVELS, parties.sharers, policy.sharing_bp, strict=False)
        ),
    ]
    shares = [
        Share(kind=kind, whose=whose, beneficiary_id=who, bp=bp, amount_minor=base_minor * bp // WHOLE)
        for kind, whose, who, bp in rated
        if who is not None and bp
    ]
    brought_by = {
        "guide": parties.guide_id,
        "store": parties.store_id,
        "member": parties.sharers[0] if parties.sharers else None,
    }[policy.bonus_for]
    bonus_minor = bonus_of(policy, base_minor)
    if new_customer and brought_by is not None and bonus_minor:
        shares.append(
            Share(
                kind="bonus",
                whose=policy.bonus_for,
                beneficiary_id=brought_by,
                bp=0,
                amount_minor=bonus_minor,
            )
        )
    return shares


def bonus_of(policy: Policy, base_minor: int) -> int:
    """No more than the rates leave of the order, whoever gets them."""
    return min(policy.bonus_minor, base_minor * (WHOLE - policy.rates_bp) // WHOLE)


def left(bp: int, amount_minor: int, base_minor: int, net_minor: int) -> int:
    """What remains of a share when `net_minor` of `base_minor` is left. `bp` 0: a bonus, in proportion."""
    if bp:
        return net_minor * bp // WHOLE
    return amount_minor * net_minor // base_minor if base_minor else 0
