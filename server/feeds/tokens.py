"""Tokens for the merchant's own tools: made by whoever sees a room's figures, good for its feed and nothing else."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts.models import Account
from server.feeds.models import FeedToken
from server.kit.paging import PAGE, before
from server.kit.problems import NotFound

MARK = "sff_"
"""Tells a feed's token from the staff's at a glance."""


async def issue(
    session: AsyncSession, room_id: UUID, account_id: UUID, name: str, days: int, now: datetime
) -> tuple[str, FeedToken]:
    """The token is told this once; what is kept is its hash."""
    token = MARK + secrets.token_urlsafe(32)
    row = FeedToken(
        token_hash=_hashed(token),
        room_id=room_id,
        account_id=account_id,
        name=name,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(row)
    await session.flush()
    return token, row


async def listing(
    session: AsyncSession, room_id: UUID, cursor: str | None, now: datetime
) -> Sequence[tuple[FeedToken, str]]:
    """(token, name of who made it): those that open the feed, newest first; one more than a page."""
    query = (
        select(FeedToken, col(Account.name))
        .join(Account, col(Account.id) == col(FeedToken.account_id))
        .where(FeedToken.room_id == room_id, *_good(now))
        .order_by(col(FeedToken.id).desc())
        .limit(PAGE + 1)
    )
    if last := before(cursor):
        query = query.where(col(FeedToken.id) < last)
    rows: Any = await session.exec(query)
    return [tuple(row) for row in rows.all()]


async def revoke(session: AsyncSession, room_id: UUID, token_id: UUID, now: datetime) -> None:
    """What it opened ends within half a minute. Harmless to repeat. Raises `NotFound`."""
    row = await session.get(FeedToken, token_id, with_for_update=True)
    if row is None or row.room_id != room_id:
        raise NotFound
    row.revoked_at = row.revoked_at or now
    await session.flush()


async def find(session: AsyncSession, token: str, now: datetime) -> FeedToken | None:
    if not token.startswith(MARK):
        return None
    query = select(FeedToken).where(col(FeedToken.token_hash) == _hashed(token), *_good(now))
    return (await session.exec(query)).first()


def _good(now: datetime) -> tuple[Any, ...]:
    return col(FeedToken.revoked_at).is_(None), col(FeedToken.expires_at) > now


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
