"""Time is passed in: rules take `now`, services take a `Clock`, tests hand over their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

Clock = Callable[[], datetime]

SHOP_ZONE = timezone(timedelta(hours=8))
"""Where the shop's day begins."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def day_begins(day: date) -> datetime:
    """The shop's midnight before that day."""
    return datetime.combine(day, time(), SHOP_ZONE)
