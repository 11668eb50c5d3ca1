"""Invariants as queries that list broken rows: an empty answer is the proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

Broken = dict[str, list[dict[str, Any]]]
"""Check name → the rows that break it."""


async def broken_rows(session: AsyncSession, queries: Mapping[str, str]) -> Broken:
    return {
        name: [dict(row) for row in (await session.execute(text(query))).mappings()]
        for name, query in queries.items()
    }
