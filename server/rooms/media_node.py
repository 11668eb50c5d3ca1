"""The media role's HTTP shell: signalling between the web role and the engine, on a private address.

Nobody else may speak to it: every request but the health check carries `X-Showfloor-Internal`.
"""

from __future__ import annotations

import hmac
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, delete, get, patch, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from live.media.errors import MalformedOffer, MediaError, UnknownResource
from live.media.health import Health
from live.media.node import Figures, MediaNode
from live.media.offer import LARGEST_OFFER
from live.media.room import MediaState
from live.media.sessions import Resource, Scope
from server.kit.logs import get_logger
from server.kit.problems import EXCEPTION_HANDLERS, Forbidden, render
from server.kit.settings import Settings, split_address
from server.kit.tokens import derive

INTERNAL_HEADER = "X-Showfloor-Internal"
SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
_OPEN = "open to anybody"

log = get_logger("media")


OnState = Callable[[str, MediaState], None]


def _log_state(room_id: str, state: MediaState) -> None:
    log.info("media state", room_id=room_id, state=state)


class MediaReport(msgspec.Struct, frozen=True):
    """What `GET /rooms` answers."""

    node: Figures
    rooms: dict[str, Health]


def internal_key(secret: str) -> str:
    """What `X-Showfloor-Internal` must hold; derived, so that it gives nothing else away."""
    return derive(secret, "media signalling").hex()


def create_media_app(settings: Settings, on_state: OnState = _log_state) -> Litestar:
    """The engine starts and stops with the app. Raises OSError at start-up when its UDP port is taken, or when an
    announced name has no address. `on_state` must not block."""
    host, port = split_address(settings.media_udp)
    node = MediaNode(
        host=host,
        port=port,
        announced=announced_addresses(settings),
        on_state=on_state,
        accelerate=settings.media_accelerator,
    )

    @asynccontextmanager
    async def engine(app: Litestar) -> AsyncGenerator[None, None]:
        await node.start()
        way = "accelerated" if node.figures().accelerated else "plain"
        log.info("media engine listens", udp=f"{host}:{node.udp_port}", fan_out=way)
        try:
            yield
        finally:
            await node.stop()

    return Litestar(
        [_publish, _play, _trickle, _close, _rooms, _clear, _viewers, _dismiss, _drain, _undo_drain, _live],
        lifespan=[engine],
        guards=[_from_inside],
        exception_handlers={MediaError: _media_problem, **EXCEPTION_HANDLERS},
        request_max_body_size=LARGEST_OFFER,
        state=State({"node": node, "key": internal_key(settings.secret)}),
        openapi_config=None,
        logging_config=None,
    )


def announced_addresses(settings: Settings) -> list[str]:
    """SHOWFLOOR_MEDIA_PUBLIC may hold several addresses or names, with commas between. Raises OSError."""
    given = [address.strip() for address in (settings.media_public or "").split(",")]
    return [
        str(socket.getaddrinfo(address, None, type=socket.SOCK_DGRAM)[0][4][0])
        for address in given
        if address
    ]


def _from_inside(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    given = connection.headers.get(INTERNAL_HEADER, "")
    if _OPEN not in handler.opt and not hmac.compare_digest(
        given.encode(), connection.app.state.key.encode()
    ):
        raise Forbidden


def _media_problem(_: Request[Any, Any, Any], error: MediaError) -> Response[bytes]:
    body = {
        "type": f"urn:showfloor:problem:{error.slug}",
        "title": error.title,
        "status": error.status,
        "slug": error.slug,
    }
    if error.detail:
        body["detail"] = error.detail
    if error.status == 503:
        body["retry_after_s"] = 2
    return render(body)


async def _text(request: Request[Any, Any, Any]) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise MalformedOffer("not UTF-8") from error


def _created(resource: Resource) -> Response[str]:
    headers = {"Location": f"/resource/{resource.id}", "ETag": resource.etag}
    return Response(resource.answer, status_code=201, media_type=SDP, headers=headers)


@post("/whip/{room_id:str}")
async def _publish(request: Request[Any, Any, Any], state: State, room_id: FromPath[str]) -> Response[str]:
    vacant = request.headers.get("If-None-Match") == "*"
    return _created(await _node(state).publish(room_id, await _text(request), only_if_vacant=vacant))


@post("/whep/{room_id:str}")
async def _play(
    request: Request[Any, Any, Any],
    state: State,
    room_id: FromPath[str],
    viewer: FromQuery[str | None] = None,
) -> Response[str]:
    return _created(await _node(state).play(room_id, await _text(request), viewer))


@patch("/resource/{resource_id:str}")
async def _trickle(
    request: Request[Any, Any, Any],
    state: State,
    resource_id: FromPath[str],
    room: FromQuery[str],
    protocol: FromQuery[Scope],
) -> Response[Any]:
    _check_owner(state, resource_id, room, protocol)
    body = await _text(request)
    restarted = await _node(state).trickle(resource_id, body, request.headers.get("If-Match"))
    if restarted is None:
        return Response(None, status_code=204)
    return Response(
        restarted.fragment, status_code=200, media_type=FRAGMENT, headers={"ETag": restarted.etag}
    )


@delete("/resource/{resource_id:str}", status_code=200)
async def _close(
    state: State, resource_id: FromPath[str], room: FromQuery[str], protocol: FromQuery[Scope]
) -> None:
    _check_owner(state, resource_id, room, protocol)
    await _node(state).close(resource_id)


@get("/rooms")
async def _rooms(state: State) -> MediaReport:
    node = _node(state)
    return MediaReport(node.figures(), dict(node.rooms()))


@delete("/rooms/{room_id:str}", status_code=200)
async def _clear(state: State, room_id: FromPath[str]) -> None:
    await _node(state).clear(room_id)


@get("/rooms/{room_id:str}/viewers")
async def _viewers(state: State, room_id: FromPath[str]) -> list[str]:
    return sorted(_node(state).viewers(room_id))


@delete("/rooms/{room_id:str}/viewers/{viewer:str}", status_code=200)
async def _dismiss(state: State, room_id: FromPath[str], viewer: FromPath[str]) -> None:
    await _node(state).dismiss(room_id, viewer)


@post("/drain", status_code=202)
async def _drain(state: State) -> None:
    _node(state).drain()
    log.info("draining: no new rooms", rooms=len(_node(state).rooms()))


@delete("/drain", status_code=200)
async def _undo_drain(state: State) -> None:
    _node(state).drain(False)
    log.info("takes new rooms again")


@get("/health/live", opt={_OPEN: True})
async def _live(state: State) -> dict[str, Any]:
    return {"status": "ok", "udp_port": _node(state).udp_port}


def _check_owner(state: State, resource_id: str, room_id: str, scope: Scope) -> None:
    """The web role has checked a token for this room and scope; it says nothing about another's session."""
    if not _node(state).belongs(resource_id, room_id, scope):
        raise UnknownResource


def _node(state: State) -> MediaNode:
    node: MediaNode = state.node
    return node
