"""Products from a merchant's list: good rows land, each other row is named, the same file again changes nothing.

A list of products is a job; what is asked with a say in it (`land`) is one act, for lists as short as a room's shelf.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import rules, service
from server.catalog.facts import NewPrice, NewSku, ProductCreated, SkusAdded
from server.catalog.models import Product, Sku
from server.catalog.sheet import FORM, Sheet, SheetRow
from server.kit.facts import Fact, record
from server.kit.jobs.lists import Landed, begin_list, land_list, read_list
from server.kit.jobs.models import Job
from server.kit.jobs.run import Run, work
from server.kit.lists import in_order
from server.kit.principal import Principal
from server.kit.sheets import RowProblem

KIND = "catalog.import"
BATCH = 100
"""Rows of one transaction: short enough that nobody waits long for the catalog's lock, or for the worker's loop."""


class Imported(msgspec.Struct):
    """rows = created + updated + unchanged + rows with problems. `created` counts SKUs, `updated` new prices."""

    rows: int
    created: int
    updated: int
    unchanged: int
    problems: list[RowProblem]


class Landing(msgspec.Struct, frozen=True):
    """Where a good row would land; `product_id` and `sku` are those that are there already."""

    row: SheetRow
    product_id: UUID | None
    sku: Sku | None


class Placed(msgspec.Struct):
    """`products` are those of the rows that landed, each once, in the list's order."""

    report: Imported
    products: list[UUID]


async def import_sheet(
    session: AsyncSession, staff: Principal, body: bytes, *, name: str = "", key: str | None = None
) -> Job:
    """A row is a SKU that is known by its code, or without one by its title and variant.

    A new SKU brings its stock along; a known one takes the row's price, and its stock stays what the ledger says.
    Rows of one title are one product. The job counts rows `created`, `updated` (another price), `unchanged`, `refused`.

    Raises `UnreadableSheet` (422) for a file whose header says that it is no such list, `KeyReused` (422).
    """
    return await begin_list(session, staff, KIND, FORM, body, file=name, key=key)


@work(KIND)
async def _import(run: Run) -> None:
    read = await read_list(run, FORM)
    read.rows = _with_words(read.rows)
    await land_list(run, read, BATCH, _land_batch)


async def _land_batch(session: AsyncSession, brand_id: UUID, batch: Sheet) -> Landed:
    report = (await _place(session, brand_id, batch.rows, lambda landing: None)).report
    return Landed(report.created, report.updated, report.problems)


def _with_words(rows: Sequence[SheetRow]) -> list[SheetRow]:
    """A product is made by its title's first row, but any of them may describe it."""
    words: dict[str, str] = {}
    for row in rows:
        if row.description:
            words.setdefault(row.title, row.description)
    return [msgspec.structs.replace(row, description=words.get(row.title, "")) for row in rows]


async def land(
    session: AsyncSession,
    brand_id: UUID,
    body: bytes,
    object_to: Callable[[Landing], RowProblem | None],
) -> Placed:
    """What a job does, in one act and with a say in it: asked once for each good row, in the list's order; a row that
    is objected to changes nothing. Raises `UnreadableSheet` (422)."""
    read = await asyncio.to_thread(FORM.read, body)
    placed = await _place(session, brand_id, read.rows, object_to)
    placed.report.rows = read.count
    placed.report.problems = in_order(read.problems, placed.report.problems)
    return placed


async def _place(
    session: AsyncSession,
    brand_id: UUID,
    rows: Sequence[SheetRow],
    object_to: Callable[[Landing], RowProblem | None],
) -> Placed:
    await service.one_writer_at_a_time(session, brand_id)
    known = await _Known.load(session, brand_id, rows)
    report = Imported(len(rows), 0, 0, 0, [])
    landings: list[Landing] = []
    prices: list[NewPrice] = []
    fresh: dict[str, list[SheetRow]] = {}
    for row in rows:
        found = known.find(row, waiting=len(fresh.get(row.title, ())))
        if isinstance(found, Landing):
            found = object_to(found) or found
        if isinstance(found, RowProblem):
            report.problems.append(found)
            continue
        landings.append(found)
        if found.sku is None:
            fresh.setdefault(row.title, []).append(row)
        elif new := service.price(found.sku, row.price_minor):
            prices.append(new)
        else:
            report.unchanged += 1
    report.updated = len(prices)
    report.created = await _create(session, brand_id, known, fresh)
    await service.tell_prices(session, brand_id, prices)
    products = (landing.product_id or known.products[landing.row.title].id for landing in landings)
    return Placed(report, list(dict.fromkeys(products)))


class _Known:
    """What the brand has of the list already."""

    def __init__(self, products: Sequence[Product], skus: Sequence[Sku]) -> None:
        self.products: dict[str, Product] = {}
        for product in products:
            self.products.setdefault(product.title, product)  # the oldest of a title
        self._titles = {product.id: product.title for product in products}
        self.variants = Counter(sku.product_id for sku in skus)
        self._by_code = {sku.code: sku for sku in skus}
        self._by_name: dict[tuple[str, str], Sku] = {}
        for sku in skus:
            self._by_name.setdefault((self._titles[sku.product_id], sku.title), sku)

    @classmethod
    async def load(cls, session: AsyncSession, brand_id: UUID, rows: Sequence[SheetRow]) -> _Known:
        titled = select(Product.id).where(
            col(Product.brand_id) == brand_id, col(Product.title).in_({row.title for row in rows})
        )
        coded = select(Sku.product_id).where(
            col(Sku.brand_id) == brand_id, col(Sku.code).in_({row.code for row in rows if row.code})
        )
        ids = {*(await session.exec(titled)).all(), *(await session.exec(coded)).all()}
        products = await session.exec(
            select(Product).where(col(Product.id).in_(ids)).order_by(col(Product.id))
        )
        return cls(products.all(), await service.skus_of(session, list(ids)))

    def find(self, row: SheetRow, waiting: int) -> Landing | RowProblem:
        """`waiting` new SKUs of this title come before the row."""
        named = self._by_name.get((row.title, row.variant))
        sku = self._by_code.get(row.code) if row.code else named
        if sku is None and named is not None:
            return RowProblem(row.row, "code", f"this variant is there with the code {named.code}")
        if sku is not None:
            title = self._titles[sku.product_id]
            if (title, sku.title) != (row.title, row.variant):
                of = " · ".join(part for part in (title, sku.title) if part)
                return RowProblem(row.row, "code", f"this is the code of {of}")
            return Landing(row, sku.product_id, sku)
        product = self.products.get(row.title)
        if waiting + (self.variants[product.id] if product else 0) >= rules.MOST_SKUS:
            return RowProblem(row.row, "variant", f"more than {rules.MOST_SKUS} of one product")
        return Landing(row, product.id if product else None, None)


async def _create(
    session: AsyncSession, brand_id: UUID, known: _Known, fresh: dict[str, list[SheetRow]]
) -> int:
    """The new SKUs, and under `known` their new products."""
    facts: list[Fact] = []
    skus: list[Sku] = []
    for title, rows in fresh.items():
        product = known.products.get(title)
        kind = SkusAdded if product else ProductCreated
        if product is None:
            words = next((row.description for row in rows if row.description), "")
            product = known.products[title] = Product(brand_id=brand_id, title=title, description=words)
            session.add(product)
        had = known.variants[product.id]
        new = [service.new_sku(product, _draft(row), at) for at, row in enumerate(rows, start=had)]
        skus += new
        booked = [NewSku(sku.id, row.stock) for sku, row in zip(new, rows, strict=True)]
        facts.append(kind(brand_id=brand_id, product_id=product.id, skus=booked))
    await session.flush()
    session.add_all(skus)
    await session.flush()
    await record(session, *facts)
    return len(skus)


def _draft(row: SheetRow) -> service.SkuDraft:
    return service.SkuDraft(title=row.variant, price_minor=row.price_minor, stock=row.stock, code=row.code)
