"""A brand's policy, version after version; what was touched and ordered before keeps the one of its time."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.models import AttributionPolicy
from server.attribution.policy import Policy, must_be_lawful
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.problems import Conflict, Forbidden

MOST_SHOWN = 100


class PolicyChanged(Conflict):
    """`version` is the one in force."""

    slug, title = "policy-changed", "Somebody changed the policy meanwhile; look at it again"


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """Version 0 is what holds until a brand writes its own: `by` and `at` are null."""

    version: int
    policy: Policy
    by: str | None
    at: datetime | None


class NewPolicy(msgspec.Struct, forbid_unknown_fields=True):
    """`follows`: the version that the change was made on."""

    follows: int
    policy: Policy


_VERSIONS = """
    SELECT p.version, p.settings, p.at, a.name AS by_name
    FROM attribution_policy p LEFT JOIN account a ON a.id = p.by_id
    WHERE p.brand_id = :brand_id ORDER BY p.version DESC LIMIT :most
"""


async def _read(session: AsyncSession, brand_id: UUID, most: int) -> list[PolicyView]:
    rows = await session.execute(text(_VERSIONS), {"brand_id": brand_id, "most": most})
    return [_view(row) for row in rows]


def _view(row: Any) -> PolicyView:
    return PolicyView(
        version=row.version, policy=msgspec.convert(row.settings, Policy), by=row.by_name, at=row.at
    )


UNWRITTEN = PolicyView(version=0, policy=Policy(), by=None, at=None)


async def current(session: AsyncSession, staff: Principal) -> PolicyView:
    """Raises `Forbidden` for who is not of headquarters."""
    if not staff.is_headquarters:
        raise Forbidden
    found = await _read(session, staff.brand_id, 1)
    return found[0] if found else UNWRITTEN


async def versions(session: AsyncSession, staff: Principal) -> list[PolicyView]:
    """Newest first, down to the one that nobody wrote. Raises `Forbidden`."""
    if not staff.is_headquarters:
        raise Forbidden
    return [*await _read(session, staff.brand_id, MOST_SHOWN), UNWRITTEN]


async def change(session: AsyncSession, staff: Principal, new: NewPolicy, now: datetime) -> PolicyView:
    """Write the next version, which holds for what is touched and ordered from now on; the same settings again write
    none. Raises `Forbidden`, `TooManyLevels`, `RatesAboveWhole` (422), `PolicyChanged` (409)."""
    if staff.role is not Role.OWNER:
        raise Forbidden
    must_be_lawful(new.policy)
    held = await current(session, staff)
    if held.version != new.follows:
        raise PolicyChanged(version=held.version)
    if held.policy == new.policy:
        return held
    row = await session.execute(
        insert(AttributionPolicy)
        .values(
            id=uuid7(),
            brand_id=staff.brand_id,
            version=held.version + 1,
            settings=msgspec.to_builtins(new.policy),
            by_id=staff.id,
            at=now,
        )
        .on_conflict_do_nothing(index_elements=["brand_id", "version"])
        .returning(col(AttributionPolicy.id))
    )
    if row.scalar_one_or_none() is None:
        raise PolicyChanged(version=(await current(session, staff)).version)
    return await current(session, staff)
