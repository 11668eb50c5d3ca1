"""`/metrics` for Prometheus: this process's requests and sockets, the media nodes, and the jobs of all."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import structlog
from litestar import Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from live.hub import Hub
from server.kit.database import Database, log_failure
from server.kit.jobs import service as jobs
from server.kit.problems import Forbidden
from server.kit.settings import Settings
from server.rooms.media_gateway import MediaGateway
from server.web.inside import from_inside

log = structlog.get_logger()

PATIENCE_S = 2.0


@get("/metrics", include_in_schema=False)
async def metrics(
    request: Request[Any, Any, Any],
    settings: Settings,
    hub: Hub,
    media_gateway: MediaGateway,
    database: Database,
) -> Response[bytes]:
    if not from_inside(request, settings):
        raise Forbidden
    rooms = _lines("rooms", {"sessions": len(hub.sessions), **msgspec.structs.asdict(hub.stats)})
    media = [
        _lines(
            "media",
            {"away": 1} if report is None else msgspec.structs.asdict(report.node),
            f'{{node="{name}"}}',
        )
        for name, report in (await media_gateway.reports()).items()
    ]
    return Response(
        b"".join([generate_latest(), rooms, *media, await _jobs(database)]),
        headers={"Content-Type": CONTENT_TYPE_LATEST},
    )


async def _jobs(database: Database) -> bytes:
    """Nothing of them while PostgreSQL is away; the other figures are asked for then most of all."""
    try:
        async with asyncio.timeout(PATIENCE_S), database.transaction() as session:
            figures = await jobs.figures(session)
    except Exception as error:
        log_failure(log, "no figures of the jobs", error)
        return b""
    kept = [
        _lines("jobs", {"kept": count}, f'{{kind="{kind}",state="{state}"}}')
        for (kind, state), count in sorted(figures.states.items())
    ]
    return b"".join([*kept, _lines("jobs", {"waiting_seconds": figures.waiting_s})])


def _lines(part: str, figures: dict[str, Any], labels: str = "") -> bytes:
    return "".join(
        f"showfloor_{part}_{name}{labels} {float(value)}\n" for name, value in figures.items()
    ).encode()


ROUTES = [metrics]
