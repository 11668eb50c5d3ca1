from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from server.conversations import rules
from server.conversations.rules import Closed, ConversationClosed, NotReceiving, Side, TooLate
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GUIDE, OTHER, MEMBER, BRAND, STORE = (uuid7() for _ in range(5))


def staff(role: Role, *, id_: object = None, store: object = STORE, brand: object = BRAND) -> Principal:
    return Principal(
        kind="staff",
        id=id_ or uuid7(),  # type: ignore[arg-type]
        brand_id=brand,  # type: ignore[arg-type]
        role=role,
        name="Li",
        store_id=store,  # type: ignore[arg-type]
    )


def test_a_conversation_is_open_while_the_member_is_the_guides_customer() -> None:
    assert rules.closed(GUIDE, works=True, own_guide_id=GUIDE) is None


def test_it_closes_when_the_member_is_another_guides_or_nobodys_or_the_guide_left() -> None:
    assert rules.closed(GUIDE, works=True, own_guide_id=OTHER) is Closed.MOVED
    assert rules.closed(GUIDE, works=True, own_guide_id=None) is Closed.LAPSED
    assert rules.closed(GUIDE, works=False, own_guide_id=GUIDE) is Closed.GUIDE_LEFT


def test_only_the_two_take_part_in_it() -> None:
    member = Principal(kind="member", id=MEMBER, brand_id=BRAND, role=Role.MEMBER, name="Wang")
    assert rules.side_of(member, MEMBER, GUIDE) is Side.MEMBER
    assert rules.side_of(member, uuid7(), GUIDE) is None
    assert rules.side_of(staff(Role.GUIDE, id_=GUIDE), MEMBER, GUIDE) is Side.GUIDE
    assert rules.side_of(staff(Role.OWNER), MEMBER, GUIDE) is None
    assert rules.side_of(staff(Role.GUIDE, id_=MEMBER), MEMBER, GUIDE) is None


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (staff(Role.OWNER, store=None), True),
        (staff(Role.MANAGER), True),
        (staff(Role.MANAGER, store=uuid7()), False),
        (staff(Role.OWNER, brand=uuid7()), False),
        (staff(Role.OPERATOR, store=None), False),
        (staff(Role.GUIDE), False),
    ],
    ids=lambda one: one.role if isinstance(one, Principal) else str(one),
)
def test_the_owner_and_the_stores_manager_may_look_on(who: Principal, may: bool) -> None:
    assert rules.may_look_on(who, BRAND, STORE) is may


def test_a_guide_without_a_store_is_looked_on_by_the_owner_alone() -> None:
    assert rules.may_look_on(staff(Role.OWNER, store=None), BRAND, None)
    assert not rules.may_look_on(staff(Role.MANAGER, store=None), BRAND, None)


def test_a_closed_conversation_says_why_and_a_blocked_one_that_it_is() -> None:
    with pytest.raises(ConversationClosed) as closed:
        rules.must_write(Closed.MOVED, receiving=True)
    assert closed.value.data == {"why": "moved"}
    with pytest.raises(NotReceiving):
        rules.must_write(None, receiving=False)
    rules.must_write(None, receiving=True)


def test_a_line_can_be_taken_back_for_two_minutes() -> None:
    rules.must_take_back(NOW, NOW + timedelta(minutes=2))
    with pytest.raises(TooLate):
        rules.must_take_back(NOW, NOW + timedelta(minutes=2, seconds=1))


def test_a_text_keeps_its_lines_and_nothing_invisible() -> None:
    assert rules.text(" 尺码：\n\u202e38 \n") == "尺码：\n38"
    with pytest.raises(rules.EmptyText):
        rules.text(" \u200b\n ")
    with pytest.raises(rules.TextTooLong):
        rules.text("长" * 501)
