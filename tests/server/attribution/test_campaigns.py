"""Campaigns: what guides invite for, and that what they brought sums to the credits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from server.attribution import campaigns, inviting, rules
from server.attribution.campaigns import ChangeCampaign, NewCampaign
from server.attribution.rules import Link, StoreName
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.kit.problems import Invalid, NotFound
from tests.server.shop import Shop


async def make(scene, **more):
    async with scene.shop.database.transaction() as session:
        return await campaigns.make(session, scene.shop.owner, NewCampaign(name="春茶周", **more), scene.now)


async def link(scene, who, campaign, channel="", room_id=None):
    async with scene.shop.database.transaction() as session:
        return await inviting.invite(
            session,
            scene.secret,
            who,
            room_id or scene.shop.room_id,
            channel,
            scene.now,
            campaign.campaign_id if campaign else None,
        )


async def seen(scene):
    async with scene.shop.database.transaction() as session:
        return (await campaigns.listing(session, scene.shop.owner, None, scene.now)).items[0]


async def end(scene, campaign):
    async with scene.shop.database.transaction() as session:
        return await campaigns.end(session, scene.shop.owner, campaign.campaign_id, scene.now)


async def brought(scene, shop, code):
    viewer = await shop.member()
    await scene.touch(viewer, code)
    await scene.enter(viewer)
    return viewer


def test_a_campaign_runs_from_its_start_on_and_is_over_with_its_end(now):
    hour = timedelta(hours=1)
    assert campaigns.stands(None, None, now) == "runs"
    assert campaigns.stands(now + hour, None, now) == "soon"
    assert campaigns.stands(now, now + hour, now) == "runs"
    assert campaigns.stands(now - hour, now, now) == "over"


@pytest.fixture
def now(scene):
    return scene.now


async def test_a_campaign_and_a_channel_have_a_link_of_their_own(scene):
    campaign = await make(scene)
    plain = await link(scene, scene.guide, None)
    own = await link(scene, scene.guide, campaign)
    moments = await link(scene, scene.guide, campaign, "moments")
    assert len({plain, own, moments}) == 3
    assert await link(scene, scene.guide, campaign, "moments") == moments
    shown = (await scene.get(None, f"/api/invitations/{moments}")).json()
    assert (shown["campaign"]["name"], shown["notice"]) == ("春茶周", None)


async def test_figures_by_channel_sum_to_the_credits_through_re_shares_and_refunds(scene, shop):
    campaign = await make(scene)
    group, moments = [await link(scene, scene.guide, campaign, name) for name in ("group", "moments")]
    a = await brought(scene, shop, group)
    await scene.touch(a, moments)  # one visitor by two channels
    b = await brought(scene, shop, await scene.invite(a, "share"))
    await brought(scene, shop, await scene.invite(scene.guide))  # without a campaign
    order_id = await scene.buy(b)
    await scene.buy(a, quantity=2)
    figures = await seen(scene)
    by = {one.channel: one for one in figures.channels}
    assert {name: (one.touches, one.visitors, one.orders) for name, one in by.items()} == {
        "group": (1, 1, 0),
        "moments": (1, 1, 1),
        "share": (1, 1, 1),
    }
    assert (figures.totals.links, figures.totals.touches, figures.totals.visitors) == (3, 3, 2)
    assert (figures.totals.orders, figures.totals.amount_minor) == (2, 3 * 9900)
    await scene.refund(order_id, 9900)
    figures = await seen(scene)
    assert (figures.totals.amount_minor, figures.totals.net_minor) == (3 * 9900, 2 * 9900)
    assert sum(one.net_minor for one in figures.channels) == figures.totals.net_minor
    async with shop.database.transaction() as session:
        credited = text("SELECT sum(amount_minor - reversed_minor) FROM credit WHERE campaign_id = :id")
        assert (await session.execute(credited, {"id": campaign.campaign_id})).scalar_one() == 2 * 9900
    assert await scene.broken() == {}


async def test_a_link_of_an_ended_campaign_is_the_guides_still_and_says_so(scene, shop):
    campaign = await make(scene)
    code = await link(scene, scene.guide, campaign)
    await end(scene, campaign)
    viewer = await shop.member()
    taken = await scene.touch(viewer, code)
    assert (taken.refused, taken.notice, taken.guide.name) == (None, "campaign-over", "Guide Li")
    assert (await scene.get(None, f"/api/invitations/{code}")).json()["notice"] == "campaign-over"
    assert (await scene.get(None, f"/i/{code}")).status_code == 302
    credit = await scene.credit(await scene.buy(viewer))
    assert credit.guide.name == "Guide Li"
    assert ((await seen(scene)).totals.touches, (await seen(scene)).totals.orders) == (0, 0)
    with pytest.raises(campaigns.CampaignOver):
        await link(scene, scene.guide, campaign, "group")


async def test_what_came_before_the_end_stays_the_campaigns_when_it_is_paid_after(scene, shop):
    campaign = await make(scene)
    viewer = await brought(scene, shop, await link(scene, scene.guide, campaign))
    await end(scene, campaign)
    scene.later(hours=1)
    await scene.buy(viewer)
    assert (await seen(scene)).totals.orders == 1


async def test_a_campaign_to_come_may_be_shared_and_counts_from_its_start(scene, shop):
    campaign = await make(scene, starts_at=scene.now + timedelta(days=1))
    code = await link(scene, scene.guide, campaign)
    await brought(scene, shop, code)
    assert ((await seen(scene)).standing, (await seen(scene)).totals.touches) == ("soon", 0)
    scene.later(days=1, minutes=1)
    await brought(scene, shop, code)
    assert ((await seen(scene)).standing, (await seen(scene)).totals.touches) == ("runs", 1)


async def test_guides_choose_among_the_rooms_own_campaigns_that_are_not_over(scene, shop):
    other_room = await scene.room()
    everywhere = await make(scene)
    elsewhere = await make(scene, room_id=other_room)
    await end(scene, await make(scene))
    answer = await scene.get(scene.guide, f"/api/rooms/{shop.room_id}/campaigns")
    assert [one["campaign_id"] for one in answer.json()["items"]] == [str(everywhere.campaign_id)]
    with pytest.raises(NotFound):
        await link(scene, scene.guide, elsewhere)
    assert await link(scene, scene.guide, elsewhere, room_id=other_room)


async def test_another_brands_campaign_room_and_product_are_not_there(scene, shop):
    other = await Shop.open(shop.database)
    for more in ({"room_id": other.room_id}, {"product_id": uuid7()}):
        with pytest.raises(NotFound):
            await make(scene, **more)
    campaign = await make(scene)
    async with shop.database.transaction() as session:
        with pytest.raises(NotFound):
            await campaigns.change(
                session, other.owner, campaign.campaign_id, ChangeCampaign(name="x"), scene.now
            )


async def test_a_campaign_ends_after_its_start_and_has_a_name(scene):
    for more in ({"starts_at": scene.now, "ends_at": scene.now - timedelta(1)}, {"background": "0" * 64}):
        with pytest.raises(Invalid):
            await make(scene, **more)


# Links that stand for nobody any more


async def gone(scene, table, column, id_):
    async with scene.shop.database.transaction() as session:
        await session.execute(text(f"UPDATE {table} SET {column} = now() WHERE id = :id"), {"id": id_})


def test_a_closed_stores_link_is_refused_and_a_gone_guides_is_the_stores():
    store = StoreName(uuid7(), "Hangzhou")
    closed = Link(link_id=uuid7(), code="", store=store, store_gone=True)
    left = Link(link_id=uuid7(), code="", store=store, guide_gone=True)
    outside = Link(link_id=uuid7(), code="", guide_gone=True)
    assert [rules.refusal(uuid7(), [one]) for one in (closed, left, outside)] == [
        "store-closed",
        None,
        "guide-gone",
    ]


async def test_a_guide_who_left_leaves_their_links_to_the_store(scene, shop):
    code = await scene.invite(scene.guide)
    await gone(scene, "account", "disabled_at", shop.guide_id)
    viewer = await shop.member()
    taken = await scene.touch(viewer, code)
    assert (taken.refused, taken.notice, taken.guide) == (None, "guide-gone", None)
    visit = await scene.visit(viewer)
    assert (visit.store_id, visit.guide_id) == (shop.store_id, None)
    credit = await scene.credit(await scene.buy(viewer))
    assert (credit.rule, credit.guide, credit.store.name) == ("last-touch", None, "Hangzhou")
    assert await scene.broken() == {}


async def test_an_order_in_hand_stays_the_guides_who_left_before_it_was_paid(scene, shop):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.guide))
    await scene.enter(viewer)
    order_id = await scene.order(viewer)
    await gone(scene, "account", "disabled_at", shop.guide_id)
    await scene.pay(viewer, order_id)
    credit = await scene.credit(order_id)
    assert (credit.rule, credit.guide.name) == ("last-touch", "Guide Li")


async def test_a_guide_from_outside_who_left_and_a_closed_store_carry_nobody(scene, shop):
    outside = await scene.hire(Role.DISTRIBUTOR, None, "Outside Wu")
    codes = [await scene.invite(outside), await scene.invite(scene.other_guide)]
    await gone(scene, "account", "disabled_at", outside.id)
    await gone(scene, "store", "closed_at", scene.other_store_id)
    viewer = await shop.member()
    assert [(await scene.touch(viewer, code)).refused for code in codes] == ["guide-gone", "store-closed"]
    assert (await scene.enter(viewer)).store_id is None
    assert [(await scene.get(None, f"/api/invitations/{code}")).json()["notice"] for code in codes] == [
        "guide-gone",
        "store-closed",
    ]


async def test_a_link_into_a_room_that_is_over_says_so_and_where_the_next_one_is(scene, shop):
    room_id = await scene.room()
    code = await scene.invite(scene.guide, room_id=room_id)
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE room SET state = 'ended' WHERE id = :id"), {"id": room_id})
    shown = (await scene.get(None, f"/api/invitations/{code}")).json()
    assert (shown["notice"], shown["next_room"]["room_id"]) == ("room-over", str(shop.room_id))


# The way from a link into the room


async def test_the_redirect_keeps_what_the_address_had_and_is_never_kept_itself(scene, shop):
    code = await scene.invite(scene.guide)
    opened = await scene.get(None, f"/i/{code}", lang="en", i="FORGED", p="x", utm_source="群 1")
    assert opened.headers["location"] == f"/live/{shop.room_id}?i={code}&lang=en&utm_source=%E7%BE%A4+1"
    assert opened.headers["cache-control"] == "no-store"
    long = await scene.get(None, f"/i/{code}", junk="x" * 2_000)
    assert long.headers["location"] == f"/live/{shop.room_id}?i={code}"


async def test_a_viewer_is_told_how_many_friends_came_by_their_links(scene, shop):
    viewer = await brought(scene, shop, await scene.invite(scene.guide))
    for channel in ("share", "poster"):
        await scene.touch(await shop.member(), await scene.invite(viewer, channel))
    await scene.touch(viewer, await scene.invite(viewer, "share"))
    made = await scene.post(viewer, "/api/invitations", {"room_id": str(shop.room_id), "channel": "share"})
    assert made.json()["friends"] == 2


async def test_a_channel_may_be_own_words(scene, shop):
    made = await scene.post(
        scene.guide, "/api/invitations", {"room_id": str(shop.room_id), "channel": "小区三群"}
    )
    assert made.status_code == 201
