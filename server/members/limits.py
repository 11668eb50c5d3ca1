"""How many guests, codes and orders one address may ask for: generous, for a phone network's customers share
addresses."""

from __future__ import annotations

import os

from server.kit.settings import Settings

GUESTS_PER_MINUTE = 600
GUESTS_PER_MINUTE_DEMO = 6_000
CODES_PER_HOUR = 60
CODES_PER_HOUR_DEMO = 1_000
ORDERS_PER_MINUTE = 600
ORDERS_PER_MINUTE_DEMO = 2_000


def guests_per_minute(settings: Settings) -> int:
    """`SHOWFLOOR_GUESTS_PER_MINUTE`, where it is set."""
    given = os.environ.get("SHOWFLOOR_GUESTS_PER_MINUTE", "")
    if given.isdecimal():
        return int(given)
    return GUESTS_PER_MINUTE_DEMO if settings.demo else GUESTS_PER_MINUTE


def codes_per_hour(settings: Settings) -> int:
    return CODES_PER_HOUR_DEMO if settings.demo else CODES_PER_HOUR


def orders_per_minute(settings: Settings) -> int:
    return ORDERS_PER_MINUTE_DEMO if settings.demo else ORDERS_PER_MINUTE
