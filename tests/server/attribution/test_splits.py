from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.attribution.policy import WHOLE, Policy, RatesAboveWhole, TooManyLevels, must_be_lawful
from server.attribution.splits import Parties, left, split

GUIDE, STORE, FIRST, SECOND, THIRD = (UUID(int=n) for n in range(1, 6))


@st.composite
def policies(draw) -> Policy:
    """Lawful ones, rates that fill the whole included."""
    rest, rates = WHOLE, []
    for _ in range(4):
        rates.append(draw(st.integers(0, rest) | st.just(min(rest, 2500))))
        rest -= rates[-1]
    policy = Policy(
        guide_bp=rates[0],
        store_bp=rates[1],
        sharing_bp=rates[2 : 2 + draw(st.integers(0, 2))],
        bonus_minor=draw(st.integers(0, 100_000)),
        bonus_for=draw(st.sampled_from(["guide", "store", "member"])),
    )
    must_be_lawful(policy)
    return policy


parties = st.builds(
    Parties,
    guide_id=st.sampled_from([None, GUIDE]),
    store_id=st.sampled_from([None, STORE]),
    sharers=st.sampled_from([(), (FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD)]),
)
sums = st.integers(0, 300) | st.integers(0, 10**10)


@given(policies(), sums, parties, st.booleans())
def test_shares_never_come_to_more_than_the_order(policy, base, who, new):
    shares = split(policy, base, who, new_customer=new)
    assert all(share.amount_minor >= 0 for share in shares)
    assert sum(share.amount_minor for share in shares) <= base
    assert len({share.kind for share in shares}) == len(shares)


@given(policies(), sums, parties, st.booleans(), st.data())
def test_after_any_refunds_each_share_is_the_rule_of_what_is_left(policy, base, who, new, data):
    """To the unit, however the refunds were cut; nothing is ever given back to a share."""
    shares = split(policy, base, who, new_customer=new)
    held = {share.kind: share.amount_minor for share in shares}
    net = base
    while net:
        net -= data.draw(st.integers(1, net) | st.just(net))
        for share in shares:
            due = left(share.bp, share.amount_minor, base, net)
            assert 0 <= due <= held[share.kind]
            held[share.kind] = due
        assert sum(held.values()) <= net
        fresh = {s.kind: s.amount_minor for s in split(policy, net, who, new_customer=False)}
        assert {kind: amount for kind, amount in held.items() if kind != "bonus"} == fresh
    assert all(amount == 0 for amount in held.values()) or base == 0


def test_an_order_of_99_yuan_is_shared_as_written():
    policy = Policy(guide_bp=500, store_bp=333, sharing_bp=[200, 100], bonus_minor=1000, bonus_for="member")
    who = Parties(guide_id=GUIDE, store_id=STORE, sharers=(FIRST, SECOND, THIRD))
    shares = split(policy, 9901, who, new_customer=True)
    assert [(s.kind, s.beneficiary_id, s.bp, s.amount_minor) for s in shares] == [
        ("guide", GUIDE, 500, 495),
        ("store", STORE, 333, 329),
        ("share_1", FIRST, 200, 198),
        ("share_2", SECOND, 100, 99),
        ("bonus", FIRST, 0, 1000),
    ]
    assert [left(s.bp, s.amount_minor, 9901, 6567) for s in shares] == [328, 218, 131, 65, 663]


def test_a_bonus_is_no_more_than_the_rates_leave_whoever_gets_them():
    policy = Policy(guide_bp=9000, bonus_minor=1000, bonus_for="store")
    shares = split(policy, 5000, Parties(store_id=STORE), new_customer=True)
    assert [(s.kind, s.amount_minor) for s in shares] == [("bonus", 500)]
    assert split(policy, 5000, Parties(guide_id=GUIDE), new_customer=True)[0].kind == "guide"


def test_nobody_to_get_a_share_means_no_share():
    policy = Policy(guide_bp=500, store_bp=500, sharing_bp=[500, 500], bonus_minor=100)
    assert split(policy, 9900, Parties(), new_customer=True) == []


def test_what_nobody_wrote_shares_nothing():
    who = Parties(guide_id=GUIDE, store_id=STORE, sharers=(FIRST, SECOND))
    assert split(Policy(), 9900, who, new_customer=True) == []


def test_a_third_level_of_members_is_refused():
    must_be_lawful(Policy(sharing_bp=[100, 100]))
    with pytest.raises(TooManyLevels) as refused:
        must_be_lawful(Policy(sharing_bp=[100, 100, 1]))
    assert (refused.value.status, refused.value.data) == (422, {"most": 2, "given": 3})


def test_rates_above_the_whole_are_refused():
    must_be_lawful(Policy(guide_bp=6000, store_bp=4000))
    with pytest.raises(RatesAboveWhole) as refused:
        must_be_lawful(Policy(guide_bp=6000, store_bp=4000, sharing_bp=[1]))
    assert refused.value.data["given_bp"] == 10_001


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_days": 0},
        {"window_days": 91},
        {"guide_bp": -1},
        {"bonus_minor": -1},
        {"binds": "always"},
        {"x": 1},
    ],
)
def test_settings_out_of_bounds_are_not_a_policy(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Policy)
