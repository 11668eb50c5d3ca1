"""A small plain-HTTP page for phones in front of `--lan`: trust the certificate first, then on to the live page.

A page under the certificate that is yet to be trusted could not be that place.
"""

from __future__ import annotations

import asyncio
import html
import socket
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>Showfloor</title>
<style>
body{{font:16px/1.6 -apple-system,"PingFang SC","Noto Sans CJK SC",sans-serif;margin:32px 24px;color:#14161a}}
a{{display:block;margin:12px 0;padding:16px;border-radius:8px;background:#14161a;color:#fff;text-decoration:none}}
a+a{{background:#ff2f55}} p{{color:#5a606b;font-size:14px}}
</style>
<h1>Showfloor</h1>
<a href="/lan-ca.crt">1 安装证书 · Install the certificate</a><a href="{target}">2 进入 · Go on</a>
<p>iPhone: 设置 → 已下载描述文件 → 安装; 再到 通用 → 关于本机 → 证书信任设置 里打开.<br>
Settings → Profile Downloaded → Install, then General → About → Certificate Trust Settings.</p>
<p>Android: 设置 → 安全 → 加密与凭据 → 安装证书 → CA 证书.<br>
Settings → Security → Encryption &amp; credentials → Install a certificate → CA certificate.</p>
<p>证书只对局域网地址有效. The certificate is good for addresses in local networks only.</p></html>"""


class PhoneDoor:
    """`target` is where the page leads on to, set when it is known."""

    def __init__(self, authority: Path, target: str) -> None:
        certificate = x509.load_pem_x509_certificate(authority.read_bytes())
        self._certificate = certificate.public_bytes(serialization.Encoding.DER)
        self.target = target

    async def open(self, listener: socket.socket) -> asyncio.Server:
        return await asyncio.start_server(self._serve, sock=listener, limit=8 << 10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(
            OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(5):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(request.split(b" ", 2)[1]))
                await writer.drain()
        writer.close()

    def _answer(self, path: bytes) -> bytes:
        if path == b"/lan-ca.crt":
            return _response("200 OK", "application/x-x509-ca-cert", self._certificate)
        if path == b"/":
            page = PAGE.format(target=html.escape(self.target))
            return _response("200 OK", "text/html; charset=utf-8", page.encode())
        return _response("404 Not Found", "text/plain", b"")


def _response(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + body
