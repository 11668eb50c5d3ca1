"""A room's rules, asked in every order that hosts and operators can think of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from live.room import (
    MOST_PINNED,
    Command,
    End,
    Pause,
    Phase,
    PhaseChanged,
    Pin,
    PinChanged,
    Refused,
    Resume,
    RoomState,
    Start,
    Unpin,
    Warm,
    apply,
)

NOW = datetime(2025, 11, 11, 20, 0, tzinfo=UTC)
PRODUCTS = st.sampled_from(["tea", "honey", "cup", "pot"])


def after(*commands: Command) -> RoomState:
    state = RoomState()
    for command in commands:
        state, _ = apply(state, command, NOW)
    return state


def test_a_show_goes_from_planned_to_ended() -> None:
    state = after(Warm(), Start(), Pause(), Resume(), End())
    assert state == RoomState(Phase.ENDED, started_at=NOW, ended_at=NOW)


def test_a_host_may_go_live_without_warming_up() -> None:
    assert after(Start()).phase is Phase.LIVE


def test_a_pause_does_not_move_the_start() -> None:
    state, _ = apply(after(Start(), Pause()), Resume(), NOW + timedelta(minutes=5))
    assert state.started_at == NOW


def test_the_second_operators_tap_changes_nothing_and_is_no_error() -> None:
    state = after(Start(), Pin("tea"))
    assert apply(state, Start(), NOW) == (state, [])
    assert apply(state, Pin("tea"), NOW) == (state, [])
    assert apply(after(Start()), Unpin(), NOW) == (after(Start()), [])


SHOWN = (Start(), Pin("tea"), Pin("honey", beside=True), Pin("cup", beside=True))


@pytest.mark.parametrize(
    ("command", "pinned"),
    [
        (Pin("pot"), ("pot",)),
        (Pin("honey"), ("honey",)),
        (Pin("pot", beside=True), ("pot", "cup", "honey")),
        (Pin("tea", beside=True), ("tea", "cup", "honey")),
        (Unpin("cup"), ("honey", "tea")),
        (Unpin("honey"), ("cup", "tea")),
        (Unpin(), ()),
    ],
)
def test_a_product_is_pinned_in_place_of_the_others_or_in_front_of_them(
    command: Command, pinned: tuple[str, ...]
) -> None:
    before = after(*SHOWN)
    assert before.pinned == ("cup", "honey", "tea")
    state, happened = apply(before, command, NOW)
    assert state.pinned == pinned
    assert happened == [PinChanged(pinned, NOW)]


@pytest.mark.parametrize("command", [Pin("cup", beside=True), Unpin("pot")])
def test_what_is_in_front_or_gone_already_changes_nothing(command: Command) -> None:
    assert apply(after(*SHOWN), command, NOW) == (after(*SHOWN), [])


def test_ending_takes_all_pins_down_first() -> None:
    state, happened = apply(after(*SHOWN), End(), NOW)
    assert state.pinned == ()
    assert happened == [PinChanged((), NOW), PhaseChanged(Phase.ENDED, NOW)]


@pytest.mark.parametrize(
    ("before", "command", "slug"),
    [
        ([], Pause(), "room-not-live"),
        ([], Resume(), "room-not-live"),
        ([], Pin("tea"), "room-not-open"),
        ([Start()], Warm(), "room-already-live"),
        ([Start(), Pause()], Start(), "room-already-live"),
        ([Warm()], Resume(), "room-not-live"),
        ([End()], Start(), "room-ended"),
        ([End()], Pin("tea"), "room-ended"),
        ([End()], Unpin(), "room-ended"),
        ([], Pin("tea", beside=True), "room-not-open"),
        ([], Unpin("tea"), "room-not-open"),
    ],
)
def test_what_the_phase_forbids_is_refused(before: list[Command], command: Command, slug: str) -> None:
    with pytest.raises(Refused) as refused:
        apply(after(*before), command, NOW)
    assert refused.value.slug == slug


class AnyShow(RuleBasedStateMachine):
    """Whatever is asked, in whatever order: the state is what its own events say, and time only goes one way."""

    def __init__(self) -> None:
        super().__init__()
        self.state = RoomState()
        self.now = NOW
        self.phases = [Phase.PLANNED]
        self.pinned: tuple[str, ...] = ()

    @rule(
        command=st.sampled_from([Warm(), Start(), Pause(), Resume(), End(), Unpin()])
        | st.builds(Pin, PRODUCTS, st.booleans())
        | st.builds(Unpin, PRODUCTS)
    )
    def ask(self, command: Command) -> None:
        self.now += timedelta(seconds=1)
        before = self.state
        try:
            self.state, happened = apply(before, command, self.now)
        except Refused:
            return
        assert bool(happened) == (self.state != before)
        for event in happened:
            assert event.at == self.now
            if isinstance(event, PhaseChanged):
                self.phases.append(event.phase)
            else:
                self.pinned = event.pinned
        if isinstance(command, Pin):
            assert self.state.pinned[0] == command.product_id
            others = [one for one in before.pinned if one != command.product_id]
            assert list(self.state.pinned[1:]) == (others[: MOST_PINNED - 1] if command.beside else [])

    @invariant()
    def events_tell_the_whole_state(self) -> None:
        assert (self.state.phase, self.state.pinned) == (self.phases[-1], self.pinned)

    @invariant()
    def phases_follow_the_plan(self) -> None:
        steps = set(zip(self.phases, self.phases[1:], strict=False))
        assert steps <= {
            (Phase.PLANNED, Phase.WARMING),
            (Phase.PLANNED, Phase.LIVE),
            (Phase.WARMING, Phase.LIVE),
            (Phase.LIVE, Phase.PAUSED),
            (Phase.PAUSED, Phase.LIVE),
            *((phase, Phase.ENDED) for phase in Phase if phase is not Phase.ENDED),
        }

    @invariant()
    def times_are_told_once(self) -> None:
        assert (self.state.started_at is not None) == (Phase.LIVE in self.phases)
        assert (self.state.ended_at is not None) == (self.state.phase is Phase.ENDED)

    @invariant()
    def a_few_products_are_pinned_once_each_while_the_room_is_open(self) -> None:
        pinned = self.state.pinned
        assert len(set(pinned)) == len(pinned) <= MOST_PINNED
        assert not pinned or self.state.phase in {Phase.WARMING, Phase.LIVE, Phase.PAUSED}


TestAnyShow = AnyShow.TestCase
TestAnyShow.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
