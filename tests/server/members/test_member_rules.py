"""Phone numbers and codes: pure rules."""

from __future__ import annotations

import pytest

from server.kit.problems import Invalid
from server.members.rules import code_hash, fresh_code, is_code, masked, name_of_phone, phone

SECRET = "ab" * 32


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "138 0013 8000",
        "+86 138-0013-8000",
        "8613800138000",
        "008613800138000",
        "１３８００１３８０００",
    ],
)
def test_a_chinese_mobile_is_one_number_however_it_is_written(text: str) -> None:
    assert phone(text) == "+8613800138000"


@pytest.mark.parametrize(
    ("text", "number"), [("+1 (415) 555-2671", "+14155552671"), ("0044 7700900123", "+447700900123")]
)
def test_a_number_abroad_needs_its_country(text: str, number: str) -> None:
    assert phone(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345",
        "12800138000",
        "1380013800",
        "138001380000",
        "+86 010 62345678",
        "4155552671",
        "+",
        "1380013800a",
        "+0123456789",
        "١٣٨٠٠١٣٨٠٠٠x",
    ],
)
def test_what_is_no_mobile_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        phone(text)


def test_a_masked_number_shows_seven_digits() -> None:
    assert masked("+8613800138000") == "+86138****8000"
    assert masked("+14155552671") == "+141****2671"
    assert masked(None) is None


def test_a_member_without_a_name_is_called_by_the_number() -> None:
    assert name_of_phone("+8613800138000") == "用户8000"


def test_a_code_has_six_digits() -> None:
    assert all(len(code) == 6 and code.isdecimal() for code in (fresh_code() for _ in range(200)))


def test_a_code_is_good_for_its_number_only() -> None:
    kept = code_hash(SECRET, "+8613800138000", "012345")
    assert is_code(kept, SECRET, "+8613800138000", " 012345 ")
    assert is_code(kept, SECRET, "+8613800138000", "０１２３４５")
    assert not is_code(kept, SECRET, "+8613800138001", "012345")
    assert not is_code(kept, SECRET, "+8613800138000", "012346")
    assert not is_code(kept, "cd" * 32, "+8613800138000", "012345")
