"""Staff: who they are, their sessions, and the link that makes the first owner."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import and_, delete, func, not_, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import passwords, rules
from server.accounts.models import Account, OwnerInvitation, StaffSession
from server.brands import service as brands
from server.brands.names import clean, name, wrong
from server.catalog import pictures
from server.catalog import service as catalog
from server.kit.database import Database
from server.kit.paging import PAGE, before
from server.kit.principal import OUTSIDE_GUIDES, STORE_STAFF, Principal, Role
from server.kit.problems import Conflict, Forbidden, Gone, NotFound, Problem
from server.kit.settings import Settings
from server.members.rules import phone
from server.stores import service as stores

COOKIE = "showfloor_staff"
SESSION_TTL = timedelta(days=14)
TOKEN_MARK = "sfs_"  # noqa: S105  tells a staff token from a member's at a glance
FACE_EDGE = 400
OWNER_SETUP_LOCK = 0x5F0C_0100


class WrongPassword(Problem):
    """The same for an unknown login, a wrong password and a disabled account."""

    status, slug, title = 401, "wrong-password", "Login or password is wrong"


class LoginTaken(Conflict):
    slug, title = "login-taken", "Somebody else signs in with this login"


class NotYourself(Conflict):
    slug, title = "not-yourself", "Somebody else has to do this to your account"


class LastOwner(Conflict):
    slug, title = "last-owner", "A brand keeps at least one owner"


class SetupLinkEnded(Gone):
    slug, title = "setup-link-ended", "This link was used, or a newer one was made"


class PhoneTaken(Conflict):
    slug, title = "phone-taken", "Somebody else of this brand has this phone"


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A login with its password, a phone, or both."""

    name: str
    role: Role
    login: str | None = None
    password: str | None = None
    phone: str | None = None
    store_id: UUID | None = None


class AccountChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out stays."""

    name: str | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    store_id: UUID | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """`query`: a part of a name, the beginning of a login, or the end of a phone number. `place`: who has a store, who
    is headquarters', or who is neither's."""

    query: str = ""
    store_id: UUID | None = None
    region_id: UUID | None = None
    role: Role | None = None
    place: Literal["stores", "headquarters", "outside"] | None = None


# Accounts


async def create_account(session: AsyncSession, brand_id: UUID, new: NewAccount) -> Account:
    """Raises `Invalid` (422), `LoginTaken` and `PhoneTaken` (409); asks nobody's leave."""
    rules.must_fit(new.role, new.store_id)
    if not rules.has_way_in(new.login, new.password is not None, new.phone):
        raise wrong("login", "a login with its password, a phone, or both")
    if new.store_id is not None:
        await stores.open_store(session, brand_id, new.store_id)
    account = Account(
        brand_id=brand_id,
        store_id=new.store_id,
        login=None if new.login is None else rules.login(new.login),
        phone=None if new.phone is None else phone(new.phone),
        name=name(new.name),
        role=new.role.value,
        password_hash=(
            None if new.password is None else await passwords.hash_password(rules.password(new.password))
        ),
    )
    made = await session.execute(
        insert(Account).values(**account.model_dump()).on_conflict_do_nothing().returning(col(Account.id))
    )
    if made.scalar_one_or_none() is None:
        if account.phone is not None and await with_phone(session, brand_id, account.phone) is not None:
            raise PhoneTaken
        raise LoginTaken(login=account.login)
    return await get(session, brand_id, account.id)


async def with_phone(session: AsyncSession, brand_id: UUID, number: str) -> Account | None:
    """`number` in E.164; also a disabled one."""
    asked = select(Account).where(col(Account.brand_id) == brand_id, col(Account.phone) == number)
    return (await session.exec(asked)).first()


async def hire(session: AsyncSession, actor: Principal, new: NewAccount) -> Account:
    """`create_account` where the actor's role may. Raises `Forbidden` (403)."""
    if not rules.may_manage(actor.role, new.role):
        raise Forbidden
    return await create_account(session, actor.brand_id, new)


async def change(session: AsyncSession, actor: Principal, account_id: UUID, to: AccountChanges) -> Account:
    """Another name, role, store or phone, from the next request on; what was earned at the old store stays there.
    Another phone ends the sessions: whoever has the old one is out.

    Raises `Forbidden` where the actor may not manage the old or the new role, `NotYourself` for the own role,
    `LastOwner` and `PhoneTaken` (409), `Invalid` (422) for a role without its store, and for taking the only way in.
    """
    account = await _managed(session, actor, account_id)
    role = Role(account.role) if to.role is UNSET else to.role
    store_id = account.store_id if to.store_id is UNSET else to.store_id
    rules.must_fit(role, store_id)
    if role != account.role:
        if not rules.may_manage(actor.role, role):
            raise Forbidden
        await _may_leave_role(session, actor, account)
    if store_id is not None and store_id != account.store_id:
        await stores.open_store(session, actor.brand_id, store_id)
    account.role, account.store_id = role.value, store_id
    if to.name is not UNSET:
        account.name = name(to.name)
    if to.phone is not UNSET:
        await _set_phone(session, account, to.phone)
    await session.flush()
    return account


async def set_face(
    session: AsyncSession, actor: Principal, account_id: UUID, picture: bytes | None
) -> Account:
    """The own one, or that of somebody whom the actor manages; a picture file's bytes, or none. Raises `NotFound`,
    `Forbidden`, `UnreadablePicture` (422)."""
    own = account_id == actor.id
    account = await (
        get(session, actor.brand_id, account_id) if own else _managed(session, actor, account_id)
    )
    if picture is None:
        account.face = None
    else:
        sha256, webp = await pictures.prepare(picture, FACE_EDGE)
        await catalog.keep_picture(session, sha256, webp)
        account.face = sha256
    await session.flush()
    return account


async def _set_phone(session: AsyncSession, account: Account, typed: str | None) -> None:
    number = None if typed is None else phone(typed)
    if number == account.phone:
        return
    if not rules.has_way_in(account.login, account.password_hash is not None, number):
        raise wrong("phone", "somebody without a password needs a phone")
    if number is not None and await with_phone(session, account.brand_id, number) is not None:
        raise PhoneTaken
    if account.phone is not None:
        await end_sessions(session, account.id)
    account.phone = number
    try:
        await session.flush()
    except IntegrityError:  # somebody took it in this moment
        raise PhoneTaken from None


async def disable(session: AsyncSession, actor: Principal, account_id: UUID, now: datetime) -> Account:
    """Ends the account's sessions too. Raises `NotYourself` and `LastOwner` (409)."""
    account = await _managed(session, actor, account_id)
    await _may_leave_role(session, actor, account)
    account.disabled_at = account.disabled_at or now
    await end_sessions(session, account.id)
    await session.flush()
    return account


async def enable(session: AsyncSession, actor: Principal, account_id: UUID) -> Account:
    account = await _managed(session, actor, account_id)
    account.disabled_at = None
    await session.flush()
    return account


async def reset_password(session: AsyncSession, actor: Principal, account_id: UUID, password: str) -> None:
    """Of staff whom the actor manages; ends all their sessions. The own one needs `change_password`."""
    account = await _managed(session, actor, account_id)
    if account.id == actor.id:
        raise NotYourself
    if account.login is None:
        raise wrong("password", "without a login there is no password; they come in by phone")
    account.password_hash = await passwords.hash_password(rules.password(password))
    await end_sessions(session, account.id)
    await session.flush()


async def listing(
    session: AsyncSession, brand_id: UUID, asked: Filter | None = None, cursor: str | None = None
) -> Sequence[Account]:
    """A page and one more, newest first."""
    asked = asked or Filter()
    found = select(Account).where(col(Account.brand_id) == brand_id)
    if asked.store_id is not None:
        found = found.where(col(Account.store_id) == asked.store_id)
    if asked.region_id is not None:
        found = found.where(
            col(Account.store_id).in_(await stores.ids_in_region(session, brand_id, asked.region_id))
        )
    if asked.role is not None:
        found = found.where(col(Account.role) == asked.role.value)
    if asked.place == "stores":
        found = found.where(col(Account.store_id).is_not(None))
    elif asked.place is not None:
        outside = col(Account.role).in_([role.value for role in OUTSIDE_GUIDES])
        found = found.where(
            outside if asked.place == "outside" else and_(not_(outside), col(Account.store_id).is_(None))
        )
    if words := clean(asked.query):
        digits = "".join(c for c in words if c.isdecimal())
        ways = [
            col(Account.name).icontains(words, autoescape=True),
            col(Account.login).istartswith(words, autoescape=True),
        ]
        if len(digits) >= 4 and not words.strip("+0123456789 -()"):
            ways.append(col(Account.phone).endswith(digits, autoescape=True))
        found = found.where(or_(*ways))
    if last := before(cursor):
        found = found.where(col(Account.id) < last)
    return (await session.exec(found.order_by(col(Account.id).desc()).limit(PAGE + 1))).all()


async def staff_of_store(session: AsyncSession, brand_id: UUID, store_id: UUID) -> Sequence[Account]:
    """The store's manager and guides who may sign in, by name."""
    asked = select(Account).where(
        col(Account.brand_id) == brand_id,
        col(Account.store_id) == store_id,
        col(Account.role).in_([role.value for role in STORE_STAFF]),
        col(Account.disabled_at).is_(None),
    )
    return (await session.exec(asked.order_by(col(Account.name), col(Account.id)))).all()


async def get(session: AsyncSession, brand_id: UUID, account_id: UUID) -> Account:
    """Raises `NotFound` (404)."""
    account = await session.get(Account, account_id)
    if account is None or account.brand_id != brand_id:
        raise NotFound
    return account


# Sessions


async def sign_in(
    database: Database, login: str, password: str, now: datetime, *, ending: str | None = None
) -> tuple[str, Account]:
    """A new token each time; the session that came with the request (`ending`) is over.

    Holds no connection while the password is being checked. Raises `WrongPassword` (401).
    """
    async with database.transaction() as session:
        found = await _by_login(session, login)
    checked, fresh_hash = await _check(found, password)
    async with database.transaction() as session:
        account = await _as_checked(session, checked)
        if fresh_hash:
            account.password_hash = fresh_hash
        if ending:
            await end_session(session, ending)
        await session.execute(
            delete(StaffSession).where(
                col(StaffSession.account_id) == account.id, col(StaffSession.expires_at) <= now
            )
        )
        return await issue_session(session, account, now, SESSION_TTL), account


async def change_password(
    database: Database, staff: Principal, current: str, password: str, now: datetime
) -> tuple[str, Account]:
    """The own one. Ends every session of the account and begins a new one. Raises `WrongPassword` (401)."""
    fresh = rules.password(password)
    async with database.transaction() as session:
        found = await get(session, staff.brand_id, staff.id)
    checked, _ = await _check(found, current)
    fresh_hash = await passwords.hash_password(fresh)
    async with database.transaction() as session:
        account = await _as_checked(session, checked)
        account.password_hash = fresh_hash
        await end_sessions(session, account.id)
        return await issue_session(session, account, now, SESSION_TTL), account


async def choose_password(
    database: Database, staff: Principal, login: str, password: str, now: datetime
) -> tuple[str, Account]:
    """A first login and password beside the phone. The other sessions end. Raises `LoginTaken` (409), and
    `WrongPassword` (401) for who has one already."""
    kept, fresh_hash = rules.login(login), await passwords.hash_password(rules.password(password))
    async with database.transaction() as session:
        asked = select(Account).where(col(Account.id) == staff.id).with_for_update(key_share=True)
        account = (await session.exec(asked)).one()
        if account.password_hash is not None or account.disabled_at is not None:
            raise WrongPassword
        account.login, account.password_hash = kept, fresh_hash
        try:
            await session.flush()
        except IntegrityError:
            raise LoginTaken(login=kept) from None
        await end_sessions(session, account.id)
        return await issue_session(session, account, now, SESSION_TTL), account


async def issue_session(session: AsyncSession, account: Account, now: datetime, ttl: timedelta) -> str:
    """An opaque token, of which only the hash is kept."""
    token = TOKEN_MARK + secrets.token_urlsafe(32)
    session.add(
        StaffSession(token_hash=_hashed(token), account_id=account.id, created_at=now, expires_at=now + ttl)
    )
    await session.flush()
    return token


async def end_session(session: AsyncSession, token: str) -> None:
    await session.execute(delete(StaffSession).where(col(StaffSession.token_hash) == _hashed(token)))


async def end_sessions(session: AsyncSession, account_id: UUID) -> None:
    await session.execute(delete(StaffSession).where(col(StaffSession.account_id) == account_id))


async def authenticate(session: AsyncSession, token: str, now: datetime) -> Principal | None:
    """Whose token it is; `None` for one that is unknown, over, or of a disabled account."""
    if not token.startswith(TOKEN_MARK):
        return None
    asked = (
        select(Account)
        .join(StaffSession, col(StaffSession.account_id) == col(Account.id))
        .where(
            col(StaffSession.token_hash) == _hashed(token),
            col(StaffSession.expires_at) > now,
            col(Account.disabled_at).is_(None),
        )
    )
    account = (await session.exec(asked)).first()
    return principal_of(account) if account else None


async def enabled(session: AsyncSession, account_id: UUID) -> Principal | None:
    """Of staff whose account still stands."""
    account = await session.get(Account, account_id)
    return principal_of(account) if account and account.disabled_at is None else None


def principal_of(account: Account) -> Principal:
    return Principal(
        kind="staff",
        id=account.id,
        brand_id=account.brand_id,
        role=Role(account.role),
        name=account.name,
        store_id=account.store_id,
    )


# The first owner


async def owner_setup_link(session: AsyncSession, settings: Settings) -> str | None:
    """A fresh one-time link while there is no owner; earlier ones end with it. `None` once there is an owner."""
    await _one_setup_at_a_time(session)
    if await _has_owner(session):
        return None
    token = secrets.token_urlsafe(24)
    await session.execute(delete(OwnerInvitation).where(col(OwnerInvitation.used_at).is_(None)))
    session.add(OwnerInvitation(token_hash=_hashed(token)))
    await session.flush()
    return f"{settings.base_url}/setup/{token}"


async def set_up(
    session: AsyncSession, token: str, brand_name: str, store_name: str, owner: NewAccount, now: datetime
) -> Account:
    """The installation's brand, its first store and its owner, by the one-time link.

    Raises `SetupLinkEnded` (410), also for the second of two who use the link at once.
    """
    await _one_setup_at_a_time(session)
    used = await session.execute(
        update(OwnerInvitation)
        .where(col(OwnerInvitation.token_hash) == _hashed(token), col(OwnerInvitation.used_at).is_(None))
        .values(used_at=now)
        .returning(col(OwnerInvitation.id))
    )
    if used.scalar_one_or_none() is None or await _has_owner(session):
        raise SetupLinkEnded
    brand = await brands.create(session, brand_name)
    await stores.create(session, brand.id, store_name, code="1")
    return await create_account(session, brand.id, owner)


# Within


async def _managed(session: AsyncSession, actor: Principal, account_id: UUID) -> Account:
    account = await get(session, actor.brand_id, account_id)
    if not rules.may_manage(actor.role, Role(account.role)):
        raise Forbidden
    return account


async def _may_leave_role(session: AsyncSession, actor: Principal, account: Account) -> None:
    if account.id == actor.id:
        raise NotYourself
    if account.role == Role.OWNER and await _owners_left(session, account) == 0:
        raise LastOwner


async def _owners_left(session: AsyncSession, but: Account) -> int:
    """Enabled owners besides this one; all of them stay locked, so that two can't disable each other at once."""
    asked = (
        select(Account)
        .where(
            col(Account.brand_id) == but.brand_id,
            col(Account.role) == Role.OWNER.value,
            col(Account.disabled_at).is_(None),
        )
        .order_by(col(Account.id))
        .with_for_update()
    )
    return sum(owner.id != but.id for owner in (await session.exec(asked)).all())


async def _by_login(session: AsyncSession, login: str) -> Account | None:
    kept = rules.normal_login(login)
    return (await session.exec(select(Account).where(col(Account.login) == kept))).first()


async def _check(account: Account | None, password: str) -> tuple[Account, str | None]:
    """Raises `WrongPassword`. With a new hash where the kept one is of weaker parameters than today's."""
    typed = rules.typed(password)
    right = await passwords.matches(account.password_hash if account else None, typed)
    if account is None or not right or account.disabled_at is not None:
        raise WrongPassword
    outdated = passwords.is_outdated(account.password_hash or "")
    return account, await passwords.hash_password(typed) if outdated else None


async def _as_checked(session: AsyncSession, checked: Account) -> Account:
    """Locked. Raises `WrongPassword` for one whose password was reset, or who was disabled, since it was looked at."""
    asked = select(Account).where(col(Account.id) == checked.id).with_for_update(key_share=True)
    account = (await session.exec(asked)).one()
    if account.password_hash != checked.password_hash or account.disabled_at is not None:
        raise WrongPassword
    return account


async def _has_owner(session: AsyncSession) -> bool:
    asked = select(Account.id).where(col(Account.role) == Role.OWNER.value).limit(1)
    return (await session.exec(asked)).first() is not None


async def _one_setup_at_a_time(session: AsyncSession) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(OWNER_SETUP_LOCK)))


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
