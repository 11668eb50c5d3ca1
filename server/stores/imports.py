"""Stores from headquarters' list: a row is a store that is known by its code; the same list again changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import clean, name, optional
from server.kit.jobs.lists import Landed, begin_list, land_list, read_list
from server.kit.jobs.models import Job
from server.kit.jobs.run import Run, work
from server.kit.lists import Form, Listed, cells_of
from server.kit.principal import Principal
from server.kit.sheets import RowProblem
from server.stores import regions, service
from server.stores.models import Store

KIND = "stores.import"
BATCH = 200
MOST_ROWS = 5_000
MOST_BYTES = 2 * 1024 * 1024


class StoreRow(msgspec.Struct, frozen=True):
    """`region` and `address` are empty where the list has none: what is known stays."""

    row: int
    code: str
    name: str
    region: str
    address: str


def code(text: str) -> str:
    """Raises `Invalid` (422)."""
    return name(text, "code", service.LONGEST_CODE)


def _row(number: int, cells: dict[str, str]) -> StoreRow | list[RowProblem]:
    values = cells_of(
        number,
        cells,
        {
            "code": code,
            "name": name,
            "region": lambda text: optional(text, "region", regions.LONGEST),
            "address": lambda text: optional(text, "address", service.LONGEST_ADDRESS),
        },
    )
    return values if isinstance(values, list) else msgspec.convert({"row": number, **values}, StoreRow)


FORM = Form(
    columns={
        "name": ("门店名称", "门店", "店名", "名称", "name", "store", "store name"),
        "code": ("门店编码", "门店编号", "编码", "编号", "店号", "code", "store code"),
        "region": ("区域", "大区", "地区", "region", "area"),
        "address": ("地址", "门店地址", "address"),
    },
    required=("name", "code"),
    most_rows=MOST_ROWS,
    clean=clean,
    row=_row,
    names=lambda row: {"code": (row.code,)},
)


async def import_list(
    session: AsyncSession, staff: Principal, body: bytes, *, file: str = "", key: str | None = None
) -> Job:
    """The job counts rows `created`, `updated`, `unchanged`, `refused`. Stores that the list leaves out stay.

    Raises `UnreadableSheet` (422) for a file whose header says that it is no such list, `KeyReused` (422).
    """
    return await begin_list(session, staff, KIND, FORM, body, file=file, key=key)


@work(KIND)
async def _import(run: Run) -> None:
    await land_list(run, await read_list(run, FORM), BATCH, _land)


async def _land(session: AsyncSession, brand_id: UUID, batch: Listed[StoreRow]) -> Landed:
    await service.one_list_at_a_time(session, brand_id)
    known = await service.by_codes(session, brand_id, [row.code for row in batch.rows])
    places = await regions.named(session, brand_id, [row.region for row in batch.rows])
    new: list[dict[str, Any]] = []
    updated = 0
    for row in batch.rows:
        store = known.get(row.code)
        if store is None:
            fresh = Store(
                brand_id=brand_id,
                name=row.name,
                code=row.code,
                region_id=places.get(row.region),
                address=row.address,
            )
            new.append(fresh.model_dump())
            continue
        before = (store.name, store.region_id, store.address)
        after = (row.name, places.get(row.region, store.region_id), row.address or store.address)
        if after != before:
            store.name, store.region_id, store.address = after
            updated += 1
    if new:
        await session.execute(insert(Store).values(new))
    await session.flush()
    return Landed(len(new), updated)
