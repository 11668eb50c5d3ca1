from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from live.media import twcc
from live.media.twcc import Arrivals


def statuses(packed: bytes, count: int) -> tuple[list[int], int]:
    """The statuses in `packed`, and how many bytes their chunks take."""
    symbols: list[int] = []
    at = 0
    while len(symbols) < count:
        word = int.from_bytes(packed[at : at + 2])
        at += 2
        if not word & 0x8000:
            symbols += [word >> 13 & 3] * (word & 0x1FFF)
        elif word & 0x4000:
            symbols += [word >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [word >> shift & 1 for shift in range(13, -1, -1)]
    return symbols[:count], at


def read(message: bytes) -> dict[int, float | None]:
    """Sequence → arrival in seconds, or None for what is reported lost."""
    assert message[0] == 0x80 | 15
    assert message[1] == 205
    assert len(message) == 4 + 4 * int.from_bytes(message[2:4])
    base, count = int.from_bytes(message[12:14]), int.from_bytes(message[14:16])
    ticks = int.from_bytes(message[16:19]) * 256
    symbols, used = statuses(message[20:], count)
    at, arrivals = 20 + used, {}
    for offset, symbol in enumerate(symbols):
        arrivals[(base + offset) & 0xFFFF] = None
        if symbol:
            ticks += int.from_bytes(message[at : at + symbol], signed=symbol == 2)
            at += symbol
            arrivals[(base + offset) & 0xFFFF] = ticks / 4000
    return arrivals


def test_every_packet_is_reported_with_its_time():
    arrivals = Arrivals()
    for number in range(20):
        arrivals.heard(100 + number, 10 + number * 0.005)
    (message,) = arrivals.feedback(1, 2)
    reported = read(message)
    assert list(reported) == list(range(100, 120))
    assert all(abs(reported[100 + n] - (10 + n * 0.005)) < 0.0006 for n in range(20))


def test_gaps_are_reported_lost_and_the_next_report_goes_on_after_them():
    arrivals = Arrivals()
    arrivals.heard(7, 1.0)
    arrivals.heard(10, 1.1)
    assert read(arrivals.feedback(1, 2)[0])[8] is None
    arrivals.heard(11, 1.2)
    assert list(read(arrivals.feedback(1, 2)[0])) == [11]


def test_silence_needs_no_report():
    arrivals = Arrivals()
    assert arrivals.feedback(1, 2) == []
    arrivals.heard(1, 1.0)
    assert len(arrivals.feedback(1, 2)) == 1
    assert arrivals.feedback(1, 2) == []


def test_reports_are_numbered():
    arrivals = Arrivals()
    numbers = []
    for number in range(300):
        arrivals.heard(number, number * 0.1)
        numbers.append(arrivals.feedback(1, 2)[0][19])
    assert numbers == [number & 0xFF for number in range(300)]


def test_sequence_wraps():
    arrivals = Arrivals()
    for number in range(65530, 65546):
        arrivals.heard(number & 0xFFFF, 1 + number / 10_000)
    assert list(read(arrivals.feedback(1, 2)[0])) == [number & 0xFFFF for number in range(65530, 65546)]
    arrivals.heard(10, 8.0)
    assert list(read(arrivals.feedback(1, 2)[0])) == [10]


def test_long_pause_begins_a_new_message():
    arrivals = Arrivals()
    arrivals.heard(1, 1.0)
    arrivals.heard(2, 20.0)
    first, second = arrivals.feedback(1, 2)
    assert (list(read(first)), list(read(second))) == ([1], [2])


def test_restart_of_the_numbering_is_followed():
    arrivals = Arrivals()
    arrivals.heard(5, 1.0)
    arrivals.feedback(1, 2)
    arrivals.heard(20_000, 2.0)
    assert list(read(arrivals.feedback(1, 2)[0])) == [20_000]


def test_a_burst_is_split_into_datagrams():
    arrivals = Arrivals()
    for number in range(2000):
        arrivals.heard(number, 1 + number * 1e-5)
    messages = arrivals.feedback(1, 2)
    assert len(messages) > 1
    assert all(len(message) < 1200 for message in messages)
    assert [number for message in messages for number in read(message)] == list(range(2000))


@given(st.lists(st.integers(0, 2), min_size=1, max_size=120))
def test_chunks_say_the_statuses_that_went_in(symbols):
    packed = twcc.chunks(symbols)
    assert statuses(packed, len(symbols)) == (symbols, len(packed))


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.05)), min_size=1, max_size=80),
)
def test_what_arrived_in_order_is_reported_as_it_came(first, steps):
    arrivals, sequence, now, expected = Arrivals(), first, 5.0, {}
    for skipped, pause in steps:
        sequence, now = (sequence + 1 + skipped) & 0xFFFF, now + pause
        arrivals.heard(sequence, now)
        expected[sequence] = now
    reported = {
        n: at for message in arrivals.feedback(1, 2) for n, at in read(message).items() if at is not None
    }
    assert reported.keys() == expected.keys()
    assert all(abs(reported[n] - at) < 0.0006 for n, at in expected.items())
