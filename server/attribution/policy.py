"""A brand's written rules of attribution: how long a touch carries, who is bound to whom, and what is shared out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from server.kit.money import MAX_MINOR
from server.kit.problems import Invalid

WHOLE = 10_000
"""Basis points: 10,000 are all of it, 100 are one per cent."""

MOST_LEVELS = 2
"""Of members who share. More than two levels of reward are unlawful in China (禁止传销条例, 2005, art. 7)."""

Rate = Annotated[int, msgspec.Meta(ge=0, le=WHOLE)]
Days = Annotated[int, msgspec.Meta(ge=1, le=90)]
LongDays = Annotated[int, msgspec.Meta(ge=1, le=730)]


class TooManyLevels(Invalid):
    slug, title = "too-many-levels", "At most two levels of members who share may be rewarded"


class RatesAboveWhole(Invalid):
    slug, title = "rates-above-whole", "The shares come to more than the order"


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the rules.

    `window_days`: how long a touch carries. `binds`: when a member is bound to the guide who brought them, for
    `protection_days`; `renews` begins these anew with each paid order through that guide. Rates are basis points of
    what was paid and not refunded: `sharing_bp` for the member who brought the buyer, then for who brought that
    member. `bonus_minor` goes once to whom a new customer's first paid order is owed (`bonus_for`; a `member` is
    whoever shared the link).
    """

    window_days: Days = 7
    binds: Literal["never", "first_touch", "first_order"] = "never"
    protection_days: LongDays = 30
    renews: bool = True
    guide_bp: Rate = 0
    store_bp: Rate = 0
    sharing_bp: list[Rate] = []
    bonus_minor: Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)] = 0
    bonus_for: Literal["guide", "store", "member"] = "guide"

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)

    @property
    def protection(self) -> timedelta:
        return timedelta(days=self.protection_days)

    @property
    def rates_bp(self) -> int:
        return self.guide_bp + self.store_bp + sum(self.sharing_bp)


def must_be_lawful(policy: Policy) -> None:
    """Raises `TooManyLevels`, `RatesAboveWhole` (422)."""
    if len(policy.sharing_bp) > MOST_LEVELS:
        raise TooManyLevels(most=MOST_LEVELS, given=len(policy.sharing_bp))
    if policy.rates_bp > WHOLE:
        raise RatesAboveWhole(most_bp=WHOLE, given_bp=policy.rates_bp)
