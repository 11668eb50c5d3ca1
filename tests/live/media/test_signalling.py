"""WHIP and WHEP as HTTP: RFC 9725 and draft-ietf-wish-whep, through the web role's proxy."""

from __future__ import annotations

import httpx
import pytest

from server.kit.settings import IceServer
from server.rooms.media_gateway import MediaUnavailable
from server.rooms.media_node import INTERNAL_HEADER
from server.rooms.media_proxy import ice_links
from tests.live.media.offers import BROWSER_OFFER, PLAYER_OFFER
from tests.live.media.stage import TOKEN, stage

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
CANDIDATE = "a=candidate:1 1 udp 2113937151 192.0.2.9 5000 typ host\r\n"
TRICKLE = (
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" + CANDIDATE
)
RESTART = "a=ice-ufrag:newU\r\na=ice-pwd:Q3vZsp1VDPR5ayyaLYbXDCvj\r\n"

OFFERS = {"whip": BROWSER_OFFER, "whep": PLAYER_OFFER}


@pytest.fixture(params=["whip", "whep"])
def scope(request):
    return request.param


@pytest.fixture
async def created(show, client, scope):
    response = await client.post(show.url(scope, "room one"), content=OFFERS[scope], headers=SDP)
    assert response.status_code == 201
    return response


def slug(response: httpx.Response) -> str:
    assert response.headers["Content-Type"].startswith("application/problem+json")
    assert response.json()["status"] == response.status_code
    return response.json()["slug"]


async def test_created_session_has_an_answer_a_place_and_a_tag(created, scope):
    assert created.headers["Content-Type"].startswith("application/sdp")
    assert created.text.startswith("v=0\r\n")
    assert created.headers["Location"].startswith(f"/{scope}/room%20one/")
    assert created.headers["ETag"].startswith('"')
    assert created.headers["Access-Control-Allow-Origin"] == "*"
    assert "Location" in created.headers["Access-Control-Expose-Headers"]
    assert created.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"


async def test_trickled_candidates_are_accepted_without_a_body(show, client, created):
    url = show.base_url + created.headers["Location"]
    for body in (TRICKLE, CANDIDATE + "a=end-of-candidates\r\n"):
        tag = {"If-Match": created.headers["ETag"]}
        response = await client.patch(url, content=body, headers=FRAGMENT | tag)
        assert (response.status_code, response.content) == (204, b"")
        assert "ETag" not in response.headers


async def test_ice_restart_gives_new_credentials_and_a_new_tag(show, client, created):
    url = show.base_url + created.headers["Location"]
    response = await client.patch(url, content=RESTART, headers=FRAGMENT | {"If-Match": "*"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/trickle-ice-sdpfrag")
    assert response.headers["ETag"] != created.headers["ETag"]
    ufrag = next(line for line in response.text.split("\r\n") if line.startswith("a=ice-ufrag:"))
    assert ufrag not in created.text
    stale = {"If-Match": created.headers["ETag"]}
    assert (await client.patch(url, content=CANDIDATE, headers=FRAGMENT | stale)).status_code == 412


@pytest.mark.parametrize(
    ("body", "headers", "status", "expected"),
    [
        (TRICKLE, {}, 428, "entity-tag-missing"),
        (TRICKLE, {"If-Match": '"other"'}, 412, "entity-tag-mismatch"),
        (RESTART, {"If-Match": '"other"'}, 412, "entity-tag-mismatch"),
        ("nonsense", {"If-Match": "*"}, 400, "malformed-fragment"),
        (TRICKLE, {"If-Match": "*", "Content-Type": "application/sdp"}, 415, "wrong-media-type"),
    ],
)
async def test_wrong_patch_is_refused_and_harms_nothing(
    show, client, created, body, headers, status, expected
):
    url = show.base_url + created.headers["Location"]
    response = await client.patch(url, content=body, headers=FRAGMENT | headers)
    assert (response.status_code, slug(response)) == (status, expected)
    assert show.node.figures().agents == 1


async def test_a_rooms_id_has_one_spelling_for_the_node(show, client, scope):
    created = await client.post(show.url(scope, "ROOM"), content=OFFERS[scope], headers=SDP)
    assert created.headers["Location"].startswith(f"/{scope}/room/")
    assert list(show.node.rooms()) == ["room"]
    place = show.base_url + created.headers["Location"].replace("room", "Room")
    assert (await client.delete(place)).status_code == 200


async def test_conditions_beyond_ascii_match_nothing_and_are_no_error(show, client, created):
    odd = {"If-None-Match": "é".encode(), "If-Match": "é".encode()}
    assert (
        await client.post(show.url("whip", "r"), content=BROWSER_OFFER, headers=SDP | odd)
    ).status_code == 201
    url = show.base_url + created.headers["Location"]
    assert slug(await client.patch(url, content=TRICKLE, headers=FRAGMENT | odd)) == "entity-tag-mismatch"


async def test_deleted_session_is_gone(show, client, created):
    url = show.base_url + created.headers["Location"]
    assert (await client.delete(url)).status_code == 200
    assert show.node.figures().agents == 0
    assert slug(await client.delete(url)) == "media-resource-unknown"
    patched = await client.patch(url, content=CANDIDATE, headers=FRAGMENT | {"If-Match": "*"})
    assert patched.status_code == 404


async def test_session_can_only_be_reached_through_its_own_room_and_protocol(show, client, created, scope):
    resource = created.headers["Location"].rpartition("/")[2]
    other = "whep" if scope == "whip" else "whip"
    for path in (f"/{scope}/room two/{resource}", f"/{other}/room one/{resource}"):
        assert (await client.delete(show.base_url + path)).status_code == 404
    assert show.node.figures().agents == 1


async def test_every_verb_wants_a_token(show, created, scope):
    url = show.base_url + created.headers["Location"]
    async with httpx.AsyncClient() as stranger:
        responses = [
            await stranger.post(show.url(scope, "room one"), content=OFFERS[scope], headers=SDP),
            await stranger.patch(url, content=TRICKLE, headers=FRAGMENT | {"If-Match": "*"}),
            await stranger.delete(url),
        ]
    assert [slug(response) for response in responses] == ["not-signed-in"] * 3
    assert show.node.figures().agents == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "expected"),
    [
        ("", SDP, 400, "malformed-offer"),
        ("hello", SDP, 400, "malformed-offer"),
        (b"\xff\xfe", SDP, 400, "malformed-offer"),
        (BROWSER_OFFER.replace("opus", "speex"), SDP, 406, "offer-not-acceptable"),
        (BROWSER_OFFER, {"Content-Type": "application/json"}, 415, "wrong-media-type"),
        (BROWSER_OFFER, {}, 415, "wrong-media-type"),
    ],
)
async def test_bad_offer_is_refused_by_name_and_leaves_nothing(show, client, body, headers, status, expected):
    response = await client.post(show.url("whip", "r"), content=body, headers=headers)
    assert (response.status_code, slug(response)) == (status, expected)
    assert show.node.figures().agents == 0


async def test_oversized_offer_is_refused(show, client, scope):
    for size in (70_000, 2_000_000):
        response = await client.post(show.url(scope, "r"), content=b"v" * size, headers=SDP)
        assert response.status_code == 413


async def test_offer_of_the_wrong_direction_is_not_acceptable(show, client):
    assert (await client.post(show.url("whip", "r"), content=PLAYER_OFFER, headers=SDP)).status_code == 406
    assert (await client.post(show.url("whep", "r"), content=BROWSER_OFFER, headers=SDP)).status_code == 406


async def test_conditional_publish_takes_a_vacant_room_only(show, client):
    vacant = SDP | {"If-None-Match": "*"}
    assert (
        await client.post(show.url("whip", "r"), content=BROWSER_OFFER, headers=vacant)
    ).status_code == 201
    second = await client.post(show.url("whip", "r"), content=BROWSER_OFFER, headers=vacant)
    assert (second.status_code, slug(second)) == (412, "room-taken")
    assert (await client.post(show.url("whip", "r"), content=BROWSER_OFFER, headers=SDP)).status_code == 201


async def test_preflight_says_what_may_be_sent_from_anywhere(show, scope):
    async with httpx.AsyncClient() as browser:
        endpoint = await browser.options(
            show.url(scope, "r"), headers={"Origin": "https://elsewhere.example"}
        )
        session = await browser.options(show.url(scope, "r") + "/id")
    assert endpoint.status_code == session.status_code == 200
    assert endpoint.headers["Accept-Post"] == "application/sdp"
    assert endpoint.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in endpoint.headers["Access-Control-Allow-Headers"]
    assert "If-Match" in session.headers["Access-Control-Allow-Headers"]
    assert session.headers["Access-Control-Allow-Methods"] == "PATCH, DELETE, OPTIONS"


async def test_other_methods_are_not_allowed(show, client, scope):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert (await client.request(method, show.url(scope, "r"))).status_code == 405
    for method in ("GET", "PUT", "POST"):
        assert (await client.request(method, show.url(scope, "r") + "/id")).status_code == 405


async def test_node_answers_nobody_without_the_internal_key(show, client):
    async with httpx.AsyncClient(base_url=f"http://{show.media_http}") as direct:
        for headers in (
            {},
            {INTERNAL_HEADER: "00" * 32},
            {INTERNAL_HEADER: TOKEN},
            {INTERNAL_HEADER: "ключ".encode()},
        ):
            assert (await direct.post("/whip/r", content=BROWSER_OFFER, headers=headers)).status_code == 403
            assert (await direct.get("/rooms", headers=headers)).status_code == 403
        assert (await direct.get("/health/live")).json() == {"status": "ok", "udp_port": show.node.udp_port}


async def test_gateway_reports_rooms_and_figures(show, client):
    await client.post(show.url("whep", "r"), content=PLAYER_OFFER, headers=SDP)
    (report,) = (await show.gateway.reports()).values()
    assert report.node.agents == 1
    assert (await show.gateway.health("r")).state == "away"
    assert await show.gateway.health("elsewhere") is None


async def test_draining_node_says_when_to_come_back(show, client):
    await next(iter(show.gateway.nodes.values())).call("POST", "/drain")
    response = await client.post(show.url("whip", "r"), content=BROWSER_OFFER, headers=SDP)
    assert (response.status_code, slug(response)) == (503, "media-draining")
    assert response.headers["Retry-After"] == "2"


async def test_missing_node_is_unavailable_not_an_error_of_ours(tmp_path, client):
    async with stage(tmp_path) as show:
        next(iter(show.gateway.nodes.values()))._client.base_url = httpx.URL("http://127.0.0.1:9")
        response = await client.post(show.url("whip", "r"), content=BROWSER_OFFER, headers=SDP)
        assert (response.status_code, slug(response)) == (503, "media-unavailable")
        with pytest.raises(MediaUnavailable):
            await show.gateway.health("r")


async def test_ice_servers_are_handed_out_with_the_answer(tmp_path, client):
    servers = (IceServer(urls=["turn:turn.example.net?transport=udp"], username="u", credential='p"w'),)
    async with stage(tmp_path, ice_servers=servers) as show:
        response = await client.post(show.url("whep", "r"), content=PLAYER_OFFER, headers=SDP)
    assert response.headers["Link"] == (
        '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="u"; '
        'credential="p\\"w"; credential-type="password"'
    )


async def test_each_session_gets_a_turn_user_of_its_own(tmp_path, client):
    async with stage(tmp_path, turn_urls=("turn:turn.example.net",), turn_secret="of the relay") as show:
        links = [
            (await client.post(show.url("whep", "r"), content=PLAYER_OFFER, headers=SDP)).headers["Link"]
            for _ in range(2)
        ]
    assert all(link.startswith('<turn:turn.example.net>; rel="ice-server"; username="') for link in links)
    assert links[0] != links[1]


def test_several_ice_servers_share_one_link_header():
    links = ice_links(
        (IceServer(urls=["stun:a.example"]), IceServer(urls=["stun:b.example", "stun:c.example"]))
    )
    assert links.count('rel="ice-server"') == 3
    assert links.count(", ") == 2


async def test_announced_addresses_are_the_answers_candidates(tmp_path, client):
    async with stage(tmp_path, media_public="203.0.113.5, 192.168.1.4") as show:
        response = await client.post(show.url("whep", "r"), content=PLAYER_OFFER, headers=SDP)
        port = show.node.udp_port
    assert f" 203.0.113.5 {port} typ host" in response.text
    assert f" 192.168.1.4 {port} typ host" in response.text
