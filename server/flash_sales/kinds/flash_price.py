"""One price until the time is up."""

from __future__ import annotations

from server.flash_sales.kinds.terms import Offer, Terms, plain

NAME = "flash_price"


def offers(terms: Terms) -> list[Offer]:
    terms.must_not_have("first", "gifts")
    return [plain(line) for line in terms.lines]
