"""WHIP (RFC 9725) and WHEP on the site's own origin: the web role checks the caller and passes the request to the
media node. Browsers drop `Authorization` on redirects to another origin, so there is no redirect."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from litestar import Request, Response, delete, patch, post, route
from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from live.media.offer import LARGEST_OFFER
from live.media.sessions import Scope
from server.kit.devices import DEVICE
from server.kit.problems import Problem
from server.kit.settings import IceServer, Settings
from server.rooms.media_gateway import MediaGateway
from server.rooms.media_node import FRAGMENT, SDP


class Admission(NamedTuple):
    """`room_id` as the node is to know it; `viewer`, the label of whoever watches and may be sent away by it."""

    room_id: str
    viewer: str | None = None


Authorize = Callable[[ASGIConnection[Any, Any, Any, Any], str, Scope], Awaitable[Admission]]
"""(connection, room as it stands in the path, scope) → how the node is to know the caller, who may publish ("whip") or
watch ("whep"); else raises a Problem."""

TURN_TTL = timedelta(hours=12)
"""A relay asks only when a viewer comes or comes back."""
_PASSED_ON = ("Content-Type", "ETag", "Retry-After")
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Accept-Patch",
}
_PREFLIGHT = {
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, If-Match, If-None-Match, {DEVICE}",
    "Access-Control-Max-Age": "86400",
}


class WrongMediaType(Problem):
    status, slug, title = 415, "wrong-media-type", "The body has the wrong content type"


def ice_servers(settings: Settings, now: datetime) -> tuple[IceServer, ...]:
    """For one session: the TURN server's credential is its own, and ends after TURN_TTL."""
    if not settings.turn_urls:
        return settings.ice_servers
    return (*settings.ice_servers, turn_server(settings, now))


def turn_server(settings: Settings, now: datetime) -> IceServer:
    """Signed as coturn's `use-auth-secret` wants it (draft-uberti-behave-turn-rest)."""
    user = f"{int((now + TURN_TTL).timestamp())}:{secrets.token_hex(4)}"
    signature = hmac.digest(settings.turn_secret.encode(), user.encode(), hashlib.sha1)
    return IceServer(list(settings.turn_urls), user, base64.b64encode(signature).decode())


def media_routes(
    authorize: Authorize, gateway: MediaGateway, servers: Callable[[], tuple[IceServer, ...]]
) -> list[HTTPRouteHandler]:
    """`/whip/{room}` and `/whep/{room}`, and below each its sessions. Every verb is authorized. `servers`: the ICE
    servers of one more session."""
    return [handler for scope in _SCOPES for handler in _scope_routes(scope, authorize, gateway, servers)]


_SCOPES: tuple[Scope, ...] = ("whip", "whep")


def _scope_routes(
    scope: Scope,
    authorize: Authorize,
    gateway: MediaGateway,
    servers: Callable[[], tuple[IceServer, ...]],
) -> list[HTTPRouteHandler]:
    endpoint, session = f"/{scope}/{{room_id:str}}", f"/{scope}/{{room_id:str}}/{{resource_id:str}}"

    @post(endpoint, name=f"{scope}:create", request_max_body_size=LARGEST_OFFER, tags=["media"])
    async def create(request: Request[Any, Any, Any], room_id: FromPath[str]) -> Response[bytes]:
        room, viewer = await authorize(request, room_id, scope)
        _expect(request, SDP)
        node = await gateway.place(room)
        answer = await node.call(
            "POST",
            f"/{scope}/{quote(room, safe='')}",
            params={"viewer": viewer} if viewer is not None else None,
            content=await request.body(),
            headers=_conditions(request, "If-None-Match"),
        )
        response = _passed_on(answer)
        if answer.status_code == 201:
            resource_id = answer.headers["Location"].rpartition("/")[2]
            response.headers["Location"] = f"/{scope}/{quote(room, safe='')}/{node.tag}.{resource_id}"
            response.headers["Accept-Patch"] = FRAGMENT
            if links := ice_links(servers()):
                response.headers["Link"] = links
        return response

    @patch(session, name=f"{scope}:trickle", request_max_body_size=LARGEST_OFFER, tags=["media"])
    async def trickle(
        request: Request[Any, Any, Any], room_id: FromPath[str], resource_id: FromPath[str]
    ) -> Response[bytes]:
        room, _ = await authorize(request, room_id, scope)
        _expect(request, FRAGMENT)
        node, inner = gateway.session(resource_id)
        answer = await node.call(
            "PATCH",
            f"/resource/{quote(inner, safe='')}",
            params={"room": room, "protocol": scope},
            content=await request.body(),
            headers=_conditions(request, "If-Match"),
        )
        return _passed_on(answer)

    @delete(session, name=f"{scope}:end", status_code=200, tags=["media"])
    async def end(
        request: Request[Any, Any, Any], room_id: FromPath[str], resource_id: FromPath[str]
    ) -> Response[bytes]:
        room, _ = await authorize(request, room_id, scope)
        node, inner = gateway.session(resource_id)
        path = f"/resource/{quote(inner, safe='')}"
        return _passed_on(await node.call("DELETE", path, params={"room": room, "protocol": scope}))

    @route(endpoint, http_method=[HttpMethod.OPTIONS], name=f"{scope}:options", include_in_schema=False)
    async def options(room_id: FromPath[str]) -> Response[str]:
        return _preflight("POST, OPTIONS", {"Accept-Post": SDP})

    @route(
        session, http_method=[HttpMethod.OPTIONS], name=f"{scope}:session-options", include_in_schema=False
    )
    async def session_options(room_id: FromPath[str], resource_id: FromPath[str]) -> Response[str]:
        return _preflight("PATCH, DELETE, OPTIONS", {"Accept-Patch": FRAGMENT})

    # Litestar makes an OPTIONS handler of its own for a path whose first handler is another.
    return [options, session_options, create, trickle, end]


def _conditions(request: Request[Any, Any, Any], name: str) -> dict[bytes, bytes]:
    """As it came: a header may hold bytes beyond ASCII, which are no entity tag but no error of ours."""
    value = request.headers.get(name)
    return {name.encode(): value.encode("latin-1")} if value else {}


def _expect(request: Request[Any, Any, Any], media_type: str) -> None:
    if request.content_type[0] != media_type:
        raise WrongMediaType(f"{media_type} is expected")


def _passed_on(answer: httpx.Response) -> Response[bytes]:
    headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
    return Response(
        answer.content,
        status_code=answer.status_code,
        media_type=headers.pop("Content-Type", "text/plain"),
        headers=headers | _CORS,
    )


def _preflight(methods: str, headers: dict[str, str]) -> Response[str]:
    allowed = {"Allow": methods, "Access-Control-Allow-Methods": methods}
    return Response("", media_type="text/plain", headers=_CORS | _PREFLIGHT | allowed | headers)


def ice_links(servers: tuple[IceServer, ...]) -> str:
    """RFC 9725, 4.6: the ICE servers for the client as one Link header."""
    return ", ".join(_link(server, url) for server in servers for url in server.urls)


def _link(server: IceServer, url: str) -> str:
    parts = [f"<{url}>", 'rel="ice-server"']
    if server.username is not None:
        parts.append(f'username="{_quoted(server.username)}"')
    if server.credential is not None:
        parts += [f'credential="{_quoted(server.credential)}"', 'credential-type="password"']
    return "; ".join(parts)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
