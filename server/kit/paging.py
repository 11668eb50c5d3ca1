"""Keyset paging: the cursor is the last id seen (UUIDv7: newest first), so a page costs the same at any depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from server.kit.problems import Invalid

PAGE = 50

T = TypeVar("T")
R = TypeVar("R")


class Page(msgspec.Struct, Generic[T]):
    items: list[T]
    next: str | None


def before(cursor: str | None) -> UUID | None:
    """The id that a cursor names; `None` starts at the newest. Raises `Invalid` (422)."""
    if not cursor:
        return None
    try:
        return UUID(cursor)
    except ValueError:
        raise Invalid(errors=[{"field": "cursor", "message": "not a cursor of ours"}]) from None


def page(rows: Sequence[R], shape: Callable[[R], T], key: Callable[[R], UUID], size: int = PAGE) -> Page[T]:
    """Shape up to `size` rows; callers query `size + 1` so that the last page is known without a count."""
    shown = rows[:size]
    return Page([shape(row) for row in shown], str(key(shown[-1])) if len(rows) > size else None)
