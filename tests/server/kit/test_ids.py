from __future__ import annotations

from datetime import timedelta

from server.kit.clock import utc_now
from server.kit.ids import first_id, uuid7


def test_ids_sort_between_the_first_of_their_moment_and_of_the_next():
    before = utc_now()
    made = uuid7()
    assert first_id(before) <= made < first_id(utc_now() + timedelta(milliseconds=1))
