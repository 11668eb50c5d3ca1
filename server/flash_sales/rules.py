"""Why a claim is refused, decided from the truth and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from server.kit.problems import Gone, Invalid, NotFound, Problem
from server.orders.service import PriceChanged
from server.stock.service import OutOfStock


class NotOpen(Problem):
    """`opens_at` is when it will, if that is set."""

    status, slug, title = 425, "not-open", "The sale is not open yet"


class Ended(Gone):
    slug, title = "ended", "The sale is over"


class LimitReached(Problem):
    """`limit` for each buyer, and how many of them this buyer `has`."""

    status, slug, title = 409, "limit-reached", "You have as many as one buyer may have"


class SaleState(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as the claim rules see it. `free` lists the SKUs it sells, `prices` what each costs now (empty where it is
    not known, as at the gate); `firsts`, of those whose first units cost less, how many of these are left and the price
    after them. `quotas`: stores have units of their own, so not all that is free is for everybody."""

    state: str
    opens_at: datetime | None
    ends_at: datetime | None
    limit_per_buyer: int
    free: dict[UUID, int]
    prices: dict[UUID, int] = {}
    firsts: dict[UUID, tuple[int, int]] = {}
    quotas: bool = False

    def price(self, sku: UUID, quantity: int) -> int:
        """Of one, when so many are claimed."""
        left, then_minor = self.firsts.get(sku, (quantity, 0))
        return then_minor if quantity > left else self.prices.get(sku, 0)


def refusal(
    sale: SaleState | None,
    units: int,
    lines: Sequence[tuple[UUID, int]],
    has: int,
    most_minor: int | None,
    now: datetime,
) -> Problem | None:
    """The first rule that a claim breaks, or `None`. `units` are those that count against the limit."""
    if sale is None:
        return NotFound()
    if any(sku not in sale.free for sku, _ in lines):
        return Invalid(errors=[{"field": "sku_id", "message": "not part of this sale"}])
    if sale.state == "scheduled":
        return NotOpen(opens_at=sale.opens_at.isoformat() if sale.opens_at else None)
    if sale.state == "closed" or sale.ends_at is None or sale.ends_at <= now:
        return Ended()
    if has + units > sale.limit_per_buyer:
        return LimitReached(limit=sale.limit_per_buyer, has=has)
    short = {str(sku): sale.free[sku] for sku, quantity in lines if sale.free[sku] < quantity}
    if short:
        return OutOfStock(left=sum(short.values()), lines=short, waitlist_open=True)
    if most_minor is not None and sale.prices:
        prices = {sku: sale.price(sku, quantity) for sku, quantity in lines}
        costs = sum(prices[sku] * quantity for sku, quantity in lines)
        if costs > most_minor:
            return PriceChanged(prices={str(sku): price for sku, price in prices.items()}, amount_minor=costs)
    if sale.quotas:
        return OutOfStock(left=0, lines={str(sku): 0 for sku, _ in lines}, waitlist_open=False)
    return None
