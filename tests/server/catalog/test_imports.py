"""A merchant's list over HTTP: what lands, what is named, and what the same list does twice."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from server.catalog import imports, sheet
from server.catalog.models import Product, Sku
from server.kit.jobs.models import Job
from server.kit.jobs.queue import Queue
from server.kit.outbox import OutboxRow
from server.stock.models import StockBalance
from tests.server.brands.desk import Desk

LIST = """标题,规格,价格,库存,编码
西湖龙井,250克,99.00,12,LJ250
西湖龙井,50克,29.00,30,LJ050
桂花蜜,,¥39.90,8,
坏行,,不要钱,1,X1
"""


async def _send(desk: Desk, by: str, text: str = LIST, **request: Any) -> httpx.Response:
    return await desk.ask("POST", "/api/products/imports", by=by, content=text.encode("gb18030"), **request)


async def _import(desk: Desk, by: str, text: str = LIST) -> dict[str, Any]:
    """Sent, worked off, and read again."""
    sent = await _send(desk, by, text)
    assert sent.status_code == 202, sent.text
    await Queue(desk.database).drain()
    job: dict[str, Any] = (await desk.ask("GET", sent.headers["location"], by=by)).json()
    assert job["state"] == "done", job
    return job


def _counts(job: dict[str, Any]) -> tuple[int, ...]:
    return tuple(job["counts"][name] for name in ("created", "updated", "unchanged", "refused"))


async def _rows(desk: Desk, table: type[Any]) -> int:
    async with desk.database.transaction() as session:
        return (await session.exec(select(func.count()).select_from(table))).one()


async def test_good_rows_land_and_the_bad_one_is_named(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    job = await _import(desk, owner)
    assert (job["done"], job["total"], _counts(job)) == (4, 4, (3, 0, 0, 1))
    assert job["refusals"] == [{"row": 5, "column": "price", "message": "an amount such as 29.90"}]
    products = (await desk.ask("GET", "/api/products", by=owner)).json()["items"]
    assert [(p["title"], [s["title"] for s in p["skus"]]) for p in products] == [
        ("桂花蜜", [""]),
        ("西湖龙井", ["250克", "50克"]),
    ]


async def test_the_stock_of_new_skus_is_booked(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner)
    async with desk.database.transaction() as session:
        booked = (
            await session.exec(
                select(Sku.title, StockBalance.free).join(StockBalance, StockBalance.sku_id == Sku.id)  # type: ignore[arg-type]
            )
        ).all()
    assert sorted(booked) == [("", 8), ("250克", 12), ("50克", 30)]


async def test_the_same_list_again_changes_nothing(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner)
    facts = await _rows(desk, OutboxRow)
    assert _counts(await _import(desk, owner)) == (0, 0, 3, 1)
    assert (await _rows(desk, Product), await _rows(desk, Sku), await _rows(desk, OutboxRow)) == (2, 3, facts)


async def test_the_same_list_sent_many_times_at_once_lands_once(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    sent = await asyncio.gather(*(_send(desk, owner) for _ in range(5)))
    await asyncio.gather(*(Queue(desk.database).drain() for _ in range(3)))
    jobs = [(await desk.ask("GET", one.headers["location"], by=owner)).json() for one in sent]
    assert sorted(job["counts"]["created"] for job in jobs) == [0, 0, 0, 0, 3]
    assert (await _rows(desk, Product), await _rows(desk, Sku)) == (2, 3)
    async with desk.database.transaction() as session:
        assert sorted((await session.exec(select(StockBalance.total))).all()) == [8, 12, 30]


async def test_a_new_price_in_the_list_is_taken(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner)
    assert _counts(await _import(desk, owner, LIST.replace("99.00", "89.00"))) == (0, 1, 2, 1)
    found = (await desk.ask("GET", "/api/products?q=LJ250", by=owner)).json()["items"]
    assert found[0]["skus"][0]["price_minor"] == 8900


async def test_all_new_prices_of_a_list_are_one_fact(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner)
    await _import(desk, owner, LIST.replace("99.00", "89.00").replace("29.00", "19.00"))
    async with desk.database.transaction() as session:
        told = await session.exec(select(OutboxRow.body).where(OutboxRow.kind == "catalog.prices_changed"))
        (fact,) = told.all()
    assert [(new["price_minor"], new["previous_minor"]) for new in fact["prices"]] == [
        (8900, 9900),
        (1900, 2900),
    ]


async def test_what_costs_nothing_is_named(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    job = await _import(desk, owner, "title,price\nTea,0\n")
    assert _counts(job) == (0, 0, 0, 1)
    assert job["refusals"] == [{"row": 2, "column": "price", "message": "more than 0"}]


async def test_a_new_variant_joins_its_product(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner)
    more = await _import(desk, owner, "标题,规格,价格,库存,编码\n西湖龙井,500克,188,2,LJ500\n")
    assert more["counts"]["created"] == 1
    found = (await desk.ask("GET", "/api/products?q=LJ500", by=owner)).json()["items"]
    assert [sku["title"] for sku in found[0]["skus"]] == ["250克", "50克", "500克"]
    assert await _rows(desk, Product) == 2
    async with desk.database.transaction() as session:
        assert sorted((await session.exec(select(StockBalance.free))).all()) == [2, 8, 12, 30]


async def test_a_code_of_something_else_is_named_and_moves_nothing(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner)
    job = await _import(desk, owner, "title,variant,price,code\n蜂王浆,,1,LJ250\n西湖龙井,250克,1,NEW\n")
    assert _counts(job) == (0, 0, 0, 2)
    assert [(p["row"], p["message"]) for p in job["refusals"]] == [
        (2, "this is the code of 西湖龙井 · 250克"),
        (3, "this variant is there with the code LJ250"),
    ]


async def test_another_brand_may_have_the_same_list(desk: Desk) -> None:
    for brand in ("One", "Two"):
        job = await _import(desk, await desk.staff(await desk.brand(brand)))
        assert job["counts"]["created"] == 3


async def test_one_product_has_at_most_100_variants_over_all_batches(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 30)
    owner = await desk.staff(await desk.brand())
    rows = "".join(f"Tea,{number},1,,\n" for number in range(102))
    job = await _import(desk, owner, "title,variant,price,stock,code\n" + rows)
    assert _counts(job) == (100, 0, 0, 2)
    assert [problem["row"] for problem in job["refusals"]] == [102, 103]
    assert await _rows(desk, Product) == 1


async def test_a_product_is_described_by_any_of_its_rows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 1)
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner, "title,variant,price,description\nTea,50 g,1,\nTea,90 g,2,Picked in April\n")
    (product,) = (await desk.ask("GET", "/api/products", by=owner)).json()["items"]
    assert product["description"] == "Picked in April"


async def test_the_same_key_is_the_same_job_and_never_another_list(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    key = {"idempotency-key": "april"}
    sent = await asyncio.gather(*(_send(desk, owner, headers=key) for _ in range(3)))
    assert len({one.json()["job_id"] for one in sent}) == 1
    await Queue(desk.database).drain()
    again = await _send(desk, owner, headers=key)
    assert (again.json()["state"], again.json()["counts"]["created"]) == ("done", 3)
    other = await _send(desk, owner, LIST + "蜂蜜,,1,1,\n", headers=key)
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    assert await _rows(desk, Job) == 1


async def test_a_list_with_too_many_rows_is_a_failed_job_that_says_so(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    sent = await _send(desk, owner, "title,price\n" + "Tea,1\n" * (sheet.MOST_ROWS + 1))
    await Queue(desk.database).drain()
    job = (await desk.ask("GET", sent.headers["location"], by=owner)).json()
    assert (job["state"], job["problem"]["slug"]) == ("failed", "unreadable-sheet")
    assert job["problem"]["most_rows"] == sheet.MOST_ROWS
    assert await _rows(desk, Product) == 0


async def test_a_file_that_is_no_list_is_refused(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    refused = await _send(desk, owner, "hello\nworld\n")
    assert (refused.status_code, refused.json()["slug"]) == (422, "unreadable-sheet")
    assert refused.json()["missing"] == ["title", "price"]
    too_large = await desk.ask(
        "POST", "/api/products/imports", by=owner, content=b"x" * (2 * 1024 * 1024 + 1)
    )
    assert too_large.status_code == 413
    assert await _rows(desk, Job) == 0
