from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from server.attribution.rules import (
    RELOAD,
    WINDOW,
    Carrier,
    Figures,
    GuideName,
    Link,
    MemberName,
    Rule,
    StoreName,
    Touched,
    carrier,
    is_reload,
    ranking,
    refusal,
    rule_of,
    tags,
    why,
)

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
ROOM_STORE = UUID(int=99)
HZ = StoreName(UUID(int=1), "Hangzhou")
LI = GuideName(UUID(int=2), "Li")


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
    return Touched(touch_id=UUID(int=number), at=at, link=via or link(number), refused=refused)


ages = st.timedeltas(timedelta(seconds=-3600), WINDOW * 2)
some_touches = st.lists(
    st.tuples(ages, st.sampled_from([None, None, "loop", "self-invite"])), max_size=8
).map(lambda rows: [touched(i, NOW - age, refused=refused) for i, (age, refused) in enumerate(rows, 1)])


@given(some_touches, st.sampled_from([None, ROOM_STORE]))
def test_the_last_touch_that_counts_carries_else_the_rooms_store_else_the_brand(touches, room_store):
    counting = [t for t in touches if t.refused is None and NOW - t.at <= WINDOW]
    carried = carrier(touches, room_store, NOW)
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
    assert carrier(shuffled, ROOM_STORE, NOW) == carrier(touches, ROOM_STORE, NOW)


@given(some_touches)
def test_a_refused_touch_never_changes_who_carries(touches):
    refused = touched(500, NOW, refused="loop")
    assert carrier([*touches, refused], None, NOW) == carrier(touches, None, NOW)


@given(some_touches, st.sampled_from([None, ROOM_STORE]))
def test_the_rule_can_be_read_from_what_the_claim_fixed(touches, room_store):
    carried = carrier(touches, room_store, NOW)
    assert rule_of(carried.store_id, carried.link_id) == carried.rule


def test_a_touch_carries_for_seven_days_to_the_second():
    assert carrier([touched(1, NOW - WINDOW)], None, NOW).rule is Rule.LAST_TOUCH
    assert carrier([touched(1, NOW - WINDOW - timedelta(seconds=1))], None, NOW).rule is Rule.BRAND


def test_a_wall_screens_link_carries_for_the_store_without_a_guide():
    via = link(1, guide=None)
    assert carrier([touched(1, NOW, via=via)], None, NOW) == Carrier(
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
    carried = carrier(touches, None, NOW)
    kept = why(carried.link_id, touches, [], 2990)
    assert len(kept["touches"]) == len(touches)
    counted = [t for t in kept["touches"] if t["counted"]]
    assert len(counted) == (carried.link_id is not None)
    assert all(t["refused"] is None for t in counted)


def test_why_names_the_inviters_from_the_guide_to_the_last_one():
    chain = [link(3, member=2), link(2, member=1), link(1)]
    kept = why(chain[0].link_id, [touched(1, NOW, via=chain[0])], chain, 2990)
    assert [(one["kind"], one["name"]) for one in kept["chain"]] == [
        ("guide", "Li"),
        ("member", "member 1"),
        ("member", "member 2"),
    ]
    assert kept["sums"] == {"order_minor": 2990, "credit_minor": 2990}
    assert kept["window_days"] == 7


def test_why_of_an_order_that_nobody_brought_is_plain():
    assert why(None, [], [], 100)["touches"] == []
    assert why(None, [], [], 100)["chain"] == []


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
