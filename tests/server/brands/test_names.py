"""Names: pure rules."""

from __future__ import annotations

import pytest

from server.brands.names import clean, clean_lines, length, name, optional
from server.kit.problems import Invalid

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def test_a_name_is_trimmed_and_stands_on_one_line() -> None:
    assert name("  王\t小\n明  ") == "王 小 明"


def test_composed_and_decomposed_letters_are_the_same_name() -> None:
    assert name("Zoe\u0308") == name("Zoë") == "Zoë"


@pytest.mark.parametrize(
    "hidden", ["\u0000", "\u0007", "\u200b", "\u202e", "\u2066", "\ufeff", "\u3164", "\ud800"]
)
def test_characters_that_nobody_sees_are_dropped(hidden: str) -> None:
    assert clean(f"Wa{hidden}ng") == "Wang"


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\u3164\u3164", "\u200d", "\u200d \u200d"])
def test_a_name_that_nobody_sees_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        name(text)


def test_an_emoji_of_several_code_points_counts_once() -> None:
    assert length(FAMILY) == 1
    assert length("👍🏽") == 1
    assert name(FAMILY * 12) == FAMILY * 12


def test_the_longest_name_has_24_characters() -> None:
    assert name("王" * 24) == "王" * 24
    with pytest.raises(Invalid) as refused:
        name("王" * 25, "brand_name")
    assert refused.value.data["errors"] == [{"field": "brand_name", "message": "1 to 24 characters"}]


def test_marks_stacked_without_end_are_refused() -> None:
    with pytest.raises(Invalid):
        name("a" + "\u0336" * 200)


def test_an_optional_name_may_be_empty_but_not_too_long() -> None:
    assert optional("  ", "region", 40) == ""
    with pytest.raises(Invalid):
        optional("x" * 41, "region", 40)


def test_a_description_keeps_its_lines() -> None:
    assert clean_lines("\r\nfirst \u0007line\r\n\n  second\n\n") == "first line\n\nsecond"
