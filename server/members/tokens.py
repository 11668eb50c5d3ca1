"""Members' tokens: signed, without a session table, so that a crowd of guests costs no write but their own row."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import msgspec
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from server.kit.database import Database
from server.kit.principal import Principal, Role
from server.kit.tokens import BadToken, Signer
from server.members.models import Member

TTL = timedelta(days=180)
FRESH = timedelta(seconds=30)
"""For so long another process may not know of a new name or of a merge."""
REMEMBERED = 50_000


class Known(msgspec.Struct, frozen=True):
    """`member_id` is whom a token stands for now: a merged guest's stands for the member."""

    member_id: UUID
    brand_id: UUID
    name: str


class Bearer(msgspec.Struct, frozen=True):
    """Whom a token was issued to; a guest may have been merged since."""

    member_id: UUID
    brand_id: UUID


class MemberTokens:
    """Issues and reads the tokens of one installation; remembers who they belong to."""

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, "member")
        self._known: OrderedDict[UUID, tuple[datetime, Known]] = OrderedDict()

    def issue(self, member: Member, now: datetime) -> str:
        self._remember(member.id, Known(member.id, member.brand_id, member.name), now)
        claims = {"sub": str(member.id), "brand": str(member.brand_id)}
        return self._signer.issue(claims, now, TTL)

    def forget(self, member_id: UUID) -> None:
        """After a change, so that this process knows of it at once."""
        self._known.pop(member_id, None)

    def bearer(self, token: str, now: datetime) -> Bearer | None:
        """What the token says by itself; `None` when it is forged or over, or older than its saying so."""
        try:
            claims = self._signer.read(token, now)
            return Bearer(UUID(claims["sub"]), UUID(claims["brand"]))
        except (BadToken, KeyError, ValueError):
            return None

    async def authenticate(self, database: Database, token: str, now: datetime) -> Principal | None:
        try:
            member_id = UUID(self._signer.read(token, now)["sub"])
        except (BadToken, KeyError, ValueError):
            return None
        known = await self._who(database, member_id, now)
        if known is None:
            return None
        return Principal(
            kind="member", id=known.member_id, brand_id=known.brand_id, role=Role.MEMBER, name=known.name
        )

    async def _who(self, database: Database, member_id: UUID, now: datetime) -> Known | None:
        fresh_until, known = self._known.get(member_id, (now, None))
        if known is not None and fresh_until > now:
            return known
        found = await _load(database, member_id)
        if found is not None:
            self._remember(member_id, found, now)
        return found

    def _remember(self, member_id: UUID, known: Known, now: datetime) -> None:
        self._known.pop(member_id, None)
        self._known[member_id] = (now + FRESH, known)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


@lru_cache(maxsize=8)
def member_tokens(secret: str) -> MemberTokens:
    """This process's own for an installation."""
    return MemberTokens(secret)


async def _load(database: Database, member_id: UUID) -> Known | None:
    merged = aliased(Member)
    asked = (
        select(
            func.coalesce(col(merged.id), col(Member.id)),
            col(Member.brand_id),
            func.coalesce(col(merged.name), col(Member.name)),
        )
        .outerjoin(merged, col(merged.id) == col(Member.merged_into))
        .where(col(Member.id) == member_id)
    )
    async with database.transaction() as session:
        row = (await session.exec(asked)).first()
    return Known(*row) if row else None
