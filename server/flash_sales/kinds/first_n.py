"""The first units at one price, those after them at a higher one. Units that come back are again among the first.

A claim pays one price for all its units of a SKU: the first price when the last of them is still among the first.
"""

from __future__ import annotations

import msgspec

from server.flash_sales.kinds.terms import Offer, Terms, plain
from server.kit.problems import Invalid

NAME = "first_n"


def offers(terms: Terms) -> list[Offer]:
    terms.must_not_have("gifts")
    first = terms.first
    if first is None:
        raise Invalid(errors=[{"field": "first", "message": "how many units go first, and at which price"}])
    for line in terms.lines:
        if first.price_minor >= line.price_minor:
            raise Invalid(errors=[{"field": "first.price_minor", "message": "below the price that follows"}])
        if first.units >= line.stock:
            raise Invalid(errors=[{"field": "first.units", "message": "fewer than the stock"}])
    return [
        msgspec.structs.replace(
            plain(line), price_minor=first.price_minor, first_units=first.units, then_minor=line.price_minor
        )
        for line in terms.lines
    ]
