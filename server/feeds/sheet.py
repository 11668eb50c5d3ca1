"""What is exported, as a table for people (CSV) or line by line for programs (JSON Lines)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from server.feeds.export import Happened
from server.kit.sheets import harmless

CHUNK = 32 * 1024
"""Characters gathered before they are sent."""

COLUMNS = (
    *("kind", "id", "at", "member_id", "name"),
    *("role", "text", "reply_to", "deleted_at"),
    *("store_id", "store", "guide_id", "guide", "link_id"),
    *("gift", "quantity", "amount_minor"),
    *("number", "status", "paid_at", "refunded_minor", "sale_id", "items"),
)
"""In this order for good: new ones come at the end."""

BOM = "\ufeff"  # without it Excel takes UTF-8 for the system's own code page
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8"}


async def as_jsonl(rows: AsyncIterator[Happened]) -> AsyncIterator[bytes]:
    """One object a line, with the fields of its kind."""
    gathered = bytearray()
    async for row in rows:
        gathered += msgspec.json.encode(row) + b"\n"
        if len(gathered) >= CHUNK:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


async def as_csv(rows: AsyncIterator[Happened]) -> AsyncIterator[bytes]:
    """RFC 4180, with a header; fields that a kind doesn't have are empty."""
    gathered = io.StringIO()
    writer = csv.writer(gathered)
    gathered.write(BOM)
    writer.writerow(COLUMNS)
    async for row in rows:
        fields = (getattr(row, column, None) for column in COLUMNS[1:])
        writer.writerow([row.__struct_config__.tag, *map(_cell, fields)])
        if gathered.tell() >= CHUNK:
            yield gathered.getvalue().encode()
            gathered.seek(0)
            gathered.truncate()
    yield gathered.getvalue().encode()


def _cell(value: Any) -> str | int | None:
    match value:
        case list():
            return harmless("; ".join(f"{item.title} x {item.quantity}" for item in value))
        case datetime() | UUID():
            return str(msgspec.to_builtins(value))
        case str():
            return harmless(value)
        case int():
            return value
        case _:
            return None


def disposition(title: str, at: datetime, form: str) -> str:
    """RFC 6266: the room's title for whoever can read it, for others a name in ASCII."""
    day = f"{at:%Y%m%d-%H%M%S}"
    named = re.sub(r"[^\w]+", "-", title).strip("-_")[:60] or "room"
    titled = quote(f"{named}-{day}.{form}")
    return f"attachment; filename=\"showfloor-{day}.{form}\"; filename*=UTF-8''{titled}"
