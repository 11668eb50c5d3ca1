"""Staff who come in by their phone: onto a store's list by its code, back again by the phone alone, or by asking.

A code proves a phone before anything is told of it, and what is told then is of that phone alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from server.accounts import rules, service
from server.accounts.models import Account, JoinRequest
from server.brands import service as brands
from server.brands.names import clean, name
from server.kit.paging import PAGE, before
from server.kit.principal import Principal, Role
from server.kit.problems import Conflict, Forbidden, NotFound, Problem
from server.members import phones
from server.stores import service as stores
from server.stores.models import Store

CODES = UUID(int=0)
"""In the place of a brand: a code that proves a phone at the staff's door, whichever brands' lists it is on."""


class NotOnList(Problem):
    """The same for an unknown store code and for a phone that is not on its list."""

    status, slug, title = 403, "not-on-list", "This phone is on no list for that"


class AccountOff(Problem):
    status, slug, title = 403, "account-off", "This account is turned off"


class ChooseBrand(Conflict):
    """`brands` are those to choose from; the code is still good."""

    slug, title = "choose-brand", "This is known to more than one brand; say which"


class RequestDecided(Conflict):
    slug, title = "request-decided", "Somebody has decided otherwise on this request"


async def enter(
    session: AsyncSession,
    number: str,
    code_id: UUID,
    now: datetime,
    *,
    store_code: str | None = None,
    brand_id: UUID | None = None,
) -> Account:
    """Whose account this proved phone is; with a store's code, in a brand that has the store. Uses the code up, unless
    it raises `NotOnList`, `AccountOff` (403) or `ChooseBrand` (409).
    """
    asked = select(Account).where(col(Account.phone) == number)
    if brand_id is not None:
        asked = asked.where(col(Account.brand_id) == brand_id)
    if store_code is not None:
        places = await _places(session, store_code, brand_id)
        asked = asked.where(col(Account.brand_id).in_({store.brand_id for store in places}))
    found = (await session.exec(asked.order_by(col(Account.id)).with_for_update(key_share=True))).all()
    if not found:
        raise NotOnList
    on = [account for account in found if account.disabled_at is None]
    if not on:
        raise AccountOff
    if len(on) > 1:
        await _choose(session, {account.brand_id for account in on})
    (account,) = on
    await phones.use_code(session, code_id, now)
    account.joined_at = account.joined_at or now
    await session.flush()
    return account


async def ask(
    session: AsyncSession,
    number: str,
    code_id: UUID,
    store_code: str,
    who: str,
    now: datetime,
    *,
    brand_id: UUID | None = None,
) -> None:
    """Ask to be a guide of the store; asked again it is the same request. Nothing is told of a code that no store has,
    of a phone that has an account, or of one that was refused within a day: nobody will be asked then.

    Raises `Invalid` (422), `ChooseBrand` (409).
    """
    kept = name(who)
    places = await _places(session, store_code, brand_id)
    if len(places) > 1:
        await _choose(session, {store.brand_id for store in places})
    await phones.use_code(session, code_id, now)
    if not places or await _in_vain(session, places[0], number, now):
        return
    request = JoinRequest(
        brand_id=places[0].brand_id, store_id=places[0].id, phone=number, name=kept, asked_at=now
    )
    statement = insert(JoinRequest).values(**request.model_dump())
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["store_id", "phone"],
            index_where=col(JoinRequest.decided_at).is_(None),
            set_={"name": statement.excluded.name},
        )
    )


async def _in_vain(session: AsyncSession, store: Store, number: str, now: datetime) -> bool:
    if await service.with_phone(session, store.brand_id, number) is not None:
        return True
    refused = select(JoinRequest.id).where(
        col(JoinRequest.store_id) == store.id,
        col(JoinRequest.phone) == number,
        col(JoinRequest.admitted).is_(False),
        col(JoinRequest.decided_at) > now - rules.KEEP_OUT,
    )
    return (await session.exec(refused.limit(1))).first() is not None


async def _places(session: AsyncSession, store_code: str, brand_id: UUID | None) -> list[Store]:
    """The open store with this code, of each brand that has one: as it is written before another case."""
    typed = clean(store_code)
    found: dict[UUID, Store] = {}
    for store in await stores.open_with_code(session, typed):
        if (brand_id is None or store.brand_id == brand_id) and (
            store.brand_id not in found or store.code == typed
        ):
            found[store.brand_id] = store
    return list(found.values())


async def _choose(session: AsyncSession, brand_ids: set[UUID]) -> None:
    """Raises `ChooseBrand`."""
    named = [await brands.get(session, one) for one in sorted(brand_ids)]
    raise ChooseBrand(brands=[{"brand_id": str(brand.id), "name": brand.name} for brand in named])


# Deciding


async def requests(
    session: AsyncSession, staff: Principal, store_id: UUID | None, cursor: str | None
) -> Sequence[tuple[JoinRequest, str]]:
    """(open request, store's name), newest first; a page and one more. A manager has those of the own store. Raises
    `Forbidden` (403)."""
    asked = (
        select(JoinRequest, col(Store.name))
        .join(Store, col(Store.id) == col(JoinRequest.store_id))
        .where(col(JoinRequest.id).in_(_open(staff, store_id)))
    )
    if last := before(cursor):
        asked = asked.where(col(JoinRequest.id) < last)
    rows = await session.exec(asked.order_by(col(JoinRequest.id).desc()).limit(PAGE + 1))
    return [(request, store) for request, store in rows.all()]


async def count(session: AsyncSession, staff: Principal, store_id: UUID | None) -> int:
    """Open requests that this person decides on. Raises `Forbidden` (403)."""
    counted = select(func.count()).select_from(_open(staff, store_id).subquery())
    return (await session.exec(counted)).one()


def _open(staff: Principal, store_id: UUID | None) -> SelectOfScalar[UUID]:
    if staff.role not in {Role.OWNER, Role.OPERATOR, Role.MANAGER}:
        raise Forbidden
    asked = select(JoinRequest.id).where(
        col(JoinRequest.brand_id) == staff.brand_id, col(JoinRequest.decided_at).is_(None)
    )
    if staff.role is Role.MANAGER:
        asked = asked.where(col(JoinRequest.store_id) == staff.store_id)
    return asked if store_id is None else asked.where(col(JoinRequest.store_id) == store_id)


async def decide(
    session: AsyncSession, staff: Principal, request_id: UUID, admit: bool, now: datetime
) -> None:
    """Who is admitted is a guide of the store from now on, and comes in by phone; decided alike by two, it is once.

    Raises `NotFound`, `RequestDecided`, `PhoneTaken` (409: by an account that is turned off), `Invalid` (422: the store
    has closed).
    """
    request = await session.get(JoinRequest, request_id, with_for_update=True)
    if request is None or not rules.may_admit(staff, request.brand_id, request.store_id):
        raise NotFound
    if request.decided_at is not None:
        if request.admitted != admit:
            raise RequestDecided
        return
    if admit:
        await _admit(session, request)
    request.decided_at, request.decided_by, request.admitted = now, staff.id, admit
    await session.flush()


async def _admit(session: AsyncSession, request: JoinRequest) -> None:
    await stores.open_store(session, request.brand_id, request.store_id)
    account = Account(
        brand_id=request.brand_id,
        store_id=request.store_id,
        phone=request.phone,
        name=request.name,
        role=Role.GUIDE.value,
    )
    made = await session.execute(
        insert(Account)
        .values(**account.model_dump())
        .on_conflict_do_nothing(
            index_elements=["brand_id", "phone"], index_where=col(Account.phone).is_not(None)
        )
        .returning(col(Account.id))
    )
    if made.scalar_one_or_none() is None:
        there = await service.with_phone(session, request.brand_id, request.phone)
        if there is None or there.disabled_at is not None:
            raise service.PhoneTaken
