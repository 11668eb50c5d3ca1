"""Who may manage whom, and what a login and a password look like: pure rules."""

from __future__ import annotations

from uuid import UUID

import pytest

from server.accounts.rules import login, may_manage, must_fit, password
from server.kit.principal import Role
from server.kit.problems import Invalid

STORE = UUID(int=1)


@pytest.mark.parametrize("target", sorted(set(Role) - {Role.MEMBER}))
def test_an_owner_manages_all_staff(target: Role) -> None:
    assert may_manage(Role.OWNER, target)


@pytest.mark.parametrize("target", list(Role))
def test_an_operator_manages_only_the_stores_staff_and_guides_from_outside(target: Role) -> None:
    managed = {Role.GUIDE, Role.MANAGER, Role.DISTRIBUTOR, Role.GROUP_OWNER}
    assert may_manage(Role.OPERATOR, target) == (target in managed)


@pytest.mark.parametrize("actor", sorted(set(Role) - {Role.OWNER, Role.OPERATOR}))
def test_nobody_else_manages_anybody(actor: Role) -> None:
    assert not any(may_manage(actor, target) for target in Role)


def test_a_member_is_no_staff() -> None:
    assert not may_manage(Role.OWNER, Role.MEMBER)
    with pytest.raises(Invalid):
        must_fit(Role.MEMBER, None)


@pytest.mark.parametrize("role", [Role.GUIDE, Role.MANAGER])
def test_store_staff_need_a_store(role: Role) -> None:
    must_fit(role, STORE)
    with pytest.raises(Invalid):
        must_fit(role, None)


@pytest.mark.parametrize(
    "role", [Role.OWNER, Role.OPERATOR, Role.HOST, Role.FINANCE, Role.DISTRIBUTOR, Role.GROUP_OWNER]
)
def test_other_staff_have_no_store(role: Role) -> None:
    must_fit(role, None)
    with pytest.raises(Invalid):
        must_fit(role, STORE)


def test_logins_are_the_same_in_any_case_and_width() -> None:
    assert login(" Li.Wei@Shop ") == login("ｌｉ.ＷＥＩ@shop") == "li.wei@shop"


@pytest.mark.parametrize("text", ["", "a", "two words", "x" * 65])
def test_a_login_has_2_to_64_characters_and_no_space(text: str) -> None:
    with pytest.raises(Invalid):
        login(text)


@pytest.mark.parametrize("text", ["", "1234567", "x" * 201])
def test_a_password_has_8_to_200_characters(text: str) -> None:
    with pytest.raises(Invalid):
        password(text)


def test_a_password_is_the_same_from_two_keyboards() -> None:
    assert password("caffe\u0300 nero") == password("caffè nero")
