"""Whoever a ban or a narrower audience excludes loses the picture too, whatever plays it: the web role, the worker's
look and a media node, as the product wires them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import event, text

from live.broker.redis import RedisBroker
from live.media.node import MediaNode
from server.chat import bans
from server.kit.database import Database
from server.kit.principal import Principal
from server.members.models import Member
from server.rooms import media, media_watch, service, spectators
from server.rooms.media_gateway import MediaGateway, MediaNodeLine, MediaUnavailable
from server.rooms.media_node import create_media_app
from server.rooms.media_rounds import AGAIN, EVERYWHERE, Rounds
from server.rooms.rules import Audience
from tests.live.media.offers import BROWSER_OFFER, PLAYER_OFFER
from tests.live.media.players import player
from tests.live.media.stage import served
from tests.server.rooms.floor import Floor, open_floor
from tests.server.rooms.stage import Stage, settings_for

WITHIN = 5.0  # seconds; there is a look each second


@dataclass
class Cinema:
    floor: Floor
    node: MediaNode
    address: str

    @property
    def stage(self) -> Stage:
        return self.floor.stage

    async def offer(
        self, sdp: str, who: Principal | None, *, device: str = "", room: UUID | None = None, token: str = ""
    ) -> httpx.Response:
        headers = {"Content-Type": "application/sdp"} | ({"Showfloor-Device": device} if device else {})
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        return await self.floor.ask(
            "POST", f"/whep/{room or self.stage.room_id}", who, content=sdp, headers=headers
        )

    async def watch(self, who: Principal | None, **more) -> str:
        """A session as far as the node is concerned. Returns its name there."""
        answer = await self.offer(PLAYER_OFFER, who, **more)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"].rpartition(".")[2]

    def here(self, session: str) -> bool:
        return self.node._sessions.resource(session) is not None

    async def ban(self, who: Principal, **how) -> None:
        now = datetime.now(UTC)
        async with self.stage.session() as session:
            await bans.ban(session, self.stage.owner, self.stage.room_id, who.id, now, **how)

    async def narrow(self, audience: Audience, room: UUID | None = None) -> None:
        async with self.stage.session() as session:
            room_id = room or self.stage.room_id
            await service.change(session, self.stage.owner, room_id, title=None, audience=audience)

    async def knows(self, who: Principal, device: str) -> None:
        """Came into the room by this device before."""
        async with self.floor.visitor(who) as visitor:
            await visitor.hello(device=device)


@pytest.fixture
async def cinema(stage, redis_url) -> AsyncIterator[Cinema]:
    media_app = create_media_app(settings_for(stage.database, redis_url))
    async with served(media_app) as address, open_floor(stage, redis_url, media_http=address) as floor:
        yield Cinema(floor, media_app.state.node, address)


@asynccontextmanager
async def looking(cinema: Cinema, redis_url: str) -> AsyncIterator[None]:
    broker, stop = RedisBroker(redis_url), asyncio.Event()
    settings = settings_for(cinema.stage.database, redis_url, media_http=cinema.address)
    worker = asyncio.create_task(media_watch.watch_media(settings, cinema.stage.database, broker, stop))
    try:
        yield
    finally:
        stop.set()
        await worker
        await broker.aclose()


@pytest.fixture
async def rounds(cinema, redis_url) -> AsyncIterator[Rounds]:
    gateway = MediaGateway(settings_for(cinema.stage.database, redis_url, media_http=cinema.address))
    database = Database(cinema.stage.database.url)
    yield Rounds(database, gateway)
    await database.close()
    await gateway.aclose()


async def look(rounds: Rounds, times: int = 1) -> None:
    for _ in range(times):
        await rounds.make(await rounds._gateway.reports())


async def test_the_picture_of_a_banned_viewer_ends_in_a_player_that_is_not_our_page(cinema, redis_url):
    wang, other = await cinema.stage.shop.members(2)

    def signal(who: Principal):
        async def post(sdp: str) -> str:
            return (await cinema.offer(sdp, who)).text

        return post

    async with looking(cinema, redis_url), player(signal(wang)) as rude, player(signal(other)) as polite:
        async with asyncio.timeout(WITHIN):
            while cinema.node.figures().viewers < 2:
                await asyncio.sleep(0.01)
        await cinema.ban(wang)
        async with asyncio.timeout(WITHIN):
            while rude.connection.connectionState == "connected":
                await asyncio.sleep(0.01)
        assert polite.connection.connectionState == "connected"
        assert (await cinema.offer(PLAYER_OFFER, wang)).json()["slug"] == "banned"


async def test_a_ban_ends_every_session_of_the_member_and_of_whoever_uses_the_device(cinema, rounds):
    wang, zhao, other = await cinema.stage.shop.members(3)
    await cinema.knows(wang, "phone-1")
    gone = [
        await cinema.watch(wang, device="phone-1"),
        await cinema.watch(wang),
        await cinema.watch(zhao, device="phone-1"),
    ]
    stay = [
        await cinema.watch(zhao, device="phone-2"),
        await cinema.watch(other),
        await cinema.watch(None),
        await cinema.watch(
            None, token=media.whep_token(cinema.floor.settings, cinema.stage.room_id, datetime.now(UTC))
        ),
        await cinema.watch(wang, room=await cinema.stage.room()),
        await cinema.watch(cinema.stage.host),
    ]
    await look(rounds)
    assert all(map(cinema.here, gone))
    await cinema.ban(wang)
    await look(rounds, AGAIN + 1)
    assert not any(map(cinema.here, gone))
    assert all(map(cinema.here, stay))


async def test_a_ban_from_all_rooms_ends_what_is_watched_in_any(cinema, rounds):
    wang = await cinema.stage.shop.member()
    rooms = [cinema.stage.room_id, *[await cinema.stage.room(state="live") for _ in range(2)]]
    sessions = [await cinema.watch(wang, room=room) for room in rooms]
    await look(rounds)
    await cinema.ban(wang, everywhere=True)
    await look(rounds)
    assert not any(map(cinema.here, sessions))


async def test_a_narrower_audience_ends_the_picture_of_whom_it_excludes(cinema, rounds):
    guest, member = await cinema.stage.shop.members(2)
    async with cinema.stage.session() as session:
        (await session.get(Member, member.id)).phone = "13800000001"
    token = media.whep_token(cinema.floor.settings, cinema.stage.room_id, datetime.now(UTC))
    gone = [await cinema.watch(guest), await cinema.watch(None)]
    stay = [await cinema.watch(member), await cinema.watch(None, token=token)]
    await look(rounds)
    await cinema.narrow(Audience.MEMBERS)
    await look(rounds)
    assert [cinema.here(session) for session in [*gone, *stay]] == [False, False, True, True]
    await cinema.narrow(Audience.STAFF)
    await look(rounds)
    assert [cinema.here(session) for session in stay] == [False, True]


async def test_a_guest_who_has_become_a_member_is_banned_as_that_member(cinema, rounds):
    guest, member = await cinema.stage.shop.members(2)
    session = await cinema.watch(guest)
    async with cinema.stage.session() as database:
        (await database.get(Member, guest.id)).merged_into = member.id
    await look(rounds)
    await cinema.ban(member)
    await look(rounds)
    assert not cinema.here(session)


async def test_whoever_was_on_the_way_when_the_ban_came_is_found_at_one_of_the_next_looks(cinema, rounds):
    wang = await cinema.stage.shop.member()
    await cinema.watch(None)
    await look(rounds)
    await cinema.ban(wang)
    await look(rounds)
    late = await cinema.node.play(str(cinema.stage.room_id), PLAYER_OFFER, spectators.label(wang.id, None))
    await look(rounds, AGAIN - 1)
    assert not cinema.here(late.id)


async def test_what_no_fact_told_is_found_by_the_round_of_all_rooms(cinema, rounds):
    wang = await cinema.stage.shop.member()
    session = await cinema.watch(wang)
    await cinema.ban(wang)
    async with cinema.stage.session() as database:
        await database.execute(text("DELETE FROM outbox WHERE kind = 'member.banned'"))
    await look(rounds)  # a new worker's first
    assert not cinema.here(session)
    late = await cinema.node.play(str(cinema.stage.room_id), PLAYER_OFFER, spectators.label(wang.id, None))
    await look(rounds, EVERYWHERE - 1)
    assert cinema.here(late.id)
    await look(rounds)
    assert not cinema.here(late.id)


async def test_a_node_that_did_not_answer_is_gone_round_when_it_answers_again(cinema, rounds):
    wang = await cinema.stage.shop.member()
    session = await cinema.watch(wang)
    await look(rounds)
    await cinema.ban(wang)
    for _ in range(2 * AGAIN):
        await rounds.make({cinema.address: None})
    assert cinema.here(session)
    await look(rounds)
    assert not cinema.here(session)


async def test_a_ban_that_has_ended_excludes_nobody(cinema, rounds):
    wang = await cinema.stage.shop.member()
    session = await cinema.watch(wang)
    await cinema.ban(wang, minutes=1)
    rounds._clock = lambda: datetime.now(UTC) + timedelta(minutes=2)
    await look(rounds)
    assert cinema.here(session)


async def test_a_look_at_rooms_where_nothing_happened_asks_the_node_nothing_and_the_database_twice(
    cinema, rounds, monkeypatch
):
    await cinema.watch(None)
    await look(rounds)
    statements: list[str] = []
    engine = rounds._database.engine.sync_engine
    reports = await rounds._gateway.reports()
    asked: list[str] = []

    async def refuse(self: MediaNodeLine, room_id: str) -> list[str]:
        asked.append(room_id)
        raise MediaUnavailable(retry_after_s=2)

    monkeypatch.setattr(MediaNodeLine, "viewers", refuse)

    def note(connection, cursor, statement, *_) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        await rounds.make(reports)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert asked == []
    assert len(statements) == 2


async def test_dismissing_ends_sessions_of_this_name_in_this_room_only(cinema):
    node = cinema.node
    gone = [await node.play("r", PLAYER_OFFER, "wang") for _ in range(2)]
    stay = [
        await node.play("r", PLAYER_OFFER, "zhao"),
        await node.play("r", PLAYER_OFFER),
        await node.play("other", PLAYER_OFFER, "wang"),
        await node.publish("r", BROWSER_OFFER),
    ]
    line = MediaNodeLine(cinema.address, cinema.floor.settings.secret)
    assert await line.viewers("r") == ["wang", "zhao"]
    await line.dismiss("r", "wang")
    await line.dismiss("r", "nobody")
    assert [cinema.here(one.id) for one in [*gone, *stay]] == [False] * 2 + [True] * 4
    assert await line.viewers("r") == ["zhao"]
    await line.aclose()


async def test_nobody_from_outside_may_ask_who_watches_or_end_it(cinema):
    async with httpx.AsyncClient(base_url=f"http://{cinema.address}") as stranger:
        assert (await stranger.get("/rooms/r/viewers")).status_code == 403
        assert (await stranger.delete("/rooms/r/viewers/wang")).status_code == 403
