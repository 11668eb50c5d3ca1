"""Products from a merchant's list: good rows land, each other row is named, the same file again changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import rules, service, sheet
from server.catalog.facts import NewSku, ProductCreated, SkusAdded
from server.catalog.models import Product, Sku
from server.catalog.sheet import RowProblem, SheetRow
from server.kit.facts import Fact, record


class Imported(msgspec.Struct):
    """rows = created + updated + unchanged + rows with problems. `created` counts SKUs, `updated` new prices."""

    rows: int
    created: int
    updated: int
    unchanged: int
    problems: list[RowProblem]


async def import_sheet(session: AsyncSession, brand_id: UUID, body: bytes) -> Imported:
    """A row is a SKU that is known by its code, or without one by its title and variant.

    A new SKU brings its stock along; a known one takes the row's price, and its stock stays what the ledger says.
    Rows of one title are one product. Raises `UnreadableSheet` (422).
    """
    read = await asyncio.to_thread(sheet.read, body)
    await service.one_writer_at_a_time(session, brand_id)
    known = await _Known.load(session, brand_id, read.rows)
    result = Imported(read.count, 0, 0, 0, read.problems)
    fresh: dict[str, list[SheetRow]] = {}
    for row in read.rows:
        sku = known.find(row)
        if isinstance(sku, RowProblem):
            result.problems.append(sku)
        elif sku is None:
            fresh.setdefault(row.title, []).append(row)
        elif await service.price(session, sku, row.price_minor):
            result.updated += 1
        else:
            result.unchanged += 1
    result.created = await _create(session, brand_id, known, fresh, result.problems)
    result.problems.sort(key=lambda problem: problem.row)
    return result


class _Known:
    """What the brand has of the list already."""

    def __init__(self, products: Iterable[Product], skus: Iterable[Sku]) -> None:
        self.products: dict[str, Product] = {}
        for product in products:
            self.products.setdefault(product.title, product)  # the oldest of a title
        self._titles = {product.id: product.title for product in products}
        self.skus = list(skus)
        self._by_code = {sku.code: sku for sku in self.skus}
        self._by_name: dict[tuple[str, str], Sku] = {}
        for sku in self.skus:
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

    def find(self, row: SheetRow) -> Sku | RowProblem | None:
        named = self._by_name.get((row.title, row.variant))
        if not row.code:
            return named
        coded = self._by_code.get(row.code)
        if coded is None and named is not None:
            return RowProblem(row.row, "code", f"this variant is there with the code {named.code}")
        if coded is not None and (self._titles[coded.product_id], coded.title) != (row.title, row.variant):
            of = " · ".join(part for part in (self._titles[coded.product_id], coded.title) if part)
            return RowProblem(row.row, "code", f"this is the code of {of}")
        return coded


async def _create(
    session: AsyncSession,
    brand_id: UUID,
    known: _Known,
    fresh: dict[str, list[SheetRow]],
    problems: list[RowProblem],
) -> int:
    facts: list[Fact] = []
    products: list[Product] = []
    skus: list[Sku] = []
    for title, rows in fresh.items():
        product = known.products.get(title)
        had = 0 if product is None else sum(sku.product_id == product.id for sku in known.skus)
        made_now = product is None
        if product is None:
            words = next((row.description for row in rows if row.description), "")
            product = Product(brand_id=brand_id, title=title, description=words)
            products.append(product)
        fit, over = rows[: rules.MOST_SKUS - had], rows[rules.MOST_SKUS - had :]
        problems += [
            RowProblem(r.row, "variant", f"more than {rules.MOST_SKUS} of one product") for r in over
        ]
        new = [service.new_sku(product, _draft(row), at) for at, row in enumerate(fit, start=had)]
        skus += new
        booked = [NewSku(sku.id, row.stock) for sku, row in zip(new, fit, strict=True)]
        kind = ProductCreated if made_now else SkusAdded
        if booked:
            facts.append(kind(brand_id=brand_id, product_id=product.id, skus=booked))
    session.add_all(products)
    await session.flush()
    session.add_all(skus)
    await session.flush()
    await record(session, *facts)
    return len(skus)


def _draft(row: SheetRow) -> service.SkuDraft:
    return service.SkuDraft(title=row.variant, price_minor=row.price_minor, stock=row.stock, code=row.code)
