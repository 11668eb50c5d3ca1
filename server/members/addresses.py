"""A member's address book: at most twenty, one of them the default, the last used one offered first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import name, optional, wrong
from server.kit.problems import Conflict, NotFound
from server.members import service
from server.members.models import MemberAddress

MOST = 20
LONGEST_NAME = 24
LONGEST_REGION = 40
LONGEST_DETAIL = 200


class TooManyAddresses(Conflict):
    """`most` may be kept."""

    slug, title = "too-many-addresses", "Delete an address that is not used any more first"


class Draft(msgspec.Struct, frozen=True):
    name: str
    phone: str
    province: str
    city: str
    district: str
    detail: str
    is_default: bool


def phone(typed: str) -> str:
    """What a courier calls: a mobile or a landline, as people write it. Raises `Invalid` (422)."""
    plain = re.sub(r"[\s()]", "", unicodedata.normalize("NFKC", typed))
    if not re.fullmatch(r"\+?\d[\d-]{5,18}\d", plain, re.ASCII):
        raise wrong("phone", "a phone number")
    return plain


def _fields(draft: Draft) -> dict[str, str]:
    """Clean values. Raises `Invalid` (422)."""
    return {
        "name": name(draft.name, "name", LONGEST_NAME),
        "phone": phone(draft.phone),
        "province": name(draft.province, "province", LONGEST_REGION),
        "city": name(draft.city, "city", LONGEST_REGION),
        "district": optional(draft.district, "district", LONGEST_REGION),
        "detail": name(draft.detail, "detail", LONGEST_DETAIL),
    }


async def listing(session: AsyncSession, member_id: UUID) -> Sequence[MemberAddress]:
    """Last used first."""
    asked = select(MemberAddress).where(MemberAddress.member_id == member_id)
    return (
        await session.exec(asked.order_by(col(MemberAddress.used_at).desc(), col(MemberAddress.id)))
    ).all()


async def add(session: AsyncSession, member_id: UUID, draft: Draft, now: datetime) -> MemberAddress:
    """The first one is the default; one that is there already is not added again. Raises `TooManyAddresses` (409),
    `Invalid` (422)."""
    fields = _fields(draft)
    member_id = await _locked(session, member_id)
    before = await listing(session, member_id)
    for same in before:
        if all(getattr(same, field) == value for field, value in fields.items()):
            return await change(session, member_id, same.id, draft)
    if len(before) >= MOST:
        raise TooManyAddresses(most=MOST)
    is_default = draft.is_default or not before
    if is_default:
        await _no_default(session, member_id)
    values: dict[str, Any] = {"member_id": member_id, "is_default": is_default, "used_at": now, **fields}
    address = MemberAddress(**values)
    session.add(address)
    await session.flush()
    return address


async def change(session: AsyncSession, member_id: UUID, address_id: UUID, draft: Draft) -> MemberAddress:
    """All of it anew. The default stays one until another takes its place. Raises `NotFound`, `Invalid` (422)."""
    fields = _fields(draft)
    member_id = await _locked(session, member_id)
    address = await _own(session, member_id, address_id)
    if draft.is_default and not address.is_default:
        await _no_default(session, member_id)
        address.is_default = True
    for field, value in fields.items():
        setattr(address, field, value)
    await session.flush()
    return address


async def delete(session: AsyncSession, member_id: UUID, address_id: UUID) -> None:
    """After the default goes, the last used one is it. Raises `NotFound`."""
    member_id = await _locked(session, member_id)
    address = await _own(session, member_id, address_id)
    await session.delete(address)
    await session.flush()
    if address.is_default and (rest := await listing(session, member_id)):
        rest[0].is_default = True
        await session.flush()


async def use(session: AsyncSession, member_id: UUID, address_id: UUID, now: datetime) -> MemberAddress:
    """For an order, which keeps a copy of its own. Raises `NotFound`."""
    address = await _own(session, member_id, address_id)
    address.used_at = now
    await session.flush()
    return address


async def move(session: AsyncSession, guest_id: UUID, member_id: UUID) -> None:
    """A guest's addresses become the member's, whose default stays; what the member has already goes."""
    values = {"guest": guest_id, "member": member_id}
    await session.execute(
        text(
            """
            DELETE FROM member_address g USING member_address m
            WHERE g.member_id = :guest AND m.member_id = :member
              AND (g.name, g.phone, g.province, g.city, g.district, g.detail)
                = (m.name, m.phone, m.province, m.city, m.district, m.detail)
            """
        ),
        values,
    )
    await session.execute(
        text(
            """
            UPDATE member_address g SET member_id = :member, is_default = g.is_default AND NOT EXISTS (
                SELECT 1 FROM member_address m WHERE m.member_id = :member AND m.is_default)
            WHERE g.member_id = :guest
            """
        ),
        values,
    )


async def _locked(session: AsyncSession, member_id: UUID) -> UUID:
    """The present member; one act on a book at a time, so that its bounds hold."""
    member_id = await service.present_id(session, member_id)
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"addresses:{member_id}"}
    )
    return member_id


async def _own(session: AsyncSession, member_id: UUID, address_id: UUID) -> MemberAddress:
    address = await session.get(MemberAddress, address_id)
    if address is None or address.member_id != member_id:
        raise NotFound
    return address


async def _no_default(session: AsyncSession, member_id: UUID) -> None:
    await session.execute(
        update(MemberAddress)
        .where(col(MemberAddress.member_id) == member_id, col(MemberAddress.is_default))
        .values(is_default=False)
    )
