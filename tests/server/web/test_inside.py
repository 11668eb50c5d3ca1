"""Figures and processes are for those who run the installation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from server.kit.jobs import service as jobs
from server.kit.settings import Settings
from server.web.inside import from_inside
from tests.server.rooms.floor import Floor

FORWARDED = {"X-Forwarded-For": "192.0.2.7"}


async def test_health_tells_the_inside_of_its_parts_and_others_whether_all_is_well(floor: Floor) -> None:
    inside = await floor.web.get("/health/ready")
    assert inside.json()["parts"] == {"postgresql": True, "redis": True}
    outside = await floor.web.get("/health/ready", headers=FORWARDED)
    assert (outside.status_code, outside.json()) == (200, {"ok": True})


async def test_figures_are_for_the_inside_and_hold_sockets_and_the_media_node(floor: Floor) -> None:
    async with floor.visitor(await floor.stage.shop.member()) as visitor:
        await visitor.hello()
        figures = (await floor.web.get("/metrics")).text
    assert "\nshowfloor_rooms_sessions 1.0\n" in figures
    assert '\nshowfloor_media_away{node="127.0.0.1:0"} 1.0\n' in figures
    assert (await floor.web.get("/metrics", headers=FORWARDED)).status_code == 403


async def test_figures_count_the_jobs_of_all_by_kind_and_state(floor: Floor) -> None:
    shop = floor.stage.shop
    async with shop.database.transaction() as session:
        await jobs.start(session, shop.owner, "catalog.import", upload=b"title,price\n")
    figures = (await floor.web.get("/metrics")).text
    assert '\nshowfloor_jobs_kept{kind="catalog.import",state="waiting"} 1.0\n' in figures
    assert "\nshowfloor_jobs_waiting_seconds " in figures


@pytest.mark.parametrize(
    ("address", "headers", "inside"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("172.20.0.9", {}, True),
        ("172.20.0.9", {"x-forwarded-for": "172.20.0.9"}, False),
        ("192.168.1.5", {}, False),
        ("a name", {}, False),
    ],
)
def test_the_inside_is_this_machine_and_the_proxies_network(
    address: str, headers: dict[str, str], inside: bool
) -> None:
    settings = Settings(
        database_url="",
        redis_url="",
        data=Path("/nowhere"),
        secret="ab" * 32,
        base_url="",
        trusted_proxies=("172.16.0.0/12",),
    )
    connection = SimpleNamespace(client=SimpleNamespace(host=address), headers=headers)
    assert from_inside(connection, settings) is inside  # type: ignore[arg-type]
