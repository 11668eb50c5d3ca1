"""The caller's own brand over HTTP."""

from __future__ import annotations

from server.kit.principal import Role
from tests.server.brands.desk import Desk


async def test_staff_see_their_own_brand(desk: Desk) -> None:
    await desk.brand("Other House")
    brand_id = await desk.brand("Tea House")
    guide = await desk.staff(brand_id, Role.GUIDE, store_id=(await desk.store(brand_id)).id)
    answer = await desk.ask("GET", "/api/brand", by=guide)
    assert answer.json() == {"brand_id": str(brand_id), "name": "Tea House"}


async def test_only_an_owner_renames_the_brand(desk: Desk) -> None:
    brand_id = await desk.brand()
    owner, operator = await desk.staff(brand_id), await desk.staff(brand_id, Role.OPERATOR)
    assert (await desk.ask("PATCH", "/api/brand", by=operator, json={"name": "Mine"})).status_code == 403
    changed = await desk.ask("PATCH", "/api/brand", by=owner, json={"name": " 西湖茶庄 "})
    assert changed.json()["name"] == "西湖茶庄"


async def test_a_field_that_is_not_known_is_refused(desk: Desk) -> None:
    owner = await desk.staff(await desk.brand())
    refused = await desk.ask("PATCH", "/api/brand", by=owner, json={"name": "A", "colour": "red"})
    assert refused.status_code == 422
    assert refused.headers["content-type"].startswith("application/problem+json")
