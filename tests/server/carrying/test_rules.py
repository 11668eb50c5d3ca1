from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from server.carrying.rules import arranged

TEA, HONEY, CUP, GONE = (UUID(int=number) for number in range(1, 5))
products = st.lists(st.integers(1, 9).map(lambda number: UUID(int=number)), unique=True)


def test_named_products_go_first_and_the_rest_follow_as_the_room_has_them():
    assert arranged([TEA, HONEY, CUP], [CUP]) == [CUP, TEA, HONEY]
    assert arranged([TEA, HONEY, CUP], []) == [TEA, HONEY, CUP]


def test_what_was_taken_off_the_shelf_is_left_out():
    assert arranged([TEA, CUP], [GONE, CUP]) == [CUP, TEA]


@given(products, st.lists(st.integers(1, 9).map(lambda number: UUID(int=number))))
def test_every_product_of_the_shelf_stands_there_once(shelf, named):
    order = arranged(shelf, named)
    assert sorted(order) == sorted(shelf)
    first = [product for product in dict.fromkeys(named) if product in shelf]
    rest = [product for product in shelf if product not in named]
    assert order == first + rest
