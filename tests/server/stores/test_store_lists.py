"""Headquarters' list of stores: what lands, what is named, and what the same list does twice."""

from __future__ import annotations

from typing import Any

import pytest

from server.kit.jobs.queue import Queue
from server.kit.principal import Role
from tests.server.brands.desk import Desk

LIST = "门店名称,门店编码,地区,地址\n湖滨店,HZ01,华东,湖滨路 18 号\n静安店,SH01,华东,\n太古里店,CD01,西南,\n"


async def _import(desk: Desk, by: str, text: str = LIST) -> dict[str, Any]:
    sent = await desk.ask("POST", "/api/stores/imports", by=by, content=text.encode("gb18030"))
    assert sent.status_code == 202, sent.text
    await Queue(desk.database).drain()
    job: dict[str, Any] = (await desk.ask("GET", sent.headers["location"], by=by)).json()
    assert job["state"] == "done", job
    return job


def _counts(job: dict[str, Any]) -> tuple[int, ...]:
    return tuple(job["counts"][name] for name in ("created", "updated", "unchanged", "refused"))


async def _stores(desk: Desk, by: str) -> dict[str, tuple[str, str, str]]:
    listed = (await desk.ask("GET", "/api/stores", by=by)).json()["items"]
    return {store["code"]: (store["name"], store["region"], store["address"]) for store in listed}


async def test_stores_land_with_their_regions_and_the_same_list_changes_nothing(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    assert _counts(await _import(desk, owner)) == (3, 0, 0, 0)
    landed = await _stores(desk, owner)
    assert landed == {
        "HZ01": ("湖滨店", "华东", "湖滨路 18 号"),
        "SH01": ("静安店", "华东", ""),
        "CD01": ("太古里店", "西南", ""),
    }
    assert _counts(await _import(desk, owner)) == (0, 0, 3, 0)
    assert await _stores(desk, owner) == landed


async def test_changed_rows_update_and_what_a_list_leaves_empty_or_out_stays(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    await _import(desk, owner)
    job = await _import(desk, owner, "name,code\n湖滨旗舰店,HZ01\n静安店,SH01\n")
    assert _counts(job) == (0, 1, 1, 0)
    stores = await _stores(desk, owner)
    assert stores["HZ01"] == ("湖滨旗舰店", "华东", "湖滨路 18 号")
    assert stores["CD01"] == ("太古里店", "西南", "")


async def test_every_bad_row_is_named(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    rows = f"A,A1,,\n,B1,,\nC,,,\nD,{'d' * 21},,\nAgain,A1,,\nE,E1,{'e' * 41},\n"
    job = await _import(desk, owner, "name,code,region,address\n" + rows)
    assert _counts(job) == (1, 0, 0, 5)
    assert [(one["row"], one["column"], one["message"]) for one in job["refusals"]] == [
        (3, "name", "1 to 24 characters"),
        (4, "code", "1 to 20 characters"),
        (5, "code", "1 to 20 characters"),
        (6, "code", "the same as row 2"),
        (7, "region", "1 to 40 characters"),
    ]


async def test_the_same_codes_are_other_stores_in_another_brand(desk: Desk) -> None:
    for brand in ("One", "Two"):
        assert _counts(await _import(desk, await desk.staff(await desk.brand(brand)))) == (3, 0, 0, 0)


@pytest.mark.parametrize("role", [Role.FINANCE, Role.HOST, Role.MANAGER, Role.DISTRIBUTOR])
async def test_only_owner_and_operator_import(desk: Desk, role: Role) -> None:
    brand_id = await desk.brand()
    store_id = (await desk.store(brand_id)).id if role is Role.MANAGER else None
    by = await desk.staff(brand_id, role, store_id=store_id)
    for path in ("/api/stores/imports", "/api/accounts/imports"):
        assert (await desk.ask("POST", path, by=by, content=LIST.encode())).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"hello\nworld\n", 422), (b"PK\x03\x04", 422), (b"x" * (4 << 20) + b"x", 413)],
)
async def test_a_file_that_is_no_list_is_refused(desk: Desk, body: bytes, status: int) -> None:
    owner = await desk.staff(await desk.brand())
    for path in ("/api/stores/imports", "/api/accounts/imports"):
        assert (await desk.ask("POST", path, by=owner, content=body)).status_code == status
