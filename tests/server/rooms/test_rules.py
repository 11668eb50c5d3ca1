from __future__ import annotations

from itertools import product

import pytest

from server.kit.ids import uuid7
from server.kit.principal import OUTSIDE_GUIDES, STORE_STAFF, Principal, Role
from server.kit.problems import NotFound, NotSignedIn
from server.members.audience import InvitedOnly, MembersOnly, refusal
from server.rooms.rules import (
    Audience,
    RoomScope,
    may_enter,
    may_run,
    may_see,
    may_see_figures,
)

BRAND, STORE, OTHER = uuid7(), uuid7(), uuid7()
STAFF = sorted(set(Role) - {Role.MEMBER})


def staff(role: Role, *, brand=BRAND, store=STORE) -> Principal:
    return Principal(
        kind="staff",
        id=uuid7(),
        brand_id=brand,
        role=role,
        name="Li",
        store_id=store if role in STORE_STAFF else None,
    )


def member(*, brand=BRAND) -> Principal:
    return Principal(kind="member", id=uuid7(), brand_id=brand, role=Role.MEMBER, name="Wang")


def room(audience: Audience = Audience.PUBLIC, store=None) -> RoomScope:
    return RoomScope(BRAND, store, audience)


def test_a_public_room_takes_everybody_also_strangers():
    assert may_enter(room(), None) is None
    assert may_enter(room(), member()) is None
    assert refusal(Audience.PUBLIC, has_phone=False, invited=False) is None


@pytest.mark.parametrize("audience", sorted(set(Audience) - {Audience.PUBLIC}))
def test_whoever_is_not_known_must_sign_in_for_any_other_room(audience):
    assert isinstance(may_enter(room(audience), None), NotSignedIn)


def test_an_invited_room_takes_whoever_came_by_a_link():
    for has_phone in (False, True):
        assert isinstance(refusal(Audience.INVITED, has_phone=has_phone, invited=False), InvitedOnly)
    assert refusal(Audience.INVITED, has_phone=False, invited=True) is None


def test_a_members_room_takes_whoever_gave_a_phone_number():
    assert isinstance(refusal(Audience.MEMBERS, has_phone=False, invited=True), MembersOnly)
    assert refusal(Audience.MEMBERS, has_phone=True, invited=False) is None


def test_a_staff_room_is_not_there_for_viewers():
    assert isinstance(refusal(Audience.STAFF, has_phone=True, invited=True), NotFound)
    assert may_enter(room(Audience.STAFF), staff(Role.GUIDE)) is None


@pytest.mark.parametrize(
    ("audience", "who"), list(product(Audience, [member(brand=OTHER), staff(Role.OWNER, brand=OTHER)]))
)
def test_another_brands_room_is_not_there(audience, who):
    assert isinstance(may_enter(room(audience), who), NotFound)


@pytest.mark.parametrize("role", STAFF)
def test_headquarters_room_is_seen_by_all_staff_and_run_by_three_roles(role):
    assert may_see(staff(role), room())
    assert may_run(staff(role), room()) == (role in {Role.OWNER, Role.OPERATOR, Role.HOST})


@pytest.mark.parametrize("role", STAFF)
def test_a_stores_own_room_is_run_by_its_staff_and_by_who_runs_the_brand(role):
    assert may_run(staff(role), room(store=STORE)) == (
        role in {Role.OWNER, Role.OPERATOR, Role.MANAGER, Role.GUIDE}
    )


@pytest.mark.parametrize("role", sorted(STORE_STAFF))
def test_another_stores_room_is_not_there_for_a_stores_staff(role):
    assert not may_see(staff(role, store=OTHER), room(store=STORE))
    assert not may_run(staff(role, store=OTHER), room(store=STORE))


@pytest.mark.parametrize("role", sorted(OUTSIDE_GUIDES))
def test_a_guide_from_outside_looks_on_in_headquarters_rooms_and_sees_no_stores_own(role):
    assert may_see(staff(role), room())
    assert not may_see(staff(role), room(store=STORE))
    for where in (room(), room(store=STORE)):
        assert not may_run(staff(role), where)
        assert not may_see_figures(staff(role), where)


def test_figures_of_headquarters_room_are_not_for_stores():
    seeing = {role for role in STAFF if may_see_figures(staff(role), room())}
    assert seeing == {Role.OWNER, Role.OPERATOR, Role.HOST, Role.FINANCE, Role.READ_ONLY}


def test_members_run_and_see_nothing():
    assert not may_see(member(), room())
    assert not may_run(member(), room())
