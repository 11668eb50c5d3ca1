from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from server.attribution.policy import Policy
from server.attribution.rules import (
    RELOAD,
    Bound,
    Carrier,
    Figures,
    Ground,
    GuideName,
    Link,
    MemberName,
    Reach,
    Rule,
    StoreName,
    Touched,
    binds_now,
    carrier,
    is_reload,
    ranking,
    refusal,
    renews_now,
    rule_of,
    sharers,
    tags,
    why,
)

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
WINDOW = Policy().window
ROOM_STORE = UUID(int=99)
HZ = StoreName(UUID(int=1), "Hangzhou")
LI = GuideName(UUID(int=2), "Li")
SZ = StoreName(UUID(int=3), "Suzhou")
SUN = GuideName(UUID(int=4), "Sun")


def who(number: int) -> MemberName:
    return MemberName(UUID(int=1000 + number), f"member {number}")


def link(number: int, *, member: int | None = None, store=HZ, guide=LI) -> Link:
    return Link(
        link_id=UUID(int=number + 10_000),
        code=f"CODE{number}",
        store=store,
        guide=guide,
        member=who(member) if member is not None else None,
    )


def touched(number: int, at: datetime, *, refused: str | None = None, via: Link | None = None) -> Touched:
    return Touched(
        touch_id=UUID(int=number), at=at, until=at + WINDOW, link=via or link(number), refused=refused
    )


def bound(since=NOW - timedelta(days=1), days=30, **more) -> Bound:
    held = {"guide": SUN, "store": SZ, **more}
    return Bound(
        binding_id=UUID(int=7),
        number=1,
        since=since,
        until=since + timedelta(days=days),
        reason="first_order",
        **held,
    )


def ground(touches=(), chain=(), **more) -> Ground:
    return Ground(placed_at=NOW, policy=Policy(), policy_version=0, touches=touches, chain=chain, **more)


ages = st.timedeltas(timedelta(seconds=-3600), WINDOW * 2)
some_touches = st.lists(
    st.tuples(ages, st.sampled_from([None, None, "loop", "self-invite"])), max_size=8
).map(lambda rows: [touched(i, NOW - age, refused=refused) for i, (age, refused) in enumerate(rows, 1)])


@given(some_touches, st.sampled_from([None, ROOM_STORE]))
def test_the_last_touch_that_counts_carries_else_the_rooms_store_else_the_brand(touches, room_store):
    counting = [t for t in touches if t.refused is None and NOW - t.at <= WINDOW]
    carried = carrier(touches, None, room_store, NOW)
    if counting:
        last = max(counting, key=lambda t: (t.at, t.touch_id))
        assert carried == Carrier(Rule.LAST_TOUCH, HZ.store_id, LI.account_id, last.link.link_id)
    elif room_store:
        assert carried == Carrier(Rule.ROOM_STORE, room_store)
    else:
        assert carried == Carrier(Rule.BRAND)


@given(some_touches, st.randoms())
def test_the_order_in_which_touches_are_read_does_not_matter(touches, rng):
    shuffled = list(touches)
    rng.shuffle(shuffled)
    assert carrier(shuffled, None, ROOM_STORE, NOW) == carrier(touches, None, ROOM_STORE, NOW)


@given(some_touches)
def test_a_refused_touch_never_changes_who_carries(touches):
    refused = touched(500, NOW, refused="loop")
    assert carrier([*touches, refused], None, None, NOW) == carrier(touches, None, None, NOW)


@given(some_touches, st.sampled_from([None, ROOM_STORE]))
def test_the_rule_can_be_read_from_what_the_claim_fixed(touches, room_store):
    carried = carrier(touches, None, room_store, NOW)
    via = next((t.link for t in touches if t.link.link_id == carried.link_id), None)
    assert rule_of(carried.store_id, carried.guide_id, via, None, NOW) == carried.rule


def test_a_touch_carries_for_seven_days_to_the_second():
    assert carrier([touched(1, NOW - WINDOW)], None, None, NOW).rule is Rule.LAST_TOUCH
    assert carrier([touched(1, NOW - WINDOW - timedelta(seconds=1))], None, None, NOW).rule is Rule.BRAND


def test_a_wall_screens_link_carries_for_the_store_without_a_guide():
    via = link(1, guide=None)
    assert carrier([touched(1, NOW, via=via)], None, None, NOW) == Carrier(
        Rule.LAST_TOUCH, HZ.store_id, None, via.link_id
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8, unique=True), st.integers(0, 9))
def test_nobody_is_brought_by_themselves_at_any_distance(inviters, member):
    chain = [link(i, member=inviter) for i, inviter in enumerate(inviters)] + [link(100)]
    reason = refusal(who(member).member_id, chain)
    if inviters[0] == member:
        assert reason == "self-invite"
    elif member in inviters:
        assert reason == "loop"
    else:
        assert reason is None


def test_the_same_link_opened_again_soon_is_a_reload():
    latest = touched(1, NOW)
    assert is_reload(latest, latest.link.link_id, NOW + RELOAD - timedelta(seconds=1))
    assert not is_reload(latest, latest.link.link_id, NOW + RELOAD)
    assert not is_reload(latest, link(2).link_id, NOW)
    assert not is_reload(None, link(2).link_id, NOW)


@given(some_touches)
def test_a_credit_counts_one_touch_at_most_and_keeps_them_all(touches):
    carried = carrier(touches, None, None, NOW)
    kept = why(carried.rule, carried.link_id, ground(touches), 2990)
    assert len(kept["touches"]) == len(touches)
    counted = [t for t in kept["touches"] if t["counted"]]
    assert len(counted) == (carried.link_id is not None)
    assert all(t["refused"] is None for t in counted)


def test_why_names_the_inviters_from_the_guide_to_the_last_one():
    chain = [link(3, member=2), link(2, member=1), link(1)]
    kept = why(Rule.LAST_TOUCH, chain[0].link_id, ground([touched(1, NOW, via=chain[0])], chain), 2990)
    assert [(one["kind"], one["name"]) for one in kept["chain"]] == [
        ("guide", "Li"),
        ("member", "member 1"),
        ("member", "member 2"),
    ]
    assert kept["sums"] == {"order_minor": 2990, "credit_minor": 2990}
    assert kept["window_days"] == 7


def test_why_of_an_order_that_nobody_brought_is_plain():
    kept = why(Rule.BRAND, None, ground(), 100)
    assert (kept["touches"], kept["chain"], kept["binding"]) == ([], [], None)


# Bound guides


@given(some_touches, st.sampled_from([None, ROOM_STORE]))
def test_a_protected_member_stays_with_the_bound_guide_whoevers_link_was_opened(touches, room_store):
    carried = carrier(touches, bound(), room_store, NOW)
    assert (carried.rule, carried.store_id, carried.guide_id) == (
        Rule.BOUND_GUIDE,
        SZ.store_id,
        SUN.account_id,
    )
    assert carried.link_id == carrier(touches, None, room_store, NOW).link_id  # who shared is kept
    via = next((t.link for t in touches if t.link.link_id == carried.link_id), None)
    assert rule_of(carried.store_id, carried.guide_id, via, bound(), NOW) is Rule.BOUND_GUIDE


@given(some_touches, st.sampled_from([None, ROOM_STORE]))
def test_a_binding_that_is_over_or_stands_for_nobody_changes_nothing(touches, room_store):
    plain = carrier(touches, None, room_store, NOW)
    for past in (
        bound(since=NOW - timedelta(days=30)),
        bound(guide=None, store=None),
        bound(store_gone=True),
        bound(guide_gone=True, store=None),
    ):
        assert carrier(touches, past, room_store, NOW) == plain


def test_a_guide_who_left_leaves_the_member_to_the_store():
    left = bound(guide_gone=True)
    carried = carrier([touched(1, NOW)], left, ROOM_STORE, NOW)
    assert (carried.rule, carried.store_id, carried.guide_id) == (Rule.BOUND_STORE, SZ.store_id, None)
    assert rule_of(SZ.store_id, None, link(1), left, NOW) is Rule.BOUND_STORE


def test_protection_ends_to_the_second():
    held = bound(since=NOW - timedelta(days=30) + timedelta(seconds=1))
    assert carrier([], held, None, NOW).rule is Rule.BOUND_GUIDE
    assert carrier([], held, None, NOW + timedelta(seconds=1)).rule is Rule.BRAND


def test_a_guide_without_a_store_is_read_from_an_order_of_the_rooms_store():
    via = link(1, store=None)
    assert rule_of(ROOM_STORE, LI.account_id, via, None, NOW) is Rule.LAST_TOUCH
    assert rule_of(ROOM_STORE, SUN.account_id, via, bound(store=None), NOW) is Rule.BOUND_GUIDE


def test_who_is_protected_is_not_bound_again():
    by_touch, by_order = Policy(binds="first_touch"), Policy(binds="first_order")
    assert binds_now(by_touch, "first_touch", LI.account_id, None, NOW)
    assert binds_now(by_touch, "first_touch", LI.account_id, bound(days=1), NOW)
    assert not binds_now(by_touch, "first_touch", LI.account_id, bound(), NOW)
    assert not binds_now(by_touch, "first_touch", None, None, NOW)
    assert not binds_now(by_touch, "first_order", LI.account_id, None, NOW)
    assert binds_now(by_order, "first_order", LI.account_id, None, NOW)
    assert not binds_now(Policy(), "first_order", LI.account_id, None, NOW)


def test_an_order_through_the_bound_guide_alone_renews_and_only_where_the_policy_says_so():
    policy = Policy(binds="first_order", protection_days=30)
    assert renews_now(policy, SUN.account_id, bound(), NOW)
    assert not renews_now(policy, LI.account_id, bound(), NOW)
    assert not renews_now(Policy(binds="first_order", renews=False), SUN.account_id, bound(), NOW)
    assert not renews_now(policy, SUN.account_id, bound(days=1), NOW)
    assert not renews_now(policy, SUN.account_id, bound(days=400), NOW)


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(0, 5))
def test_sharers_are_named_once_nearest_first_and_never_the_buyer(members, buyer):
    chain = [link(i, member=m) for i, m in enumerate(members)] + [link(100)]
    found = sharers(chain, who(buyer).member_id)
    assert len(set(found)) == len(found)
    assert set(found) == {who(m).member_id for m in members} - {who(buyer).member_id}


def test_a_touch_says_in_one_word_what_came_of_it():
    own, other = link(1), link(2)
    touches = [
        touched(1, NOW - timedelta(days=2), via=other),
        touched(2, NOW - timedelta(days=1), via=own),
        touched(3, NOW + timedelta(minutes=1), via=other),
        touched(4, NOW - timedelta(hours=1), refused="loop"),
    ]

    def outcomes(rule):
        kept = why(rule, own.link_id, ground(touches), 100)
        return [t["outcome"] for t in kept["touches"]]

    assert outcomes(Rule.LAST_TOUCH) == ["after-order", "loop", "counted", "earlier"]
    assert outcomes(Rule.BOUND_GUIDE) == ["after-order", "loop", "brought", "earlier"]


figures = st.builds(
    Figures, visits=st.integers(0, 3), orders=st.integers(0, 2), amount_minor=st.integers(0, 3)
)


@given(st.dictionaries(st.integers(1, 30), figures, max_size=12))
def test_equal_guides_share_a_rank_and_the_next_rank_is_left_out(by_guide):
    named = {GuideName(UUID(int=n), f"guide {n}"): own for n, own in by_guide.items()}
    ranked = ranking(named)
    merits = [(row.figures.net_minor, row.figures.orders, row.figures.visits) for row in ranked]
    assert merits == sorted(merits, reverse=True)
    for row, merit in zip(ranked, merits, strict=True):
        assert row.rank == 1 + sum(better > merit for better in merits)


@given(st.lists(figures, max_size=10))
def test_figures_add_up_column_by_column(rows):
    total = sum(rows, Figures())
    assert total.net_minor == sum(row.net_minor for row in rows)
    assert (total.visits, total.orders) == (sum(r.visits for r in rows), sum(r.orders for r in rows))


@given(st.integers(0, 10), st.integers(0, 10))
def test_a_viewer_is_exactly_one_of_new_returning_buyer_or_regular(orders, earlier_visits):
    (tag,) = tags(orders, earlier_visits)
    expected = "regular" if orders >= 3 else "buyer" if orders else "returning" if earlier_visits else "new"
    assert tag == expected


def test_where_a_room_is_not_for_the_store_the_next_rule_decides():
    here = Reach(frozenset({HZ.store_id}))
    ours = touched(1, NOW - timedelta(hours=2))
    theirs = touched(2, NOW - timedelta(hours=1), via=link(2, store=SZ, guide=SUN))
    assert carrier([ours, theirs], None, None, NOW, here).guide_id == LI.account_id
    assert carrier([ours], bound(), None, NOW, here).rule is Rule.LAST_TOUCH
    assert carrier([theirs], bound(), None, NOW, here) == Carrier(Rule.BRAND)


def test_a_guide_without_a_store_carries_only_where_every_store_does():
    via = touched(1, NOW, via=link(1, store=None))
    assert carrier([via], None, None, NOW).guide_id == LI.account_id
    assert carrier([via], None, None, NOW, Reach(frozenset())) == Carrier(Rule.BRAND)


@given(st.lists(st.sampled_from([HZ, SZ, None]), max_size=5), st.sampled_from([HZ, SZ]), st.booleans())
def test_nobody_outside_ever_carries(stores, takes, is_bound):
    here = Reach(frozenset({takes.store_id}))
    touches = [
        touched(number, NOW - timedelta(minutes=number), via=link(number, store=store))
        for number, store in enumerate(stores, start=1)
    ]
    found = carrier(touches, bound() if is_bound else None, None, NOW, here)
    assert found.store_id in (None, takes.store_id)
    assert (found.store_id is None) == (found.guide_id is None)
