from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from server.attribution.models import InvitationLink, Touch, Visit
from server.kit.clock import utc_now
from server.kit.limits import Limiter
from server.kit.principal import Role
from server.kit.problems import Forbidden, NotFound, NotSignedIn, TooMany
from server.kit.redis import Redis
from server.members.audience import InvitedOnly, MembersOnly
from server.rooms import media, service
from server.rooms.media import MediaDoor
from server.rooms.media_proxy import Admission
from tests.server.rooms.stage import NOON, Stage, settings_for


async def enter(stage: Stage, who, room_id):
    async with stage.session() as session:
        return await service.to_enter(session, who, room_id)


async def touch(stage: Stage, member, room_id, refused: str | None = None):
    link = InvitationLink(
        brand_id=stage.shop.brand_id, code=f"{room_id}{refused}", room_id=room_id, channel=str(refused)
    )
    async with stage.session() as session:
        session.add(link)
        await session.flush()
        session.add(
            Touch(
                brand_id=stage.shop.brand_id,
                link_id=link.id,
                member_id=member.id,
                until=utc_now() + timedelta(days=7),
                refused=refused,
            )
        )


async def test_a_public_room_is_open_to_strangers_and_other_brands_viewers(stage):
    stranger = await stage.other_brand_owner()
    assert (await enter(stage, None, stage.room_id)).id == stage.room_id
    assert (await enter(stage, stranger, stage.room_id)).id == stage.room_id


async def test_a_link_that_counts_opens_an_invited_room(stage):
    room_id = await stage.room(audience="invited")
    member = await stage.shop.member()
    with pytest.raises(NotSignedIn):
        await enter(stage, None, room_id)
    await touch(stage, member, room_id, refused="self-invite")
    with pytest.raises(InvitedOnly):
        await enter(stage, member, room_id)
    await touch(stage, member, room_id)
    assert await enter(stage, member, room_id)


async def test_whoever_was_in_an_invited_room_comes_in_again(stage):
    room_id = await stage.room(audience="invited")
    member = await stage.shop.member()
    async with stage.session() as session:
        session.add(Visit(room_id=room_id, member_id=member.id, brand_id=stage.shop.brand_id))
    assert await enter(stage, member, room_id)


async def test_a_phone_number_opens_a_members_room(stage):
    room_id = await stage.room(audience="members")
    member = await stage.shop.member()
    with pytest.raises(MembersOnly):
        await enter(stage, member, room_id)
    async with stage.session() as session:
        await session.execute(
            text("UPDATE member SET phone = '13800000000' WHERE id = :id"), {"id": member.id}
        )
    assert await enter(stage, member, room_id)


async def test_a_stores_own_room_is_not_there_for_another_stores_guide(stage):
    room_id = await stage.room(store_id=stage.shop.store_id)
    other_guide = await stage.hire(Role.GUIDE, store_id=await stage.store())
    with pytest.raises(NotFound):
        await enter(stage, other_guide, room_id)
    assert await enter(stage, stage.staff[Role.GUIDE], room_id)


# Pictures


class Door:
    """Knocks at the media door as a connection would."""

    def __init__(self, stage: Stage, redis: Redis) -> None:
        self.settings = settings_for(stage.database, "redis://nowhere")
        self._door = MediaDoor(stage.database, self.settings, lambda: NOON, Limiter(redis))

    async def knock(
        self,
        room_id: Any,
        scope: Any,
        *,
        who=None,
        token: str = "",
        method: str = "POST",
        address: str = "192.0.2.1",
        device: str = "",
    ) -> Admission:
        connection: Any = SimpleNamespace(
            scope={"user": who, "method": method},
            headers=({"Authorization": f"Bearer {token}"} if token else {})
            | ({"Showfloor-Device": device} if device else {}),
            client=SimpleNamespace(host=address),
        )
        return await self._door(connection, str(room_id), scope)


@pytest.fixture
def door(stage, redis) -> Door:
    return Door(stage, redis)


async def test_a_broadcast_token_is_good_for_its_room_and_for_sending_only(stage, door):
    token = media.whip_token(door.settings, stage.room_id, stage.host.id, NOON)
    await door.knock(stage.room_id, "whip", token=token)
    other = await stage.room()
    with pytest.raises(NotSignedIn):
        await door.knock(other, "whip", token=token)
    private = await stage.room(audience="members")
    with pytest.raises(NotSignedIn):
        await door.knock(private, "whep", token=media.whip_token(door.settings, private, stage.host.id, NOON))


async def test_a_broadcast_token_ends_with_its_owners_right_to_run_the_room(stage, door):
    host = await stage.hire(Role.HOST)
    token = media.whip_token(door.settings, stage.room_id, host.id, NOON)
    await door.knock(stage.room_id, "whip", token=token)
    await change_account(stage, host.id, "role = 'finance'")
    with pytest.raises(Forbidden):
        await door.knock(stage.room_id, "whip", token=token)
    await change_account(stage, host.id, "role = 'host', disabled_at = now()")
    with pytest.raises(NotSignedIn):
        await door.knock(stage.room_id, "whip", token=token)


async def change_account(stage: Stage, account_id, change: str):
    async with stage.session() as session:
        await session.execute(text(f"UPDATE account SET {change} WHERE id = :id"), {"id": account_id})


async def test_sending_needs_staff_who_may_run_the_room(stage, door):
    await door.knock(stage.room_id, "whip", who=stage.host)
    with pytest.raises(Forbidden):
        await door.knock(stage.room_id, "whip", who=stage.staff[Role.GUIDE])
    with pytest.raises(NotSignedIn):
        await door.knock(stage.room_id, "whip", who=await stage.shop.member())


async def test_an_expired_broadcast_token_is_worth_nothing(stage, door):
    early = NOON - media.BROADCAST_TTL
    with pytest.raises(NotSignedIn):
        await door.knock(
            stage.room_id, "whip", token=media.whip_token(door.settings, stage.room_id, stage.host.id, early)
        )


async def test_watching_follows_the_audience_or_a_viewer_token(stage, door):
    room_id = await stage.room(audience="members")
    with pytest.raises(MembersOnly):
        await door.knock(room_id, "whep", who=await stage.shop.member())
    await door.knock(room_id, "whep", token=media.whep_token(door.settings, room_id, NOON))
    await door.knock(room_id, "whep", who=stage.host)
    await door.knock(stage.room_id, "whep")  # public


async def test_whoever_watches_is_known_to_the_node_by_member_and_device_but_not_by_a_viewer_token(
    stage, door
):
    wang = await stage.shop.member()
    here = stage.room_id
    alone = (await door.knock(here, "whep", who=wang)).viewer
    assert alone == str(wang.id)
    phone = (await door.knock(here, "whep", who=wang, device="phone-1")).viewer
    assert phone.startswith(f"{wang.id}.")
    assert phone == (await door.knock(here, "whep", who=wang, device="phone-1")).viewer
    assert phone != (await door.knock(here, "whep", who=wang, device="phone-2")).viewer
    stranger = await stage.other_brand_owner()
    nobody = (await door.knock(here, "whep")).viewer
    assert nobody == (await door.knock(here, "whep", who=stranger)).viewer == "anybody"
    token = media.whep_token(door.settings, here, NOON)
    assert (await door.knock(here, "whep", token=token, who=wang)).viewer is None
    assert (await door.knock(here, "whep", who=stage.host)).viewer is None
    assert (await door.knock(here, "whip", who=stage.host)).viewer is None


async def test_nobody_sends_into_an_ended_room_or_watches_there_but_what_began_may_be_ended(stage, door):
    room_id = await stage.room(state="ended")
    for knock in (
        {"scope": "whip", "who": stage.host},
        {"scope": "whep"},
        {"scope": "whep", "token": media.whep_token(door.settings, room_id, NOON)},
    ):
        with pytest.raises(media.RoomEnded):
            await door.knock(room_id, **knock)
        await door.knock(room_id, **knock, method="DELETE")


async def test_one_address_offers_to_watch_only_so_often_and_keeps_nobody_else_out(stage, door, monkeypatch):
    monkeypatch.setattr(door._door, "_offers", 3)
    for _ in range(3):
        await door.knock(stage.room_id, "whep")
    with pytest.raises(TooMany):
        await door.knock(stage.room_id, "whep")
    await door.knock(stage.room_id, "whep", method="DELETE")
    await door.knock(stage.room_id, "whep", address="192.0.2.2")
    await door.knock(stage.room_id, "whip", who=stage.host)


async def test_a_rooms_id_goes_on_in_its_one_spelling(stage, door):
    for text_ in (str(stage.room_id).upper(), stage.room_id.hex, f"{{{stage.room_id}}}"):
        assert (await door.knock(text_, "whep")).room_id == str(stage.room_id)


async def test_a_room_that_is_no_id_is_not_found(door):
    with pytest.raises(NotFound):
        await door.knock("../etc", "whep")
