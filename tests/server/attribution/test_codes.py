from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.attribution import codes, service
from server.kit.clock import utc_now
from server.kit.ids import READABLE, uuid7
from server.kit.problems import NotFound

SECRET = "5a" * 32
letters = st.sampled_from(READABLE)


def test_a_code_is_short_safe_in_a_url_and_without_lookalikes():
    code = codes.new(SECRET)
    assert len(code) == 14
    assert set(code) <= set(READABLE)
    assert not set(code) & set("0O1IL")


def test_an_own_code_is_genuine_and_no_two_are_alike():
    made = {codes.new(SECRET) for _ in range(500)}
    assert len(made) == 500
    assert all(codes.genuine(SECRET, code) for code in made)


@given(st.integers(0, 13), letters)
def test_one_changed_letter_is_a_forgery(place, letter):
    code = codes.new(SECRET)
    forged = code[:place] + letter + code[place + 1 :]
    assert codes.genuine(SECRET, forged) == (forged == code)


@given(st.text(max_size=20))
def test_made_up_text_is_a_forgery(text):
    assert not codes.genuine(SECRET, text)


def test_another_installations_code_is_a_forgery():
    assert not codes.genuine(SECRET, codes.new("77" * 32))


@pytest.mark.parametrize("change", [str.lower, lambda code: f" {code}", lambda code: code + "2"])
def test_a_code_is_taken_as_it_is_written(change):
    assert not codes.genuine(SECRET, change(codes.new(SECRET)))


class NoDatabase:
    def __getattr__(self, name: str):
        raise AssertionError(f"the database was asked: {name}")


async def test_a_forged_code_is_refused_without_asking_the_database():
    for forged in ("ABCDEFGHJKMNPQ", "", "x" * 64, "ＡＢＣＤＥＦＧＨＪＫＭＮＰＱ"):
        with pytest.raises(NotFound):
            await service.show(NoDatabase(), SECRET, forged, utc_now())
        with pytest.raises(NotFound):
            await service.touch(NoDatabase(), SECRET, forged, uuid7(), uuid7(), utc_now())
