"""One product, and gifts that come with each unit of it."""

from __future__ import annotations

from server.flash_sales.kinds.terms import Offer, Terms, plain
from server.kit.problems import Invalid

NAME = "bundle"


def offers(terms: Terms) -> list[Offer]:
    terms.must_not_have("first")
    if not terms.gifts:
        raise Invalid(errors=[{"field": "gifts", "message": "at least one"}])
    if len(terms.lines) != 1:
        raise Invalid(errors=[{"field": "lines", "message": "a bundle has one product that is paid for"}])
    (bought,) = terms.lines
    gifts = [
        Offer(gift.sku_id, 0, bought.stock * gift.per_unit, gift=True, per_unit=gift.per_unit)
        for gift in terms.gifts
    ]
    return [plain(bought), *gifts]
