"""`/metrics` for Prometheus: this process's requests and sockets, and the media node."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from live.hub import Hub
from server.kit.problems import Forbidden
from server.kit.settings import Settings
from server.rooms.media_proxy import MediaGateway, MediaUnavailable
from server.web.inside import from_inside


@get("/metrics", include_in_schema=False)
async def metrics(
    request: Request[Any, Any, Any], settings: Settings, hub: Hub, media_gateway: MediaGateway
) -> Response[bytes]:
    if not from_inside(request, settings):
        raise Forbidden
    rooms = _lines("rooms", {"sessions": len(hub.sessions), **msgspec.structs.asdict(hub.stats)})
    try:
        media = _lines("media", msgspec.structs.asdict((await media_gateway.report()).node))
    except MediaUnavailable:
        media = _lines("media", {"away": 1})
    return Response(generate_latest() + rooms + media, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _lines(part: str, figures: dict[str, Any]) -> bytes:
    return "".join(f"showfloor_{part}_{name} {float(value)}\n" for name, value in figures.items()).encode()


ROUTES = [metrics]
