"""Money is an integer of minor units (fen, cents). Nothing here ever holds a float."""

from __future__ import annotations

from typing import Annotated

import msgspec

MAX_MINOR = 10_000_000_00
"""Largest single amount accepted from outside: ten million yuan."""

PriceMinor = Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)]
PositiveMinor = Annotated[int, msgspec.Meta(ge=1, le=MAX_MINOR)]


def share(amount_minor: int, part_minor: int, whole_minor: int) -> int:
    """`amount_minor * part/whole`, rounded down; exact when the part is the whole.

    For running totals: give the new total and subtract what was booked, so that the parts sum to the whole.
    """
    return amount_minor * part_minor // whole_minor if whole_minor else 0


def shown_money(minor: int) -> str:
    """As a page says it: ¥1,299, ¥29.90."""
    yuan, fen = divmod(minor, 100)
    return f"¥{yuan:,}" if not fen else f"¥{yuan:,}.{fen:02}"
