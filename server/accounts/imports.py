"""People from headquarters' list: a row is a person who is known by the phone and comes in by it; the same list again
changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import rules
from server.accounts.models import Account
from server.brands.names import clean, name, optional
from server.kit.jobs.lists import Landed, begin_list, land_list, read_list
from server.kit.jobs.models import Job
from server.kit.jobs.run import Run, work
from server.kit.lists import Form, Listed, cells_of
from server.kit.principal import INVITES, STORE_STAFF, Principal, Role
from server.kit.sheets import RowProblem
from server.members.rules import phone
from server.stores import service as stores
from server.stores.models import Store

KIND = "accounts.import"
BATCH = 400
MOST_ROWS = 20_000
MOST_BYTES = 4 * 1024 * 1024


class PersonRow(msgspec.Struct, frozen=True):
    """`phone` in E.164; `store` is a store's code, empty for a guide from outside."""

    row: int
    name: str
    phone: str
    role: Role
    store: str


def _row(number: int, cells: dict[str, str]) -> PersonRow | list[RowProblem]:
    values = cells_of(
        number,
        cells,
        {
            "name": name,
            "phone": phone,
            "role": rules.listed_role,
            "store": lambda text: optional(text, "store", stores.LONGEST_CODE),
        },
    )
    if isinstance(values, list):
        return values
    row = msgspec.convert({"row": number, **values}, PersonRow)
    if row.role in STORE_STAFF and not row.store:
        return [RowProblem(number, "store", "guides and managers need a store")]
    if row.role not in STORE_STAFF and row.store:
        return [RowProblem(number, "store", "only guides and managers have a store")]
    return row


FORM = Form(
    columns={
        "name": ("姓名", "名字", "称呼", "名称", "name"),
        "phone": ("手机号", "手机", "电话", "手机号码", "phone", "mobile"),
        "role": ("角色", "岗位", "职位", "role"),
        "store": ("门店编码", "门店编号", "店号", "门店", "store code", "store"),
    },
    required=("name", "phone"),
    most_rows=MOST_ROWS,
    clean=clean,
    row=_row,
    names=lambda row: {"phone": (row.phone,)},
)


async def import_list(
    session: AsyncSession, staff: Principal, body: bytes, *, file: str = "", key: str | None = None
) -> Job:
    """The job counts rows `created`, `updated`, `unchanged`, `refused`. People whom the list leaves out stay.

    Raises `UnreadableSheet` (422) for a file whose header says that it is no such list, `KeyReused` (422).
    """
    return await begin_list(session, staff, KIND, FORM, body, file=file, key=key)


@work(KIND)
async def _import(run: Run) -> None:
    await land_list(run, await read_list(run, FORM), BATCH, _land)


async def _land(session: AsyncSession, brand_id: UUID, batch: Listed[PersonRow]) -> Landed:
    await stores.one_list_at_a_time(session, brand_id)
    places = await stores.by_codes(session, brand_id, [row.store for row in batch.rows if row.store])
    known = await _known(session, brand_id, [row.phone for row in batch.rows])
    new: list[dict[str, Any]] = []
    problems: list[RowProblem] = []
    updated = 0
    for row in batch.rows:
        account = known.get(row.phone)
        if problem := _objection(row, account, places):
            problems.append(problem)
            continue
        store_id = places[row.store].id if row.store else None
        if account is None:
            fresh = Account(
                brand_id=brand_id, store_id=store_id, phone=row.phone, name=row.name, role=row.role.value
            )
            new.append(fresh.model_dump())
            continue
        after = (row.name, row.role.value, store_id)
        if (account.name, account.role, account.store_id) != after:
            account.name, account.role, account.store_id = after
            updated += 1
    if new:
        await session.execute(insert(Account).values(new))
    await session.flush()
    return Landed(len(new), updated, problems)


def _objection(row: PersonRow, account: Account | None, places: Mapping[str, Store]) -> RowProblem | None:
    if account is not None and Role(account.role) not in INVITES:
        return RowProblem(
            row.row, "phone", "this is the phone of headquarters' staff, whom a list doesn't change"
        )
    if account is not None and account.disabled_at is not None:
        return RowProblem(row.row, "phone", "this person is turned off; turn them on first")
    if not row.store:
        return None
    store = places.get(row.store)
    if store is None:
        return RowProblem(row.row, "store", "there is no store with this code")
    if store.closed_at is not None and (account is None or account.store_id != store.id):
        return RowProblem(row.row, "store", "this store is closed")
    return None


async def _known(session: AsyncSession, brand_id: UUID, phones: list[str]) -> dict[str | None, Account]:
    asked = (
        select(Account)
        .where(col(Account.brand_id) == brand_id, col(Account.phone).in_(phones))
        .order_by(col(Account.id))
        .with_for_update(key_share=True)
    )
    return {account.phone: account for account in (await session.exec(asked)).all()}
