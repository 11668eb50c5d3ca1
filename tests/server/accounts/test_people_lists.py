"""Headquarters' list of people: what lands, what is named, what the same list does twice, and a worker killed in it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, func, select

from server.accounts import imports
from server.accounts.models import Account, StaffSession
from server.accounts.service import NewAccount, create_account
from server.kit.jobs import queue
from server.kit.jobs.queue import Queue
from server.kit.principal import Role
from server.stores.models import Store
from tests.server.brands.desk import PASSWORD, Desk

HEADER = "姓名,手机号,角色,门店编码\n"
LIST = (
    HEADER
    + "李晓梅,13800138000,导购,HZ\n许文,138-0013-8001,店长,HZ\n老周,+8613800138002,经销商,\n阿芳,13800138003,群主,\n"
)


async def _shop(desk: Desk) -> tuple[UUID, str]:
    """A brand with the stores HZ and SZ, and its owner's token."""
    brand_id = await desk.brand()
    owner = await desk.staff(brand_id)
    for code in ("HZ", "SZ"):
        await desk.ask("POST", "/api/stores", by=owner, json={"name": code, "code": code})
    return brand_id, owner


async def _import(desk: Desk, by: str, text: str = LIST) -> dict[str, Any]:
    sent = await desk.ask("POST", "/api/accounts/imports", by=by, content=text.encode())
    assert sent.status_code == 202, sent.text
    await Queue(desk.database).drain()
    job: dict[str, Any] = (await desk.ask("GET", sent.headers["location"], by=by)).json()
    assert job["state"] == "done", job
    return job


def _counts(job: dict[str, Any]) -> tuple[int, ...]:
    return tuple(job["counts"][name] for name in ("created", "updated", "unchanged", "refused"))


async def _people(desk: Desk, by: str) -> dict[str, tuple[str, str, str | None]]:
    listed = (await desk.ask("GET", "/api/accounts", by=by)).json()["items"]
    return {
        one["phone"]: (one["name"], one["role"], one["store"] and one["store"]["name"])
        for one in listed
        if one["phone"]
    }


async def test_people_land_without_passwords_and_the_same_list_changes_nothing(desk: Desk) -> None:
    _, owner = await _shop(desk)
    assert _counts(await _import(desk, owner)) == (4, 0, 0, 0)
    landed = await _people(desk, owner)
    assert landed == {
        "+8613800138000": ("李晓梅", "guide", "HZ"),
        "+8613800138001": ("许文", "manager", "HZ"),
        "+8613800138002": ("老周", "distributor", None),
        "+8613800138003": ("阿芳", "group_owner", None),
    }
    listed = (await desk.ask("GET", "/api/accounts", by=owner)).json()["items"]
    assert [(one["login"], one["joined"]) for one in listed if one["phone"]] == [(None, False)] * 4
    assert _counts(await _import(desk, owner)) == (0, 0, 4, 0)
    assert await _people(desk, owner) == landed


async def test_changed_rows_update_and_people_left_out_stay(desk: Desk) -> None:
    _, owner = await _shop(desk)
    await _import(desk, owner)
    job = await _import(desk, owner, HEADER + "李晓梅,13800138000,店长,SZ\n许文,13800138001,店长,HZ\n")
    assert _counts(job) == (0, 1, 1, 0)
    people = await _people(desk, owner)
    assert people["+8613800138000"] == ("李晓梅", "manager", "SZ")
    assert len(people) == 4


async def test_every_bad_row_is_named(desk: Desk) -> None:
    brand_id, owner = await _shop(desk)
    closed = await desk.store(brand_id, "Closed")
    await desk.ask("PATCH", f"/api/stores/{closed.id}", by=owner, json={"closed": True})
    async with desk.database.transaction() as session:
        boss = NewAccount(name="Boss", role=Role.OPERATOR, phone="13900000001")
        await create_account(session, brand_id, boss)
        off = await create_account(
            session, brand_id, NewAccount(name="Off", role=Role.DISTRIBUTOR, phone="13900000002")
        )
    await desk.ask("POST", f"/api/accounts/{off.id}/disable", by=owner)
    rows = [
        "好人,13800138000,,HZ",
        "无店,13800138001,导购,XX",
        "坏号,12345,导购,HZ",
        "老板,13800138002,老板,HZ",
        "重复,+86 138 0013 8000,导购,HZ",
        "没写店,13800138003,导购,",
        "外部,13800138004,群主,HZ",
        ",13800138005,导购,HZ",
        f"停业,13800138006,导购,{closed.code}",
        "总部,13900000001,导购,HZ",
        "停用,13900000002,经销商,",
    ]
    job = await _import(desk, owner, HEADER + "\n".join(rows))
    assert _counts(job) == (1, 0, 0, 10)
    assert [(one["row"], one["column"]) for one in job["refusals"]] == [
        (3, "store"),
        (4, "phone"),
        (5, "role"),
        (6, "phone"),
        (7, "store"),
        (8, "store"),
        (9, "name"),
        (10, "store"),
        (11, "phone"),
        (12, "phone"),
    ]
    assert "+8613800138000" in await _people(desk, owner)


async def test_another_brand_has_its_own_people_and_stores(desk: Desk) -> None:
    await _shop(desk)
    other = await desk.staff(await desk.brand("Other"))
    job = await _import(desk, other)
    assert _counts(job) == (2, 0, 0, 2)
    assert {one["message"] for one in job["refusals"]} == {"there is no store with this code"}


async def test_lists_sent_at_once_make_each_person_once(desk: Desk) -> None:
    _, owner = await _shop(desk)
    path = "/api/accounts/imports"
    sent = await asyncio.gather(*(desk.ask("POST", path, by=owner, content=LIST.encode()) for _ in range(4)))
    await asyncio.gather(*(Queue(desk.database).drain() for _ in range(3)))
    jobs = [(await desk.ask("GET", one.headers["location"], by=owner)).json() for one in sent]
    assert sorted(job["counts"]["created"] for job in jobs) == [0, 0, 0, 4]


async def test_a_move_by_list_signs_nobody_out(desk: Desk) -> None:
    _, owner = await _shop(desk)
    await _import(desk, owner)
    async with desk.database.transaction() as session:
        (mei,) = (await session.exec(select(Account).where(Account.name == "李晓梅"))).all()
        session.add(
            StaffSession(token_hash=b"x", account_id=mei.id, created_at=desk.watch(), expires_at=desk.watch())
        )
    await _import(desk, owner, HEADER + "李晓梅,13800138000,导购,SZ\n")
    async with desk.database.transaction() as session:
        kept = (await session.exec(select(StaffSession).where(StaffSession.account_id == mei.id))).all()
    assert len(kept) == 1


STORES, PEOPLE = 1_000, 8_000


async def test_a_thousand_stores_and_eight_thousand_people_land_in_a_minute(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    started = monotonic()
    stores = "".join(f"Store {at},S{at},Region {at % 30},Road {at}\n" for at in range(STORES))
    people = "".join(f"Guide {at},{13_800_000_000 + at},导购,S{at % STORES}\n" for at in range(PEOPLE))
    for path, text in (
        ("/api/stores/imports", "name,code,region,address\n" + stores),
        ("/api/accounts/imports", HEADER + people),
    ):
        sent = await desk.ask("POST", path, by=owner, content=text.encode())
        await Queue(desk.database).drain()
        job = (await desk.ask("GET", sent.headers["location"], by=owner)).json()
        assert (job["state"], job["counts"]["refused"]) == ("done", 0), job
    assert monotonic() - started < 60
    async with desk.database.transaction() as session:
        assert (await session.exec(select(func.count()).select_from(Store))).one() == STORES
        people_kept = select(func.count()).select_from(Account).where(col(Account.phone).is_not(None))
        assert (await session.exec(people_kept)).one() == PEOPLE


WORKER = """
import asyncio, sys
import server.accounts.imports, server.reactions
from server.kit.database import Database
from server.kit.jobs.queue import Queue
server.accounts.imports.BATCH = 25
asyncio.run(Queue(Database(sys.argv[1]), heartbeat_s=1).run(asyncio.Event()))
"""


async def test_a_list_whose_worker_is_killed_in_the_middle_lands_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "POLL_S", 0.1)
    monkeypatch.setattr(imports, "BATCH", 100)
    _, owner = await _shop(desk)
    count = 2_000
    rows = "".join(f"Guide {at},{13_800_000_000 + at},,{'HZ' if at % 10 else 'XX'}\n" for at in range(count))
    sent = await desk.ask("POST", "/api/accounts/imports", by=owner, content=(HEADER + rows).encode())

    async def job() -> dict[str, Any]:
        read: dict[str, Any] = (await desk.ask("GET", sent.headers["location"], by=owner)).json()
        return read

    worker = subprocess.Popen([sys.executable, "-c", WORKER, desk.database.url])
    try:
        async with asyncio.timeout(60):
            while (await job())["done"] == 0:
                await asyncio.sleep(0.02)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert 0 < (await job())["done"] < count

    stop = asyncio.Event()
    other = asyncio.create_task(Queue(desk.database, heartbeat_s=1).run(stop))
    async with asyncio.timeout(60):
        while (ended := await job())["state"] == "running":
            await asyncio.sleep(0.05)
    stop.set()
    await other
    assert (ended["state"], ended["done"], ended["refusal_count"]) == ("done", count, count // 10)
    assert _counts(ended) == (count * 9 // 10, 0, 0, count // 10)
    async with desk.database.transaction() as session:
        kept = select(func.count()).select_from(Account).where(col(Account.phone).is_not(None))
        assert (await session.exec(kept)).one() == count * 9 // 10


async def test_who_has_a_password_keeps_it_through_a_list(desk: Desk) -> None:
    brand_id, owner = await _shop(desk)
    async with desk.database.transaction() as session:
        new = NewAccount(
            name="Li", role=Role.DISTRIBUTOR, phone="13800138002", login="laozhou", password=PASSWORD
        )
        await create_account(session, brand_id, new)
    assert _counts(await _import(desk, owner)) == (3, 1, 0, 0)
    signed_in = await desk.ask("POST", "/api/session", json={"login": "laozhou", "password": PASSWORD})
    assert signed_in.json()["account"]["name"] == "老周"
