from __future__ import annotations

from itertools import product

import pytest

from server.kit.ids import uuid7
from server.kit.principal import STORE_STAFF, Principal, Role
from server.rooms.rules import (
    Audience,
    Refusal,
    RoomScope,
    Viewer,
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
    assert may_enter(room(), Viewer(member())) is None


@pytest.mark.parametrize("audience", set(Audience) - {Audience.PUBLIC})
def test_whoever_is_not_known_must_sign_in_for_any_other_room(audience):
    assert may_enter(room(audience), None) is Refusal.NOT_SIGNED_IN


def test_an_invited_room_takes_whoever_came_by_a_link():
    assert may_enter(room(Audience.INVITED), Viewer(member())) is Refusal.INVITED_ONLY
    assert may_enter(room(Audience.INVITED), Viewer(member(), has_phone=True)) is Refusal.INVITED_ONLY
    assert may_enter(room(Audience.INVITED), Viewer(member(), invited=True)) is None


def test_a_members_room_takes_whoever_gave_a_phone_number():
    assert may_enter(room(Audience.MEMBERS), Viewer(member(), invited=True)) is Refusal.MEMBERS_ONLY
    assert may_enter(room(Audience.MEMBERS), Viewer(member(), has_phone=True)) is None


def test_a_staff_room_is_not_there_for_viewers():
    assert may_enter(room(Audience.STAFF), Viewer(member(), True, True)) is Refusal.NOT_FOUND
    assert may_enter(room(Audience.STAFF), Viewer(staff(Role.GUIDE))) is None


@pytest.mark.parametrize(
    ("audience", "who"), list(product(Audience, [member(brand=OTHER), staff(Role.OWNER, brand=OTHER)]))
)
def test_another_brands_room_is_not_there(audience, who):
    assert may_enter(room(audience), Viewer(who, True, True)) is Refusal.NOT_FOUND


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


def test_figures_of_headquarters_room_are_not_for_stores():
    seeing = {role for role in STAFF if may_see_figures(staff(role), room())}
    assert seeing == {Role.OWNER, Role.OPERATOR, Role.HOST, Role.FINANCE, Role.READ_ONLY}


def test_members_run_and_see_nothing():
    assert not may_see(member(), room())
    assert not may_run(member(), room())
