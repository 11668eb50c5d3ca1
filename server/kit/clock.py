"""Time is passed in: rules take `now`, services take a `Clock`, tests hand over their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

Clock = Callable[[], datetime]

SHOP_ZONE = timezone(timedelta(hours=8))
"""Where the shop's day begins."""


def utc_now() -> datetime:
    return datetime.now(UTC)
