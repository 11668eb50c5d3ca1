"""The pages: built files of `static/dist`, one HTML for each, hashed assets kept by browsers for a year."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.router import Router
from litestar.static_files import create_static_files_router

from server.kit.problems import NotFound
from server.kit.settings import Settings
from server.web.head import Head
from server.web.heads import Heads
from server.web.shared_cards import ROUTES as SHARED_CARDS

DIST = Path(__file__).parents[2] / "static" / "dist"

PAGES = {
    "/": "home",
    "/login": "login",
    "/setup/{token:str}": "setup",
    "/pay/{payment_id:str}": "cashier",
    "/control/{room_id:str}": "control",
    "/store/{store_id:str}": "store",
    "/store/{store_id:str}/screen/{room_id:str}": "store_screen",
    "/hq": "hq",
    "/hq/members": "members",
    "/hq/screen": "screen",
    "/reference": "reference",
}

HEADED = {"/live": "live", "/p": "product", "/proof": "proof"}
"""Pages of one thing that say in their heads what it is (`heads.MAKERS`)."""

# RapiDoc writes its style sheets into the page; scripts stay ours alone there too.
OWN_POLICY = {
    "reference": {
        "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    }
}


@cache
def built(name: str) -> tuple[bytes, str]:
    """A page's bytes and its ETag. Raises `NotFound` when the page was not built."""
    path = DIST / f"{name}.html"
    if not path.is_file():
        raise NotFound(f"static/dist/{name}.html is missing: npm run build in static/")
    body = path.read_bytes()
    return body, _etag(body)


def _etag(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def page(
    request: Request[Any, Any, Any], name: str, status: int = 200, head: Head | None = None
) -> Response[bytes]:
    """A built page, revalidated at every visit, so that a new version shows at once. `head` says what it is about."""
    body, etag = built(name)
    if head is not None:
        body = head.put_into(body)
        etag = _etag(body)
    if status == 200 and request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers={"ETag": etag})
    return Response(
        body,
        status_code=status,
        media_type=MediaType.HTML,
        headers={"ETag": etag, "Cache-Control": "no-cache", **OWN_POLICY.get(name, {})},
    )


def _handler(path: str, name: str) -> HTTPRouteHandler:
    @get(path, name=f"page:{name}", include_in_schema=False)
    async def show(request: Request[Any, Any, Any]) -> Response[bytes]:
        return page(request, name)

    return show


@get("/sandbox/payments/{payment_id:uuid}", include_in_schema=False)
async def cashier(request: Request[Any, Any, Any], settings: Settings) -> Response[bytes]:
    if not settings.sandbox:
        raise NotFound
    return page(request, "cashier")


def _headed(path: str, name: str) -> HTTPRouteHandler:
    """A page with what a chat shows of its link. Whatever is wrong with that, the page itself comes."""

    @get(f"{path}/{{thing_id:str}}", name=f"page:{name}", include_in_schema=False)
    async def show(request: Request[Any, Any, Any], thing_id: str, heads: Heads) -> Response[bytes]:
        code, lang = (request.query_params.get(word, "") for word in ("i", "lang"))
        return page(request, name, head=await heads.of(name, thing_id, code, lang))

    return show


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a person looks at this with a browser, rather than a program."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def routes() -> list[HTTPRouteHandler | Router]:
    assets = create_static_files_router(
        path="/assets",
        directories=[DIST / "assets"],
        cache_control=None,
        include_in_schema=False,
        after_request=_keep,
    )
    return [
        *(_handler(path, name) for path, name in PAGES.items()),
        *(_headed(path, name) for path, name in HEADED.items()),
        cashier,
        *SHARED_CARDS,
        assets,
    ]


async def _keep(response: Response[Any]) -> Response[Any]:
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
