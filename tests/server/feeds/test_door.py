from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from server.feeds import tokens
from server.kit.principal import Principal, Role
from server.kit.tokens import Signer
from tests.server.feeds.show import Show


async def knock(show: Show, room_id: UUID | str, token: str, *, query: bool = False) -> tuple[int, int, int]:
    """How the stream, the export and the socket answer: two statuses, and a status told by the problem or 101."""
    headers = {} if query or not token else {"Authorization": f"Bearer {token}"}
    tail = f"?token={token}" if query else ""
    path = f"/api/rooms/{room_id}/feed"
    async with show.floor.web.stream("GET", f"{path}{tail}", headers=headers) as stream:
        streamed = stream.status_code
    exported = (await show.floor.web.get(f"{path}/export{tail}", headers=headers)).status_code
    async with show.socket(token, room_id) as tool:
        await tool.send(type="hello", v=1)
        first = await tool.until(lambda frame: frame["type"] in {"welcome", "problem"})
        if first["type"] == "problem":
            await tool.socket.wait_closed()
            assert tool.socket.close_code == (4521 if first["problem"]["status"] == 404 else 4520)
    return streamed, exported, first["problem"]["status"] if first["type"] == "problem" else 101


OPEN = (200, 200, 101)


def shut(status: int) -> tuple[int, int, int]:
    return status, status, status


async def ask_for_token(show: Show, room_id: UUID, by: Principal | None, **body: Any) -> httpx.Response:
    return await show.floor.ask("POST", f"/api/rooms/{room_id}/feed-tokens", by, json=body or {"days": 1})


async def disable(show: Show, who: Principal) -> None:
    async with show.stage.session() as session:
        await session.execute(text("UPDATE account SET disabled_at = now() WHERE id = :id"), {"id": who.id})


async def test_whoever_sees_a_rooms_figures_hears_its_feed_and_nobody_else(show: Show) -> None:
    stage = show.stage
    store_id = stage.shop.store_id
    other_store = await stage.store()
    own_room = await stage.room(state="live", store_id=store_id)
    staff = stage.staff
    others = [
        await stage.hire(Role.MANAGER, store_id=other_store),
        await stage.hire(Role.GUIDE, store_id=other_store),
    ]
    brands_owner, member = await stage.other_brand_owner(), await stage.shop.member()
    cases: list[tuple[Principal | None, UUID, int]] = [
        *((staff[role], stage.room_id, 200) for role in (Role.OWNER, Role.OPERATOR, Role.HOST)),
        *((staff[role], stage.room_id, 200) for role in (Role.FINANCE, Role.READ_ONLY)),
        *((staff[role], stage.room_id, 403) for role in (Role.MODERATOR, Role.MANAGER, Role.GUIDE)),
        *((staff[role], own_room, 200) for role in (Role.OWNER, Role.MANAGER, Role.GUIDE, Role.FINANCE)),
        *((staff[role], own_room, 403) for role in (Role.HOST, Role.MODERATOR)),
        *((other, own_room, 404) for other in others),
        *((other, stage.room_id, 403) for other in others),
        *((brands_owner, room_id, 404) for room_id in (stage.room_id, own_room)),
        (member, stage.room_id, 403),
        (None, stage.room_id, 401),
    ]
    for who, room_id, status in cases:
        told = f"{who and who.role} in {room_id}"
        token = await show.floor.token(who) if who else ""
        assert await knock(show, room_id, token) == (OPEN if status == 200 else shut(status)), told
        asked = await ask_for_token(show, room_id, who)
        reads = who is not None and who.role is Role.READ_ONLY  # and lends nothing on
        assert asked.status_code == (403 if reads else 201 if status == 200 else status), told


async def test_who_may_only_read_revokes_no_token(show: Show) -> None:
    stage = show.stage
    made = (await ask_for_token(show, stage.room_id, stage.owner)).json()
    path = f"/api/rooms/{stage.room_id}/feed-tokens/{made['id']}"
    assert (await show.floor.ask("DELETE", path, stage.staff[Role.READ_ONLY])).status_code == 403
    assert await knock(show, stage.room_id, made["token"]) == OPEN


async def test_a_token_opens_the_feed_of_its_room_and_nothing_else(show: Show) -> None:
    stage = show.stage
    other_room = await stage.room(state="live")
    made = await ask_for_token(show, stage.room_id, stage.owner, days=30)
    token, base = made.json()["token"], show.floor.settings.base_url
    assert made.json() == {
        "id": made.json()["id"],
        "token": token,
        "expires_at": made.json()["expires_at"],
        "ws_url": f"{base.replace('http', 'ws')}/ws/rooms/{stage.room_id}/feed",
        "sse_url": f"{base}/api/rooms/{stage.room_id}/feed",
        "export_url": f"{base}/api/rooms/{stage.room_id}/feed/export",
    }
    days = datetime.fromisoformat(made.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=30, seconds=-30) < days <= timedelta(days=30)
    assert await knock(show, stage.room_id, token) == OPEN
    assert await knock(show, stage.room_id, token, query=True) == OPEN
    assert await knock(show, other_room, token) == shut(404)
    headers = {"Authorization": f"Bearer {token}"}
    for path in (
        f"/api/rooms/{stage.room_id}/figures",
        f"/api/rooms/{stage.room_id}/messages",
        "/api/orders",
        "/api/me",
    ):
        answer = await show.floor.web.get(path, headers=headers)
        assert answer.status_code in {401, 404}, path
    again = await show.floor.web.post(
        f"/api/rooms/{stage.room_id}/feed-tokens", headers=headers, json={"days": 1}
    )
    assert again.status_code == 401
    async with show.floor.visitor(None, path=f"/ws/rooms/{stage.room_id}?token={token}&x=") as room:
        await room.send(type="hello", v=1)
        told = await room.until(lambda frame: frame["type"] == "problem")
        assert told["problem"]["slug"] == "not-signed-in"


async def test_a_token_lives_for_one_to_three_hundred_and_sixty_five_days(show: Show) -> None:
    stage = show.stage
    for body in ({"days": 0}, {"days": 366}, {"days": 1.5}, {"days": 1, "hours": 1}, {"hours": 1}):
        assert (await ask_for_token(show, stage.room_id, stage.owner, **body)).status_code == 422, body
    yesterday = datetime.now(UTC) - timedelta(days=1)
    async with stage.session() as session:
        spent, fresh = [
            (await tokens.issue(session, stage.room_id, stage.owner.id, "", 1, yesterday + later))[0]
            for later in (timedelta(seconds=-1), timedelta(seconds=30))
        ]
    assert await knock(show, stage.room_id, spent) == shut(401)
    assert await knock(show, stage.room_id, fresh) == OPEN


async def test_what_is_no_token_of_a_feed_opens_nothing(show: Show) -> None:
    whip = Signer(show.floor.settings.secret, "whip").issue(
        {"room": str(show.stage.room_id)}, datetime.now(UTC), timedelta(days=1)
    )
    for token in (whip, "nonsense", "a.b.c", "sfs_nobody", "sff_nobody"):
        assert await knock(show, show.stage.room_id, token) == shut(401)


async def test_tokens_are_listed_by_name_and_a_revoked_one_opens_nothing_any_more(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.session.RECHECK_S", 0.0)
    stage, path = show.stage, f"/api/rooms/{show.stage.room_id}/feed-tokens"
    till, printer = [
        (await ask_for_token(show, stage.room_id, stage.owner, days=7, name=name)).json()
        for name in ("Till", " Printer ")
    ]
    listed = (await show.floor.ask("GET", path, stage.host)).json()["items"]
    assert [(one["name"], one["made_by"]) for one in listed] == [("Printer", "Owner"), ("Till", "Owner")]
    assert "token" not in listed[0]
    for who, status in ((stage.staff[Role.MODERATOR], 403), (await stage.other_brand_owner(), 404)):
        assert (await show.floor.ask("GET", path, who)).status_code == status
        assert (await show.floor.ask("DELETE", f"{path}/{till['id']}", who)).status_code == status
    elsewhere = f"/api/rooms/{await stage.room()}/feed-tokens/{till['id']}"
    assert (await show.floor.ask("DELETE", elsewhere, stage.owner)).status_code == 404
    async with show.socket(till["token"]) as tool:
        await tool.hello()
        for _ in range(2):
            assert (await show.floor.ask("DELETE", f"{path}/{till['id']}", stage.host)).status_code == 204
        async with asyncio.timeout(20):
            await tool.socket.wait_closed()
    assert await knock(show, stage.room_id, till["token"]) == shut(401)
    assert await knock(show, stage.room_id, printer["token"]) == OPEN
    left = (await show.floor.ask("GET", path, stage.host)).json()["items"]
    assert [one["id"] for one in left] == [printer["id"]]


async def test_a_token_is_worth_what_whoever_made_it_may_see(show: Show) -> None:
    stage = show.stage
    finance = await stage.hire(Role.FINANCE)
    token = await show.token(finance)
    assert await knock(show, stage.room_id, token) == OPEN
    async with stage.session() as session:
        await session.execute(
            text("UPDATE account SET role = 'moderator' WHERE id = :id"), {"id": finance.id}
        )
    assert await knock(show, stage.room_id, token) == shut(403)
    await disable(show, finance)
    assert await knock(show, stage.room_id, token) == shut(401)


async def test_what_is_open_ends_when_the_right_to_hear_it_does(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.session.RECHECK_S", 0.0)
    finance = await show.stage.hire(Role.FINANCE)
    token = await show.token(finance)
    async with show.stream(token) as events, show.socket(token) as tool:
        await tool.hello()
        await disable(show, finance)
        problem = await events.until(lambda event: event.kind == "problem")
        assert problem.data["slug"] == "not-signed-in"
        await events.to_the_end()
        async with asyncio.timeout(20):
            await tool.socket.wait_closed()
        assert tool.socket.close_code == 4520


async def test_a_token_that_is_named_stands_before_the_cookie(show: Show) -> None:
    cookie = {"Cookie": f"showfloor_staff={await show.floor.token(show.stage.owner)}"}
    for path, status in ((f"{show.path}/export", 200), (f"{show.path}/export?token=spent", 401)):
        assert (await show.floor.web.get(path, headers=cookie)).status_code == status


@pytest.mark.parametrize("room_id", ["nonsense", "0199f3c2-0000-7000-8000-000000000001"])
async def test_the_feed_of_a_room_that_is_not_there_is_not_there(show: Show, room_id: str) -> None:
    token = await show.floor.token(show.stage.owner)
    assert await knock(show, room_id, token) == shut(404)


async def test_a_stream_that_can_not_begin_says_so_with_its_status(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    from live.broker import BrokerUnavailable
    from live.hub import Hub

    async def join(*_: Any) -> None:
        raise BrokerUnavailable

    token = await show.token()
    monkeypatch.setattr(Hub, "join", join)
    answer = await show.floor.web.get(show.path, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["slug"]) == (503, "unavailable")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
