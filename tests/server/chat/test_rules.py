from __future__ import annotations

import pytest

from server.chat import rules
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role

BRAND, STORE = uuid7(), uuid7()


@pytest.mark.parametrize(
    "text",
    [
        "see https://evil.example/x",
        "HTTP://EVIL.EXAMPLE",
        "www.evil.example",
        "加我 taobao.com",
        "ｔａｏｂａｏ．ｃｏｍ",
        "shop.evil-tea.top 便宜",
        "加微信evil.cn",
    ],
)
def test_a_link_is_known_however_it_is_written(text):
    assert rules.has_link(text)
    assert rules.line(text)


@pytest.mark.parametrize(
    "text", ["3.5 折吗", "多少钱?", "v1.2", "等等...com", "what is it.I love it", "a.b", "9.9包邮。好"]
)
def test_what_only_looks_like_a_link_is_said(text):
    assert not rules.has_link(text)
    assert rules.line(text) == text


def test_a_line_is_one_line_of_visible_text():
    assert rules.line(" a\u202eb\x00\n c\u0301 ") == "ab \u0107"


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u2060"])
def test_nothing_can_not_be_said(text):
    with pytest.raises(rules.EmptyLine):
        rules.line(text)


def test_a_line_has_three_hundred_characters():
    assert rules.line("茶" * 300)
    with pytest.raises(rules.LineTooLong):
        rules.line("茶" * 301)


def staff(role: Role, store_id=None) -> Principal:
    return Principal(kind="staff", id=uuid7(), brand_id=BRAND, role=role, name="Li", store_id=store_id)


def test_headquarters_room_is_moderated_by_four_roles():
    moderating = {role for role in Role if rules.may_moderate(staff(role), BRAND, None)}
    assert moderating == {Role.OWNER, Role.OPERATOR, Role.HOST, Role.MODERATOR}


def test_a_stores_own_room_is_moderated_by_its_staff():
    assert rules.may_moderate(staff(Role.GUIDE, STORE), BRAND, STORE)
    assert not rules.may_moderate(staff(Role.GUIDE, uuid7()), BRAND, STORE)
    assert rules.may_moderate(staff(Role.MODERATOR), BRAND, STORE)


def test_viewers_and_guides_speak_and_finance_looks_on():
    assert rules.may_speak(staff(Role.GUIDE, STORE), BRAND, None)
    assert not rules.may_speak(staff(Role.FINANCE), BRAND, None)
    assert not rules.may_moderate(staff(Role.OWNER), uuid7(), None)
