"""`/health/live`: the process answers. `/health/ready`: it can do its work, and, to the inside, what its parts say."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, get
from sqlalchemy import text

from server.kit.database import Database
from server.kit.redis import Redis
from server.kit.settings import Settings
from server.web.inside import from_inside

PATIENCE_S = 2.0


@get("/health/live", tags=["health"])
async def live() -> dict[str, bool]:
    return {"ok": True}


@get("/health/ready", tags=["health"])
async def ready(
    request: Request[Any, Any, Any], database: Database, redis: Redis, settings: Settings
) -> Response[dict[str, Any]]:
    """200 when PostgreSQL answers; 503 when not. Redis may be away for a while: then `degraded` says so."""
    postgres, gate = await asyncio.gather(_ask_postgres(database), _ask_redis(redis))
    body: dict[str, Any] = {"ok": postgres}
    if from_inside(request, settings):
        body |= {
            "degraded": not gate,
            "parts": {"postgresql": postgres, "redis": gate},
            "supervisor": _supervisor(settings),
        }
    return Response(body, status_code=200 if postgres else 503, headers={"Cache-Control": "no-store"})


async def _ask_postgres(database: Database) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S), database.transaction() as session:
            await session.execute(text("SELECT 1"))
    except Exception:
        return False
    return True


async def _ask_redis(redis: Redis) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await redis.ping()
    except Exception:
        return False
    return True


def _supervisor(settings: Settings) -> Any:
    """What `showfloor run` says of its children; null when another supervisor runs this."""
    try:
        return msgspec.json.decode((settings.data / "supervisor.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


ROUTES = [live, ready]
