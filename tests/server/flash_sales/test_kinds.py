"""What each kind of sale makes of a host's terms."""

from __future__ import annotations

import pytest

from server.flash_sales import kinds
from server.flash_sales.kinds.terms import First, Gift, Offer, Terms, Wanted
from server.kit.ids import uuid7
from server.kit.problems import Invalid

TEA, TIN, SPOON = uuid7(), uuid7(), uuid7()
ONE = [Wanted(TEA, 9900, 50)]


def test_a_flash_price_is_one_price_for_each_product() -> None:
    terms = Terms([*ONE, Wanted(TIN, 4000, 5)])
    assert kinds.offers("flash_price", terms) == [Offer(TEA, 9900, 50), Offer(TIN, 4000, 5)]


def test_the_first_units_cost_less_than_those_after_them() -> None:
    (offer,) = kinds.offers("first_n", Terms(ONE, First(10, 6900)))
    assert (offer.price_minor, offer.first_units, offer.then_minor) == (6900, 10, 9900)


def test_gifts_come_for_nothing_with_each_unit() -> None:
    tea, spoon = kinds.offers("bundle", Terms(ONE, gifts=[Gift(SPOON, 2)]))
    assert tea == Offer(TEA, 9900, 50)
    assert spoon == Offer(SPOON, 0, 100, gift=True, per_unit=2)


@pytest.mark.parametrize(
    ("kind", "terms", "field"),
    [
        ("flash_price", Terms(ONE, First(10, 6900)), "first"),
        ("flash_price", Terms(ONE, gifts=[Gift(SPOON, 1)]), "gifts"),
        ("price_drop", Terms(ONE, First(10, 6900)), "first"),
        ("first_n", Terms(ONE), "first"),
        ("first_n", Terms(ONE, First(10, 9900)), "first.price_minor"),
        ("first_n", Terms(ONE, First(50, 6900)), "first.units"),
        ("bundle", Terms(ONE), "gifts"),
        ("bundle", Terms([*ONE, Wanted(TIN, 4000, 5)], gifts=[Gift(SPOON, 1)]), "lines"),
        ("bundle", Terms(ONE, First(10, 6900), [Gift(SPOON, 1)]), "first"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(kind: str, terms: Terms, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        kinds.offers(kind, terms)
    assert field in {error["field"] for error in refusal.value.data["errors"]}
