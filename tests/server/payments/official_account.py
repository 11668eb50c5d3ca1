"""A strict official account of WeChat on loopback: it sends browsers back with codes and says whose they are.

After https://developers.weixin.qq.com/doc/service/guide/h5/auth.html and …/api/webdev/access/api_snsaccesstoken.html:
parameters in one order, codes of one use and five minutes, errors with HTTP 200.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from tests.server.payments.wechat import APP

DOMAIN = "shop.example"
CODE_GOOD_FOR_S = 300


@dataclass
class Code:
    openid: str
    born: float = field(default_factory=time.monotonic)
    used: bool = False


class OfficialAccount:
    """`asked` are the codes that the endpoint was asked about."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)
        self.codes: dict[str, Code] = {}
        self.asked: list[str] = []
        self.answer_next: list[dict[str, Any] | int] = []
        self.hangs = False
        self.is_snapshot = False
        self.ahead_s = 0.0
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/sns/oauth2/access_token", self._access_token)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]

    async def stop(self) -> None:
        await self._runner.cleanup()

    def visited(self, url: str, openid: str) -> str:
        """A browser of this buyer opens the address; the path and query that it is sent back to."""
        parts = urlsplit(url)
        assert (parts.scheme, parts.netloc, parts.path) == (
            "https",
            "open.weixin.qq.com",
            "/connect/oauth2/authorize",
        )
        assert parts.fragment == "wechat_redirect"
        query = parse_qsl(parts.query, strict_parsing=True)
        assert [name for name, _ in query] == ["appid", "redirect_uri", "response_type", "scope", "state"]
        given = dict(query)
        assert (given["appid"], given["response_type"], given["scope"]) == (APP, "code", "snsapi_base")
        assert re.fullmatch(r"[a-zA-Z0-9]{1,128}", given["state"])
        back = urlsplit(given["redirect_uri"])
        assert (back.scheme, back.netloc, back.fragment) == ("https", DOMAIN, "")
        code = self.code_for(openid)
        joined = "&".join(filter(None, (back.query, f"code={code}&state={given['state']}")))
        return f"{back.path}?{joined}"

    def code_for(self, openid: str) -> str:
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(openid)
        return code

    async def _access_token(self, request: web.Request) -> web.Response:
        """Its answers are JSON, called text/plain."""
        if self.hangs:
            await asyncio.sleep(60)
        said = self._said(request)
        if isinstance(said, int):
            return web.Response(status=said, text="<html>")
        return web.json_response(said, content_type="text/plain")

    def _said(self, request: web.Request) -> dict[str, Any] | int:
        asked = dict(request.query)
        self.asked.append(asked.get("code", ""))
        if self.answer_next:
            return self.answer_next.pop(0)
        if set(asked) != {"appid", "secret", "code", "grant_type"}:
            return refusal(41002, "appid missing")
        if asked["grant_type"] != "authorization_code":
            return refusal(40002, "invalid grant_type")
        if asked["appid"] != APP:
            return refusal(40013, "invalid appid")
        if asked["secret"] != self.secret:
            return refusal(40125, "invalid appsecret")
        code = self.codes.get(asked["code"])
        if code is None:
            return refusal(40029, "invalid code")
        if code.used:
            return refusal(40163, "code been used")
        if time.monotonic() + self.ahead_s - code.born > CODE_GOOD_FOR_S:
            return refusal(42003, "code expired")
        code.used = True
        return {
            "access_token": secrets.token_urlsafe(40),
            "expires_in": 7200,
            "refresh_token": secrets.token_urlsafe(40),
            "openid": code.openid,
            "scope": "snsapi_base",
            **({"is_snapshotuser": 1} if self.is_snapshot else {}),
        }


def refusal(code: int, message: str) -> dict[str, Any]:
    return {"errcode": code, "errmsg": f"{message}, rid: {secrets.token_hex(8)}"}
