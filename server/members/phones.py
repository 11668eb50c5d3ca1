"""A phone number makes a guest a member: the code that proves it, and what becomes of the guest."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import and_, func, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import name as clean_name
from server.kit.database import Database
from server.kit.facts import record
from server.kit.problems import Gone, Problem, TooMany
from server.members import rules
from server.members.facts import MembersMerged, PhoneProved
from server.members.models import Member, PhoneCode
from server.members.sms import Sms

PHONE_LOCK = 0x5F0C_0300
CODES_AN_HOUR = 10
"""To one number, whoever asks for them."""


class WrongCode(Problem):
    """`tries_left` more can be made with this code."""

    status, slug, title = 422, "wrong-code", "That code is wrong"


class CodeExpired(Gone):
    slug, title = "code-expired", "Ask for a new code"


class SignedInByPhone(msgspec.Struct, frozen=True):
    member: Member
    merged: bool


async def send_code(
    session: AsyncSession,
    sms: Sms,
    secret: str,
    brand_id: UUID,
    phone: str,
    now: datetime,
    *,
    an_hour: int = CODES_AN_HOUR,
) -> str:
    """The code that was sent; earlier ones are void. Raises `TooMany` (429) when asked again too soon."""
    await _one_at_a_time(session, brand_id, phone)
    asked = (
        select(PhoneCode)
        .where(
            col(PhoneCode.brand_id) == brand_id,
            col(PhoneCode.phone) == phone,
            col(PhoneCode.created_at) > now - timedelta(hours=1),
        )
        .order_by(col(PhoneCode.id).desc())
    )
    sent = (await session.exec(asked)).all()
    if (
        sent
        and sent[0].used_at is None
        and (wait := sent[0].created_at + rules.RESEND_AFTER - now) > timedelta()
    ):
        raise TooMany(retry_after_s=-(-wait // timedelta(seconds=1)))
    if len(sent) >= an_hour:
        raise TooMany(retry_after_s=3600)
    code = rules.fresh_code()
    session.add(
        PhoneCode(
            brand_id=brand_id,
            phone=phone,
            code_hash=rules.code_hash(secret, phone, code),
            created_at=now,
            expires_at=now + rules.CODE_TTL,
        )
    )
    await session.flush()
    await sms.send_code(phone, code)
    return code


async def check_code(
    database: Database, secret: str, brand_id: UUID, phone: str, code: str, now: datetime
) -> UUID:
    """The id of the code, still to be used up. A try is counted before the code is compared, in a transaction of its
    own, so that neither a refusal nor guesses side by side get it back.

    Raises `WrongCode` (422), and `CodeExpired` (410) after 5 minutes, 5 tries, or use.
    """
    newest = (
        select(PhoneCode.id)
        .where(col(PhoneCode.brand_id) == brand_id, col(PhoneCode.phone) == phone)
        .order_by(col(PhoneCode.id).desc())
        .limit(1)
        .scalar_subquery()
    )
    take_try = (
        update(PhoneCode)
        .where(
            col(PhoneCode.id) == newest,
            col(PhoneCode.used_at).is_(None),
            col(PhoneCode.tries) < rules.CODE_TRIES,
            col(PhoneCode.expires_at) > now,
        )
        .values(tries=col(PhoneCode.tries) + 1)
        .returning(col(PhoneCode.id), col(PhoneCode.code_hash), col(PhoneCode.tries))
    )
    async with database.transaction() as session:
        row = (await session.execute(take_try)).one_or_none()
    if row is None:
        raise CodeExpired
    code_id, expected, tries = row
    if not rules.is_code(expected, secret, phone, code):
        raise WrongCode(tries_left=rules.CODE_TRIES - tries)
    return code_id  # type: ignore[no-any-return]


async def use_code(session: AsyncSession, code_id: UUID, now: datetime) -> None:
    """In the transaction of what it proves. Raises `CodeExpired` (410) for the second of two."""
    used = await session.execute(
        update(PhoneCode)
        .where(col(PhoneCode.id) == code_id, col(PhoneCode.used_at).is_(None))
        .values(used_at=now)
        .returning(col(PhoneCode.id))
    )
    if used.scalar_one_or_none() is None:
        raise CodeExpired


async def settle(
    session: AsyncSession, brand_id: UUID, phone: str, guest_id: UUID | None, name: str | None = None
) -> SignedInByPhone:
    """Who has this proved number: the member known by it, who takes the guest in; else the guest, now a member; else a
    new member. A caller who is a member already by another number is left alone: that is another person's phone.

    One member has a number in a brand, whoever proves it at the same time.
    """
    await _one_at_a_time(session, brand_id, phone)
    known, guest = await _locked(session, brand_id, phone, guest_id)
    if known is not None:
        if guest is not None:
            await _merge(session, guest, known)
        return SignedInByPhone(known, merged=guest is not None)
    member = guest or Member(brand_id=brand_id, name=rules.name_of_phone(phone))
    if guest is None and name is not None:
        member.name = clean_name(name)
    member.phone = phone
    session.add(member)
    await session.flush()
    await record(session, PhoneProved(brand_id=brand_id, member_id=member.id))
    return SignedInByPhone(member, merged=False)


async def _merge(session: AsyncSession, guest: Member, member: Member) -> None:
    guest.merged_into = member.id
    await session.flush()
    await record(session, MembersMerged(brand_id=member.brand_id, guest_id=guest.id, member_id=member.id))


async def _locked(
    session: AsyncSession, brand_id: UUID, phone: str, guest_id: UUID | None
) -> tuple[Member | None, Member | None]:
    """Who is known by the number, and the guest. Both locked so that no row is being written with a key to either
    (FOR UPDATE waits for foreign keys' locks), in the order of their ids so that two merges can't wait for each other.
    """
    asked = (
        select(Member)
        .where(
            col(Member.brand_id) == brand_id,
            col(Member.merged_into).is_(None),
            or_(
                col(Member.phone) == phone,
                and_(col(Member.id) == guest_id, col(Member.phone).is_(None)),
            ),
        )
        .order_by(col(Member.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = (await session.exec(asked)).all()
    known = next((member for member in found if member.phone is not None), None)
    return known, next((member for member in found if member.phone is None), None)


async def _one_at_a_time(session: AsyncSession, brand_id: UUID, phone: str) -> None:
    await session.execute(
        select(func.pg_advisory_xact_lock(PHONE_LOCK, func.hashtext(f"{brand_id} {phone}")))
    )
