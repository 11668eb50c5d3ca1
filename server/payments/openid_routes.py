"""The buyer's way to WeChat and back, so that a payment within WeChat can begin."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_201_CREATED, HTTP_302_FOUND

from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.paths import OwnPath
from server.kit.principal import Principal
from server.kit.problems import TooMany
from server.kit.settings import Settings
from server.payments import openids

COOKIE = "showfloor_wechat"
COMING_BACK_PER_MINUTE = 600
"""From one address; each asks WeChat once."""


class SetOut(msgspec.Struct, forbid_unknown_fields=True):
    return_url: OwnPath


class WayOut(msgspec.Struct):
    url: str


@post("/api/payments/wechat/visits", status_code=HTTP_201_CREATED, tags=["payments"])
async def set_out(data: SetOut, member: Principal, settings: Settings, clock: Clock) -> Response[WayOut]:
    """Where a browser within WeChat goes, so that WeChat says who is paying (`openid-needed`). It comes back to
    `return_url`, a path of this site; when nothing came of it, with `wechat=stale`, `away` or `refused` in its query.
    The answer's cookie must be kept. 404 where the official account's secret is not set."""
    url, state = openids.set_out(settings, member, data.return_url, clock())
    return Response(WayOut(url), cookies=[_cookie(settings, state)])


@get(openids.BACK, status_code=HTTP_302_FOUND, dependencies=LIMITED, include_in_schema=False)
async def come_back(
    request: Request[Any, Any, Any],
    database: Database,
    settings: Settings,
    limiter: Limiter,
    clock: Clock,
    way_back: Annotated[str, QueryParameter(name="to", max_length=500)],
    visit_state: Annotated[str, QueryParameter(name="state", pattern=openids.STATE)],
    code: Annotated[str, QueryParameter(max_length=512)] = "",
) -> Response[None]:
    """From WeChat, by the buyer's browser: on to where the visit began."""
    visit = openids.read_state(settings, visit_state, way_back)
    same_browser = hmac.compare_digest(
        request.cookies.get(COOKIE, "").encode(errors="replace"), visit_state.encode()
    )
    try:
        await limiter.take("wechat-codes", address_of(request), COMING_BACK_PER_MINUTE, 60)
        await openids.come_back(database, settings, visit, code, same_browser=same_browser, now=clock())
    except TooMany:
        way_back = openids.with_trouble(way_back, "away")
    except openids.NotGiven as trouble:
        way_back = openids.with_trouble(way_back, trouble.why)
    headers = {"Location": way_back, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    over = [_cookie(settings, "", max_age=0)] if same_browser else []
    return Response(None, status_code=HTTP_302_FOUND, headers=headers, cookies=over)


def _cookie(settings: Settings, state: str, max_age: int | None = None) -> Cookie:
    return Cookie(
        COOKIE,
        path=openids.BACK,
        value=state,
        max_age=int(openids.GOOD_FOR.total_seconds()) if max_age is None else max_age,
        secure=settings.base_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


ROUTES = [set_out, come_back]
